/**
 * The bytes of messages by id: what is read is what was stored, and what is forgotten is let go.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import fc from "fast-check";
import { readEntrySize } from "../../../src/protocol/messages/entry.ts";
import { Backlog } from "../../../src/broker/backlog/backlog.ts";
import type { IdRange } from "../../../src/broker/collections/id_ranges.ts";
import { batchOf, textsOf } from "../../support/wire/batches.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { unlimited } from "../../support/broker/test_stream.ts";

const HEAD = 8;

/** The largest slab, and so the largest piece that several small messages share. */
const SLAB_BYTES_MAX = 256 * 1024;

/** Reads all messages of a range of ids, however many reads it takes. */
function readTexts(backlog: Backlog, firstId: number, count: number): string[] {
  const texts: string[] = [];
  while (texts.length < count) {
    const left = count - texts.length;
    texts.push(...textsOf(backlog.read(firstId + texts.length, left, Infinity)));
  }
  return texts;
}

/** A backlog of messages of so many bytes, head included, one batch each. */
function backlogOf(count: number, bytes: number): Backlog {
  const backlog = new Backlog(unlimited());
  for (let id = 1; id <= count; id++) backlog.append(id, batchOf(bytes - HEAD));
  return backlog;
}

/** Runs as `firstId+count`. */
function shown(runs: readonly IdRange[]): string[] {
  return runs.map(({ firstId, count }) => `${firstId}+${count}`);
}

Deno.test("Backlog.read() finds what was appended, and no more than lies together", () => {
  const backlog = new Backlog(unlimited());
  backlog.append(1, batchOf("a", "b"));
  backlog.append(3, batchOf("c"));
  assertEquals(readTexts(backlog, 1, 3), ["a", "b", "c"]);
  assertEquals(readTexts(backlog, 2, 1), ["b"]);
  assertEquals(textsOf(backlog.read(3, 100, Infinity)), ["c"]);
});

Deno.test("Backlog.read() takes at most so many messages", () => {
  const backlog = backlogOf(10, 50);
  for (let count = 1; count <= 10; count++) {
    assertEquals(backlog.read(1, count, Infinity).count, count);
  }
});

Deno.test("Backlog.read() takes at most so many bytes, but one message at least", () => {
  const backlog = backlogOf(10, 50);
  const counts = [[0, 1], [49, 1], [50, 1], [99, 1], [100, 2], [499, 9], [500, 10], [501, 10]];
  for (const [bytesMax, count] of counts) {
    const batch = backlog.read(1, 10, bytesMax!);
    assertEquals(batch.count, count, `${bytesMax} bytes`);
    assertEquals(batch.end - batch.start, count! * 50);
  }
  assertEquals(backlog.read(8, 10, 100).count, 2);
});

Deno.test("Backlog.read() takes as many messages as fit, from anywhere and for any limit", () => {
  const sizes = [9, 30, 8, 8, 100, 12, 50, 8, 9, 20, 8];
  const backlog = new Backlog(unlimited());
  backlog.append(1, batchOf(...sizes.map((size) => size - HEAD)));
  for (let first = 0; first < sizes.length; first++) {
    for (let bytesMax = 0; bytesMax < 300; bytesMax++) {
      let count = 0;
      for (let bytes = 0; first + count < sizes.length; count++) {
        bytes += sizes[first + count]!;
        if (bytes > bytesMax && count > 0) break;
      }
      assertEquals(backlog.read(first + 1, 100, bytesMax).count, count);
      assertEquals(backlog.read(first + 1, 4, bytesMax).count, Math.min(count, 4));
    }
  }
});

Deno.test("Backlog keeps a message larger than any slab", () => {
  const backlog = new Backlog(unlimited());
  backlog.append(1, batchOf("before"));
  backlog.append(2, batchOf(SLAB_BYTES_MAX * 2));
  backlog.append(3, batchOf("behind"));
  const batch = backlog.read(2, 10, 1);
  assertEquals([batch.count, batch.end - batch.start], [1, SLAB_BYTES_MAX * 2 + HEAD]);
  assertEquals([...readTexts(backlog, 1, 1), ...readTexts(backlog, 3, 1)], ["before", "behind"]);
});

Deno.test("Backlog.append() copies: the batch's buffer can be used for something else", () => {
  const backlog = new Backlog(unlimited());
  const batch = batchOf("stays");
  backlog.append(1, batch);
  batch.buffer.fill(0);
  assertEquals(readTexts(backlog, 1, 1), ["stays"]);
});

