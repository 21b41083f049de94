/**
 * What a follower holds, by tag.
 *
 * @module
 */

import { assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { PendingList, type PendingRun } from "../../../src/broker/share/pending_list.ts";
import type { Share } from "../../../src/broker/share/share.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { streamOf } from "../../support/broker/test_stream.ts";

const stream = shareOf("orders");
const other = shareOf("other");

/** A share whose store has messages of a byte each. */
function shareOf(name: string): Share {
  const { share } = streamOf(name);
  share.store.backlog.measure = (_firstId, count) => count;
  return share;
}

/** A run of deliveries whose ids are 100 above their tags. */
function run(firstTag: number, count: number, where: Share = stream): PendingRun {
  return {
    firstTag,
    count,
    share: where,
    firstId: firstTag + 100,
    attempts: 1,
    deliveredAt: 1000,
    deadline: 2000,
    isBegun: false,
  };
}

/** A list of runs that follow each other. */
function listOf(...counts: readonly number[]): PendingList {
  const list = new PendingList();
  let tag = 1;
  for (const count of counts) {
    list.append(run(tag, count), count);
    tag += count;
  }
  return list;
}

/** Runs as `firstTag+count@firstId`. */
function show(runs: readonly PendingRun[]): string[] {
  return runs.map(({ firstTag, count, firstId }) => `${firstTag}+${count}@${firstId}`);
}

Deno.test("PendingList.append() keeps runs in the order of their tags", () => {
  const list = listOf(2, 3);
  assertEquals(list.count, 5);
  assertEquals(show(list.runs), ["1+2@101", "3+3@103"]);
});

Deno.test("PendingList.take() takes a run from its middle and leaves both ends", () => {
  const list = listOf(10);
  assertEquals(show(list.take(4, 3)), ["4+3@104"]);
  assertEquals(list.count, 7);
  assertEquals(show(list.runs), ["1+3@101", "7+4@107"]);
});

Deno.test("PendingList finds and takes nothing of an empty range, wherever it is", () => {
  for (const tag of [1, 2, 4, 5, 9, 10]) {
    const list = listOf(4, 5);
    assertEquals([list.take(tag, 0), list.find(tag, 0)], [[], []]);
    assertEquals([show(list.runs), list.count], [["1+4@101", "5+5@105"], 9]);
  }
});

Deno.test("PendingList.take() takes over the borders of runs", () => {
  const list = listOf(4, 1, 4);
  assertEquals(show(list.take(3, 5)), ["3+2@103", "5+1@105", "6+2@106"]);
  assertEquals(show(list.runs), ["1+2@101", "8+2@108"]);
});

Deno.test("PendingList.take() takes what is left of a range, and nothing twice", () => {
  const list = listOf(6);
  list.take(2, 2);
  assertEquals(show(list.take(1, 4)), ["1+1@101", "4+1@104"]);
  assertEquals(list.take(1, 4), []);
  assertEquals(show(list.take(5, 1_000_000)), ["5+2@105"]);
  assertEquals(list.count, 0);
  assertEquals(list.runs, []);
});

Deno.test("PendingList.take() of tags never given finds nothing and changes nothing", () => {
  const list = listOf(3);
  assertEquals(list.take(4, 1), []);
  assertEquals(list.take(Number.MAX_SAFE_INTEGER, 0xffff_ffff), []);
  assertEquals(new PendingList().take(1, 1), []);
  assertEquals(show(list.runs), ["1+3@101"]);
});

Deno.test("PendingList.find() gives whole runs that stay in the list", () => {
  const list = listOf(5);
  for (const run of list.find(2, 2)) run.isBegun = true;
  assertEquals(list.count, 5);
  assertEquals(show(list.runs), ["1+1@101", "2+2@102", "4+2@104"]);
  assertEquals(list.runs.map(({ isBegun }) => isBegun), [false, true, false]);
});

Deno.test("PendingList: what was begun stays begun when its run is cut", () => {
  const list = listOf(5);
  for (const run of list.find(1, 5)) run.isBegun = true;
  assertEquals(list.take(3, 1)[0]?.isBegun, true);
  assertEquals(list.runs.map(({ isBegun }) => isBegun), [true, true]);
});

Deno.test("PendingList.takeAll() takes everything", () => {
  const list = listOf(2, 3);
  assertEquals(show(list.takeAll()), ["1+2@101", "3+3@103"]);
  assertEquals(list.count, 0);
  assertEquals(list.takeAll(), []);
});

Deno.test("PendingList.takeShare() takes what belongs to one stream", () => {
  const list = new PendingList();
  list.append(run(1, 2), 2);
  list.append(run(3, 1, other), 1);
  list.append(run(4, 2), 2);
  assertEquals(show(list.takeOf(({ share }) => share === stream)), ["1+2@101", "4+2@104"]);
  assertEquals(list.count, 1);
  assertEquals(show(list.runs), ["3+1@103"]);
  assertEquals(list.takeOf(({ share }) => share === stream), []);
});

Deno.test("PendingList holds the same as a plain Map (random)", () => {
  const step = fc.record({
    do: fc.constantFrom("append", "append", "take", "find", "takeShare"),
    at: fc.nat(150),
    count: fc.integer({ min: 1, max: 12 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      const list = new PendingList();
      const model = new Map<number, { id: number; share: Share; isBegun: boolean }>();
      const modelRange = (at: number, count: number) =>
        [...model].filter(([tag]) => tag >= at && tag < at + count);
      let nextTag = 1;
      for (const { do: what, at, count } of steps) {
        if (what === "append") {
          const where = at % 3 === 0 ? other : stream;
          list.append(run(nextTag, count, where), count);
          for (let left = count; left > 0; left--) {
            model.set(nextTag, { id: nextTag + 100, share: where, isBegun: false });
            nextTag++;
          }
        } else if (what === "takeShare") {
          const expected = [...model].filter(([, entry]) => entry.share === other);
          assertEquals(unfold(list.takeOf(({ share }) => share === other)), expected);
          for (const [tag] of expected) model.delete(tag);
        } else {
          const expected = modelRange(at, count);
          const runs = what === "take" ? list.take(at, count) : list.find(at, count);
          assertEquals(unfold(runs), expected);
          if (what === "find") runs.forEach((run) => run.isBegun = true);
          for (const [tag, entry] of expected) {
            if (what === "take") model.delete(tag);
            else entry.isBegun = true;
          }
        }
        assertEquals(unfold(list.runs), [...model]);
        assertEquals([list.count, list.bytes], [model.size, model.size]);
        assertLessOrEqual(list.runs.length, model.size);
      }
    }),
    fuzz(80),
  );
});

Deno.test("PendingList: thousands of deliveries end here and there, and the others stay as they are", () => {
  const list = new PendingList();
  const left = new Set<number>();
  for (let first = 1; first <= 6000; first += 100) {
    list.append(run(first, 100), 100);
    for (let tag = first; tag < first + 100; tag++) left.add(tag);
  }
  const tags = () => unfold(list.runs).map(([tag]) => tag);
  for (let step = 0; step < 97; step++) {
    // Every 97th one, as of a key among others; of some, two at once.
    for (let tag = 1 + step; tag <= 6000; tag += 97) {
      const count = step % 7 === 0 ? 2 : 1;
      const expected = [tag, tag + 1].slice(0, count).filter((one) => left.delete(one));
      if (step % 3 === 0) list.find(tag, count).forEach((one) => one.isBegun = true);
      assertEquals(unfold(list.take(tag, count)).map(([tag]) => tag), expected);
    }
    assertEquals(tags(), [...left]);
    assertEquals([list.count, list.first?.firstTag], [left.size, [...left][0]]);
  }
  assertEquals([list.runs, list.bytes], [[], 0]);
});

/** Writes runs down as single deliveries. */
function unfold(runs: readonly PendingRun[]) {
  return runs.flatMap(({ firstTag, firstId, count, share, isBegun }) =>
    Array.from(
      { length: count },
      (_, index) => [firstTag + index, { id: firstId + index, share, isBegun }] as const,
    )
  );
}
