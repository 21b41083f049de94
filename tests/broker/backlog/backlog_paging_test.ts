/**
 * A backlog with more messages than memory, and messages that get another place in the store.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import type { MessageBatch } from "../../../protocol.ts";
import { Backlog } from "../../../src/broker/backlog/backlog.ts";
import type { IdRange } from "../../../src/broker/collections/id_ranges.ts";
import type { Place, Segment } from "../../../src/broker/backlog/pager.ts";
import { Residency, SLAB_BYTES_MAX } from "../../../src/broker/backlog/residency.ts";
import { batchOf, textsOf } from "../../support/wire/batches.ts";
import { assertCode } from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { MemoryPager } from "../../support/disk/memory_pager.ts";

/** The bytes in front of each body. */
const HEAD = 8;

/** So much is always for what has been read back. */
const LOADED_BYTES = 4 * SLAB_BYTES_MAX;

/** A backlog whose messages are written to a store. */
class PagedBacklog {
  readonly pager = new MemoryPager();
  readonly residency: Residency;
  readonly backlog: Backlog;
  /** Where messages are written to. */
  segment: Segment = this.pager.begin();
  /** Where each batch was written to. */
  readonly places: Place[] = [];
  nextId = 1;

  /** Begins with so many bytes of memory for what has not been read back. */
  constructor(keptBytes: number) {
    this.residency = new Residency({ bytesMax: LOADED_BYTES + keptBytes, pager: this.pager });
    this.backlog = new Backlog(this.residency);
  }

