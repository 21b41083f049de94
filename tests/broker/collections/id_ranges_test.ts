/**
 * Ranges of ids, joined and taken from each other.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  countIds,
  type IdRange,
  intersectRanges,
  joinRanges,
  subtractRanges,
} from "../../../src/broker/collections/id_ranges.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** Ranges as they are written here: first id and count. */
function rangesOf(...pairs: readonly [firstId: number, count: number][]): IdRange[] {
  return pairs.map(([firstId, count]) => ({ firstId, count }));
}

Deno.test("joinRanges() sorts, and joins what touches or overlaps", () => {
  assertEquals(joinRanges([]), []);
  assertEquals(joinRanges(rangesOf([5, 2], [1, 2], [3, 1])), rangesOf([1, 3], [5, 2]));
  assertEquals(joinRanges(rangesOf([5, 2], [1, 10], [11, 1])), rangesOf([1, 11]));
  assertEquals(joinRanges(rangesOf([3, 1], [3, 1])), rangesOf([3, 1]));
});

Deno.test("joinRanges() leaves what it is given as it was", () => {
  const ranges = rangesOf([3, 2], [1, 2]);
  joinRanges(ranges);
  assertEquals(ranges, rangesOf([3, 2], [1, 2]));
});

Deno.test("intersectRanges() and subtractRanges() cut at the borders of ranges", () => {
  const others = rangesOf([2, 2], [6, 3], [20, 5]);
  const [range] = rangesOf([3, 6]);
  assertEquals(intersectRanges(range!, others), rangesOf([3, 1], [6, 3]));
  assertEquals(subtractRanges(range!, others), rangesOf([4, 2]));
  assertEquals(intersectRanges(range!, []), []);
  assertEquals(subtractRanges(range!, []), [range]);
  assertEquals(subtractRanges(range!, rangesOf([1, 50])), []);
});

Deno.test("countIds() counts the ids", () => {
  assertEquals([countIds([]), countIds(rangesOf([1, 3], [9, 2]))], [0, 5]);
});

Deno.test("ranges of ids are the same as plain sets (random)", () => {
  const range = fc.record({
    firstId: fc.integer({ min: 1, max: 60 }),
    count: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(range, fc.array(range, { maxLength: 12 }), (one, others) => {
      const joined = joinRanges(others);
      const ids = new Set(others.flatMap(listIds));
      assertEquals(new Set(joined.flatMap(listIds)), ids);
      assertEquals(countIds(joined), ids.size);
      for (const [index, { firstId, count }] of joined.entries()) {
        const next = joined[index + 1];
        assert(next === undefined || next.firstId > firstId + count, "they do not touch");
      }
      const mine = listIds(one);
      assertEquals(intersectRanges(one, joined).flatMap(listIds), mine.filter((id) => ids.has(id)));
      assertEquals(subtractRanges(one, joined).flatMap(listIds), mine.filter((id) => !ids.has(id)));
    }),
    fuzz(500),
  );
});

function listIds({ firstId, count }: IdRange): number[] {
  return Array.from({ length: count }, (_, index) => firstId + index);
}
