/**
 * The pipe: a connection inside a process behaves as a socket does.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import fc from "fast-check";
import { isConnectionEnd } from "../../src/transport/connection_end.ts";
import { createPipe, type Duplex } from "../../src/transport/duplex.ts";
import { fuzz } from "../support/wire/fuzz.ts";

/** Writes all bytes, however many writes it takes. */
async function writeAll(duplex: Duplex, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await duplex.write(bytes.subarray(sent));
}

/** Reads until there are so many bytes, or the end. */
async function readBytes(duplex: Duplex, count: number, pieceBytes = count): Promise<number[]> {
  const bytes: number[] = [];
  while (bytes.length < count) {
    const buffer = new Uint8Array(Math.min(pieceBytes, count - bytes.length));
    const read = await duplex.read(buffer);
    if (read === null) break;
    bytes.push(...buffer.subarray(0, read));
  }
  return bytes;
}

/** The bytes 1, 2, 3 … */
function counting(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => (index + 1) & 0xff);
}

Deno.test("createPipe() carries bytes both ways, each in its order", async () => {
  const [here, there] = createPipe();
  await here.write(counting(3));
  await here.write(counting(2));
  await there.write(new Uint8Array([9]));
  assertEquals(await readBytes(there, 5), [1, 2, 3, 1, 2]);
  assertEquals(await readBytes(here, 1), [9]);
  here.close();
});

Deno.test("Pipe: a read waits for a write", async () => {
  const [here, there] = createPipe();
  const reading = readBytes(there, 4);
  await here.write(counting(4));
  assertEquals(await reading, [1, 2, 3, 4]);
  here.close();
});

Deno.test("Pipe: a small buffer reads a piece, and the rest stays", async () => {
  const [here, there] = createPipe();
  await here.write(counting(10));
  assertEquals(await readBytes(there, 10, 3), [...counting(10)]);
  here.close();
});

Deno.test("Pipe: written bytes are copied, their buffer can be used again at once", async () => {
  const [here, there] = createPipe();
  const bytes = counting(4);
  await here.write(bytes);
  bytes.fill(0);
  assertEquals(await readBytes(there, 4), [1, 2, 3, 4]);
  here.close();
});

Deno.test("Pipe: a writer waits when too much is under way, and goes on when it is read", async () => {
  const [here, there] = createPipe();
  const bytes = counting(1024 * 1024);
  const first = await here.write(bytes);
  assertLess(first, bytes.length);
  let isAccepted = false;
  const second = here.write(bytes.subarray(first)).then((count) => {
    isAccepted = true;
    return count;
  });
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  assert(!isAccepted, "the second write waits");
  const buffer = new Uint8Array(first);
  assertEquals(await there.read(buffer), first);
  assert(await second > 0);
  here.close();
});

Deno.test("Pipe: what was written before the end can be read, then comes the end", async () => {
  const [here, there] = createPipe();
  await here.write(counting(3));
  here.close();
  assertEquals(await readBytes(there, 10), [1, 2, 3]);
  assertEquals(await there.read(new Uint8Array(1)), null);
});

Deno.test("Pipe: close() ends a read that waits, at both ends", async () => {
  const [here, there] = createPipe();
  const reads = [here.read(new Uint8Array(1)), there.read(new Uint8Array(1))];
  here.close();
  assertEquals(await Promise.all(reads), [null, null]);
});

Deno.test("Pipe: writing into a closed pipe is the end of a connection, also for a writer that waits", async () => {
  const [here, there] = createPipe();
  await writeAll(here, new Uint8Array(256 * 1024));
  const waiting = here.write(counting(1));
  there.close();
  assert(isConnectionEnd(await assertRejects(() => waiting)));
  assert(isConnectionEnd(await assertRejects(() => here.write(counting(1)))));
  assert(isConnectionEnd(await assertRejects(() => there.write(counting(1)))));
  there.close();
  here.close();
});

Deno.test("Pipe: whatever is written and read at once, the bytes arrive in order (random)", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1, max: 70_000 }), async (sizes, pieceBytes) => {
      const [here, there] = createPipe();
      const count = sizes.reduce((sum, size) => sum + size);
      const bytes = counting(count);
      const writing = (async () => {
        let offset = 0;
        for (const size of sizes) {
          await writeAll(here, bytes.subarray(offset, offset + size));
          offset += size;
        }
        here.close();
      })();
      const received = new Uint8Array(count);
      let offset = 0;
      for (;;) {
        const read = await there.read(received.subarray(offset, offset + pieceBytes));
        if (read === null || read === 0) break;
        offset += read;
      }
      await writing;
      assertEquals(offset, count);
      assertEquals(received, bytes);
    }),
    fuzz(15),
  );
});