  append(...bodies: readonly (string | number)[]): void {
    const batch = batchOf(...bodies);
    this.backlog.append(this.nextId, batch, this.#store(batch));
    this.nextId += batch.count;
  }

  move(firstId: number, ...bodies: readonly (string | number)[]): void {
    const batch = batchOf(...bodies);
    this.backlog.move(firstId, batch, this.#store(batch));
  }

  /** Everything that is here, as `id text`. */
  get texts(): string[] {
    return this.backlog.findRuns().flatMap((run) => this.read(run));
  }

  /** Messages as `id text`, however many reads it takes. */
  read({ firstId, count }: IdRange): string[] {
    const texts: string[] = [];
    while (texts.length < count) {
      const id = firstId + texts.length;
      const batch = this.backlog.read(id, count - texts.length, Infinity);
      texts.push(...textsOf(batch).map((text, index) => `${id + index} ${text}`));
    }
    return texts;
  }

  #store(batch: MessageBatch): Place {
    const place = this.pager.store(this.segment, batch);
    this.places.push(place);
    return place;
  }
}

Deno.test("Backlog keeps to the limit of memory, and everything comes back as it was", () => {
  const paged = new PagedBacklog(2 * SLAB_BYTES_MAX);
  const expected: string[] = [];
  for (let id = 1; id <= 20_000; id += 2) {
    const texts = [`${id}`.padEnd(300, "."), ""];
    paged.append(...texts);
    expected.push(`${id} ${texts[0]}`, `${id + 1} `);
  }
  assertLessOrEqual(paged.residency.bytes, 2 * SLAB_BYTES_MAX);
  assertEquals(paged.pager.reads, [], "nothing was needed yet");
  for (const run of paged.backlog.findRuns()) assertEquals(paged.read(run), expected);
  assertLessOrEqual(paged.residency.bytes, 2 * SLAB_BYTES_MAX + LOADED_BYTES);
  assertGreater(paged.backlog.bytes, 2 * paged.residency.bytes);
  // Read front to back, each piece is read once.
  const { length } = paged.pager.reads;
  assertLess(length, 100);
  paged.backlog.forget(1, 20_000);
  assertEquals([paged.residency.bytes, paged.segment.liveCount, paged.pager.reads.length], [
    0,
    0,
    length,
  ]);
});

Deno.test("Backlog.read() of bytes that came back wrong throws, and all others can be read", () => {
  const paged = new PagedBacklog(0);
  for (let id = 1; id <= 40; id++) paged.append(`${id}`.padEnd(100_000, "."));
  const { segment, offset } = paged.places[9]!;
  paged.pager.damage({ segment, offset: offset + 5000 });
  const damaged: number[] = [];
  for (let id = 1; id <= 40; id++) {
    try {
      paged.backlog.read(id, 1, Infinity);
    } catch {
      assertCode("STREAM_DAMAGED", () => paged.backlog.read(id, 1, Infinity));
      damaged.push(id);
    }
  }
  assert(damaged.includes(10));
  assertLessOrEqual(damaged.length, 3, "those that are in one slab");
});

Deno.test("Backlog.forget() of what is not in memory reads nothing", () => {
  const paged = new PagedBacklog(0);
  for (let id = 1; id <= 3000; id++) paged.append(200);
  paged.backlog.forget(2, 1498);
  paged.backlog.forget(1501, 1498);
  assertEquals(paged.pager.reads, []);
  assertEquals(paged.backlog.findRuns().map(({ firstId }) => firstId), [1, 1500, 2999]);
  assertEquals([paged.segment.liveCount, paged.segment.liveBytes], [4, 4 * (200 + HEAD)]);
});

Deno.test("Backlog splits a slab that was read back when little of it is left", () => {
  const paged = new PagedBacklog(0);
  for (let id = 1; id <= 5000; id++) paged.append(`${id}`.padEnd(200, "."));
  const left = ["3000", "3001", "3004"].map((id) => `${id} ${id.padEnd(200, ".")}`);
  paged.read({ firstId: 3000, count: 5 });
  paged.backlog.forget(1, 2999);
  paged.backlog.forget(3002, 2);
  paged.backlog.forget(3005, 1900);
  const before = paged.pager.reads.length;
  assertLess(paged.backlog.slabBytes, 150_000);
  assertEquals(paged.read({ firstId: 3000, count: 2 }), left.slice(0, 2));
  // What was split can be let go and read back, too.
  paged.append(SLAB_BYTES_MAX);
  assertEquals(paged.read({ firstId: 3004, count: 1 }), left.slice(2));
  assertGreater(paged.pager.reads.length, before);
});

Deno.test("Backlog: streams that are published to by turns have whole slabs when other things take all memory", () => {
  const pager = new MemoryPager();
  const segment = pager.begin();
  const fill = (backlog: Backlog, id: number, text: string) => {
    const batch = batchOf(text);
    backlog.append(id, batch, pager.store(segment, batch));
  };
  /** The reads that 1,000 messages of each of two streams take, which were published by turns. */
  const countReads = (residency: Residency) => {
    const backlogs = [new Backlog(residency), new Backlog(residency)];
    for (let id = 1; id <= 1000; id++) for (const backlog of backlogs) fill(backlog, id, "text");
    pager.reads.length = 0;
    for (const backlog of backlogs) {
      for (let id = 1; id <= 1000;) id += backlog.read(id, 1000, Infinity).count;
    }
    return pager.reads.length;
  };
  const bytesMax = LOADED_BYTES + 2 * SLAB_BYTES_MAX;
  const booked = new Residency({ bytesMax, pager });
  booked.book(10 * bytesMax);
  assertLess(countReads(booked), 50, "memory is booked for other things");
  const full = new Residency({ bytesMax, pager });
  const many = new Backlog(full);
  // Batches with gaps between their ids: each is a slab that takes a kilobyte beside its bytes.
  for (let id = 1; id <= 20_000; id += 10) fill(many, id, "text");
  assertLess(countReads(full), 50, "slabs take it beside their bytes");
});

Deno.test("Backlog.clear() lets go of what is in memory and of what is not", () => {
  const paged = new PagedBacklog(0);
  for (let id = 1; id <= 3000; id++) paged.append(200);
  paged.read({ firstId: 1, count: 100 });
  paged.backlog.clear();
  assertEquals([paged.backlog.bytes, paged.residency.bytes, paged.backlog.slabBytes], [0, 0, 0]);
  assertEquals(paged.segment, { liveCount: 0, liveBytes: 0 });
  paged.append("next");
  assertEquals(paged.texts, ["3001 next"]);
});

Deno.test("Backlog.append() begins a slab for each segment, and findRuns() tells them apart", () => {
  const paged = new PagedBacklog(SLAB_BYTES_MAX);
  const first = paged.segment;
  paged.append("a", "b");
  paged.segment = paged.pager.begin();
  paged.append("c");
  paged.append("d", "e");
  paged.backlog.forget(4, 1);
  assertEquals([first.liveCount, paged.segment.liveCount], [2, 2]);
  assertEquals(paged.backlog.findRuns({ segment: first }), [{ firstId: 1, count: 2 }]);
  assertEquals(paged.backlog.findRuns({ segment: paged.segment }), [
    { firstId: 3, count: 1 },
    { firstId: 5, count: 1 },
  ]);
  assertEquals(paged.backlog.findRuns(), [{ firstId: 1, count: 3 }, { firstId: 5, count: 1 }]);
});

Deno.test("Backlog.move() takes messages out of the midst of a slab, gone ones among them", () => {
  for (const keptBytes of [0, SLAB_BYTES_MAX]) {
    const paged = new PagedBacklog(keptBytes);
    const old = paged.segment;
    paged.append("a", "b", "c");
    paged.append("d", "e", "f", "g");
    for (const [firstId, count] of [[2, 1], [4, 1], [7, 1]] as const) {
      paged.backlog.forget(firstId, count);
    }
    paged.segment = paged.pager.begin();
    paged.move(3, "C", "D", "E");
    assertEquals(paged.texts, ["1 a", "3 C", "4 D", "5 E", "6 f"]);
    assertEquals(paged.backlog.bytes, 5 * (HEAD + 1));
    assertEquals([old.liveCount, paged.segment.liveCount], [2, 3]);
    assertEquals(old.liveBytes, 2 * (HEAD + 1));
    assertEquals(paged.backlog.findRuns({ segment: old }).map(({ firstId }) => firstId), [1, 6]);
    // It goes on behind all of them.
    paged.append("h");
    assertEquals(paged.texts.at(-1), "8 h");
  }
});

Deno.test("Backlog.move() takes messages out of several slabs, and the newest can be among them", () => {
  const paged = new PagedBacklog(SLAB_BYTES_MAX);
  const old = paged.segment;
  for (let id = 1; id <= 200; id++) paged.append(`${id}`.padEnd(50, "."));
  paged.segment = paged.pager.begin();
  paged.move(11, ...Array.from({ length: 190 }, (_, index) => `moved ${index + 11}`));
  assertEquals([old.liveCount, paged.segment.liveCount], [10, 190]);
  paged.append("next");
  const texts = paged.texts;
  assertEquals(texts.length, 201);
  assertEquals(texts[10], "11 moved 11");
  assertEquals(texts.slice(199), ["200 moved 200", "201 next"]);
});

Deno.test("Backlog.move() puts messages in their place that were not here", () => {
  const paged = new PagedBacklog(SLAB_BYTES_MAX);
  paged.nextId = 10;
  paged.append("ten", "eleven");
  paged.move(3, "three");
  paged.move(5, "five", "six");
  paged.nextId = 20;
  paged.append("twenty");
  paged.move(15, "fifteen");
  assertEquals(
    paged.texts,
    ["3 three", "5 five", "6 six", "10 ten", "11 eleven", "15 fifteen"]
      .concat("20 twenty"),
  );
  assertEquals(paged.segment.liveCount, 7);
});

Deno.test("Backlog.move() of messages next to gone ones leaves no empty slab behind", () => {
  const paged = new PagedBacklog(SLAB_BYTES_MAX);
  paged.append("a", "b", "c", "d");
  paged.backlog.forget(1, 2);
  paged.move(3, "C");
  assertEquals(paged.texts, ["3 C", "4 d"]);
  paged.backlog.forget(4, 1);
  paged.move(3, "again");
  paged.backlog.forget(3, 1);
  assertEquals([paged.backlog.slabBytes, paged.residency.bytes], [0, 0]);
});

/** What a random backlog is asked to do. */
const step = fc.record({
  do: fc.constantFrom("append", "append", "read", "forget", "forgetPresent", "move", "begin"),
  sizes: fc.array(fc.oneof(fc.nat(30), fc.nat(3000)), { minLength: 1, maxLength: 12 }),
  at: fc.nat(),
  count: fc.integer({ min: 1, max: 30 }),
}, { noNullPrototype: true });

Deno.test("Backlog: what is paged out, moved and forgotten is as a plain Map has it (random)", () => {
  fc.assert(
    fc.property(fc.nat(8000), fc.array(step, { maxLength: 100, size: "max" }), (bytes, steps) => {
      const paged = new PagedBacklog(bytes);
      const { backlog } = paged;
      const segments = [paged.segment];
      const model = new Map<number, { text: string; segment: Segment }>();
      let textCount = 0;
      const add = (firstId: number, sizes: readonly number[]) => {
        const texts = sizes.map((size) => `${++textCount}`.padEnd(size, "."));
        for (const [index, text] of texts.entries()) {
          model.set(firstId + index, { text, segment: paged.segment });
        }
        return texts;
      };
      for (const { do: what, sizes, at, count } of steps) {
        const firstId = 1 + at % paged.nextId;
        if (what === "append") {
          paged.append(...add(paged.nextId, sizes));
        } else if (what === "begin") {
          segments.push(paged.segment = paged.pager.begin());
        } else if (what === "move") {
          const fits = sizes.slice(0, paged.nextId - firstId);
          if (fits.length > 0) paged.move(firstId, ...add(firstId, fits));
        } else if (what === "read") {
          if (model.has(firstId)) paged.read({ firstId, count: 1 });
        } else {
          let end = firstId;
          while (end < firstId + count && (model.has(end) || what === "forgetPresent")) end++;
          if (what === "forgetPresent") backlog.forgetPresent(firstId, count);
          else if (end > firstId) backlog.forget(firstId, end - firstId);
          for (let id = firstId; id < end; id++) model.delete(id);
        }
      }
      const ids = [...model.keys()].sort((one, other) => one - other);
      assertEquals(paged.texts, ids.map((id) => `${id} ${model.get(id)!.text}`));
      for (const segment of segments) {
        const own = [...model.values()].filter((one) => one.segment === segment);
        const liveBytes = own.reduce((sum, { text }) => sum + HEAD + text.length, 0);
        assertEquals(segment, { liveCount: own.length, liveBytes });
      }
      for (const id of ids) backlog.forget(id, 1);
      assertEquals([backlog.bytes, backlog.slabBytes, paged.residency.bytes], [0, 0, 0]);
    }),
    fuzz(150),
  );
});
