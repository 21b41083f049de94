/**
 * A connection as a stream of Node: bytes stay what they are, whoever takes them late.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Duplex } from "../../src/transport/duplex.ts";
import { DuplexStream } from "../../src/transport/duplex_stream.ts";

/** As much as fills a large buffer more than once, and no multiple of any buffer. */
const BYTES = 300_001;

/** A connection that fills each buffer at once with the next numbers, and ends after so many bytes. */
class CountingDuplex implements Duplex {
  #count = 0;

  read(buffer: Uint8Array): Promise<number | null> {
    const count = Math.min(buffer.length, BYTES - this.#count);
    if (count === 0) return Promise.resolve(null);
    for (let at = 0; at < count; at++) buffer[at] = numberAt(this.#count++);
    return Promise.resolve(count);
  }

  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(bytes.length);
  }

  close(): void {}
}

/** The byte at a place: those of one buffer differ from those of the next one. */
function numberAt(place: number): number {
  return place % 251;
}

/** Compares bytes with what the connection has sent; gives the first place that differs. */
function findDifference(chunks: readonly Uint8Array[]): number | undefined {
  let place = 0;
  for (const chunk of chunks) {
    for (const byte of chunk) {
      if (byte !== numberAt(place)) return place;
      place++;
    }
  }
  return place === BYTES ? undefined : place;
}

Deno.test("DuplexStream keeps what nobody has taken yet", async () => {
  const stream = new DuplexStream(new CountingDuplex());
  const chunks: Uint8Array[] = [];
  // An iterator takes a chunk at a time, and others come meanwhile.
  for await (const chunk of stream) chunks.push(chunk.slice());
  assertEquals(findDifference(chunks), undefined);
});

Deno.test("DuplexStream reads into another buffer while somebody still takes one", async () => {
  const stream = new DuplexStream(new CountingDuplex());
  const chunks: Uint8Array[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.on("data", (chunk: Uint8Array) => {
    stream.read(0);
    chunks.push(chunk.slice());
  });
  stream.on("end", resolve);
  await promise;
  assertEquals(findDifference(chunks), undefined);
});