Deno.test("Backlog.bytes and measure() count messages with their heads", () => {
  const backlog = new Backlog(unlimited());
  assertEquals(backlog.bytes, 0);
  backlog.append(1, batchOf("abc", ""));
  backlog.append(3, batchOf("abcdef"));
  assertEquals(backlog.bytes, 3 * HEAD + 9);
  assertEquals(backlog.measure(1, 3), backlog.bytes);
  assertEquals([1, 2, 3].map((id) => backlog.measure(id, 1)), [HEAD + 3, HEAD, HEAD + 6]);
  assertEquals(backlog.measure(2, 2), 2 * HEAD + 6);
});

Deno.test("Backlog.measure() goes over as many slabs as it has to, from anywhere", () => {
  const backlog = backlogOf(5000, 300);
  assertEquals(backlog.measure(1, 5000), 5000 * 300);
  assertEquals(backlog.measure(1000, 3000), 3000 * 300);
  assertEquals(backlog.measure(4999, 2), 600);
});

Deno.test("Backlog.forget() tells how many bytes it let go, over several slabs too", () => {
  const backlog = backlogOf(5000, 300);
  assertEquals(backlog.forget(2, 4998), 4998 * 300);
  assertEquals(backlog.bytes, 600);
  assertEquals(backlog.measure(1, 1) + backlog.measure(5000, 1), 600);
});

Deno.test("Backlog.forget() of everything leaves nothing, and ids go on", () => {
  const backlog = backlogOf(100, 50);
  assertEquals(backlog.forget(1, 100), 5000);
  assertEquals(backlog.bytes, 0);
  assertThrows(() => backlog.read(1, 1, Infinity), Error, "Broken invariant");
  backlog.append(101, batchOf("next"));
  assertEquals(readTexts(backlog, 101, 1), ["next"]);
});

Deno.test("Backlog.forgetPresent() lets go of what is here, and of nothing else", () => {
  const backlog = backlogOf(10, 50);
  backlog.append(21, batchOf(42, 42));
  backlog.forget(3, 2);
  assertEquals(backlog.forgetPresent(2, 5), 3 * 50);
  assertEquals(backlog.forgetPresent(2, 5), 0);
  assertEquals(backlog.forgetPresent(11, 10), 0);
  assertEquals(backlog.forgetPresent(9, 13), 3 * 50);
  assertEquals(shown(backlog.findRuns()), ["1+1", "7+2", "22+1"]);
  assertEquals(backlog.forgetPresent(0, 1000), 4 * 50);
  assertEquals([backlog.bytes, backlog.slabBytes, backlog.findRuns()], [0, 0, []]);
});

Deno.test("Backlog.findRuns() tells what is here, in runs as long as can be", () => {
  // Slabs of 20, 40, 80 … messages.
  const backlog = backlogOf(1000, 50);
  backlog.append(2001, batchOf("a", "b", "c"));
  assertEquals(shown(backlog.findRuns()), ["1+1000", "2001+3"]);
  assertEquals(shown(backlog.findRuns({ fromId: 15, toId: 30 })), ["15+15"]);
  assertEquals(shown(backlog.findRuns({ fromId: 999, toId: 2003 })), ["999+2", "2001+2"]);
  assertEquals(shown(backlog.findRuns({ fromId: 2002 })), ["2002+2"]);
  assertEquals(backlog.findRuns({ fromId: 1001, toId: 2001 }), []);
  assertEquals(backlog.findRuns({ fromId: 2004 }), []);
  backlog.forget(10, 30);
  backlog.forget(60, 1);
  assertEquals(shown(backlog.findRuns({ fromId: 1, toId: 100 })), ["1+9", "40+20", "61+39"]);
  assertEquals(shown(backlog.findRuns({ fromId: 15, toId: 61 })), ["40+20"]);
  assertEquals(shown(backlog.findRuns({ fromId: 20, toId: 45 })), ["40+5"]);
});

Deno.test("Backlog.append() leaves out ids that were set aside and not used", () => {
  const backlog = new Backlog(unlimited());
  backlog.append(5, batchOf("five"));
  backlog.append(9, batchOf("nine"));
  assertEquals([...readTexts(backlog, 5, 1), ...readTexts(backlog, 9, 1)], ["five", "nine"]);
  assertEquals(backlog.read(5, 10, Infinity).count, 1);
});

Deno.test("Backlog.forget() from the middle frees the memory there, and what stays is moved", () => {
  // The buffers that can still be reached are told apart by reading what is left.
  const count = 8000;
  const backlog = backlogOf(count, 400);
  const buffersBefore = new Set<Uint8Array>();
  for (let id = 1; id <= count; id++) buffersBefore.add(backlog.read(id, 1, 0).buffer);
  assertGreater(buffersBefore.size, 8);
  const stays = [1, 4000, count];
  backlog.forget(2, 3998);
  backlog.forget(4001, 3999);
  const buffers = new Set(stays.map((id) => backlog.read(id, 1, 0).buffer));
  assertEquals(buffers.size, 3);
  // A slab that is gone is not found any more, not even by accident.
  const gone = [...buffersBefore].filter((buffer) => !buffers.has(buffer));
  // The first slab is as small as a message, the last one is still being filled.
  assertEquals(gone.length, buffersBefore.size - 2);
  for (const id of [1000, 3000, 5000, 7000]) {
    assertThrows(() => backlog.read(id, 1, 0), Error, "Broken invariant");
  }
  assertEquals(backlog.bytes, 3 * 400);
});

Deno.test("Backlog: slabs of a stream with few messages are small, and grow with their number", () => {
  const first = backlogOf(1, 50).read(1, 1, 0).buffer;
  assert(first.length <= 1024);
  const backlog = backlogOf(3000, 400);
  assertEquals(backlog.read(3000, 1, 0).buffer.length, SLAB_BYTES_MAX);
});

Deno.test("Backlog: whatever is appended and forgotten, the rest can be read (random)", () => {
  const step = fc.record({
    sizes: fc.array(fc.oneof(fc.nat(30), fc.nat(5000)), { minLength: 1, maxLength: 12 }),
    forgetAt: fc.nat(),
    forgetCount: fc.oneof(fc.nat(3), fc.nat(40)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      const backlog = new Backlog(unlimited());
      const model = new Map<number, string>();
      let nextId = 1;
      for (const { sizes, forgetAt, forgetCount } of steps) {
        const texts = sizes.map((size, index) => `${nextId + index}`.padEnd(size, "."));
        backlog.append(nextId, batchOf(...texts));
        for (const text of texts) model.set(nextId++, text);
        const first = [...model.keys()][forgetAt % model.size]!;
        let count = 0;
        let bytes = 0;
        while (count < forgetCount && model.has(first + count)) {
          bytes += HEAD + model.get(first + count)!.length;
          model.delete(first + count++);
        }
        if (count > 0) assertEquals(backlog.forget(first, count), bytes);
        checkAll(backlog, model);
      }
      for (const id of model.keys()) backlog.forget(id, 1);
      assertEquals([backlog.bytes, backlog.slabBytes], [0, 0], "nothing is left of nothing");
    }),
    fuzz(20),
  );
});

/** Reads everything in as large pieces as there are, and measures each message. */
function checkAll(backlog: Backlog, model: ReadonlyMap<number, string>): void {
  const ids = [...model.keys()];
  for (let index = 0; index < ids.length;) {
    const first = ids[index]!;
    let count = 1;
    while (model.has(first + count)) count++;
    const texts = textsOf(backlog.read(first, count, Infinity));
    assertEquals(texts, texts.map((_, offset) => model.get(first + offset)));
    index += texts.length;
  }
  let bytes = 0;
  for (const [id, text] of model) {
    assertEquals(backlog.measure(id, 1), HEAD + text.length);
    bytes += HEAD + text.length;
  }
  assertEquals(backlog.bytes, bytes);
}

Deno.test("Backlog: messages that stay pin little beside themselves, in whatever order others go", () => {
  const count = 50_000;
  const backlog = backlogOf(count, 108);
  // Backwards, in pieces that end before each message that stays.
  for (let id = count - 999; id >= 1; id -= 1000) backlog.forget(id, 999);
  const left = count / 1000;
  assertEquals(backlog.bytes, left * 108);
  assertGreater(4 * left * (108 + 600) + SLAB_BYTES_MAX + 64 * 1024, backlog.slabBytes);
  for (let id = 1000; id <= count; id += 1000) {
    const { buffer, start, end } = backlog.read(id, 1, 1000);
    assertEquals(end - start, 108);
    assertEquals(readEntrySize(buffer, start), 108);
  }
  for (let id = 1000; id <= count; id += 1000) backlog.forget(id, 1);
  assertEquals(backlog.bytes, 0);
});

Deno.test("Backlog: what is left of a slab is found by id, run by run", () => {
  const backlog = backlogOf(40_000, 58);
  const rest: [number, number][] = [[3, 2], [700, 1], [4001, 30]];
  let next = 1;
  for (const [firstId, count] of rest) {
    backlog.forget(next, firstId - next);
    next = firstId + count;
  }
  backlog.forget(next, 30_000 - next);
  for (const [firstId, count] of rest) {
    const batch = backlog.read(firstId, count, 100_000);
    assertEquals([batch.count, batch.end - batch.start], [count, count * 58]);
    assertEquals(backlog.measure(firstId, count), count * 58);
  }
  assertEquals(backlog.forget(4010, 5), 5 * 58);
  assertEquals(backlog.read(4001, 9, 100_000).count, 9);
  assertEquals(backlog.read(4015, 16, 100_000).count, 16);
});
