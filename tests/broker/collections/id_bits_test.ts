/**
 * Sets of ids, and values in buckets: the same as plain ones, at less cost.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Histogram } from "../../../src/broker/collections/histogram.ts";
import { IdBits } from "../../../src/broker/collections/id_bits.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

Deno.test("IdBits knows the smallest id of a plain set (random)", () => {
  const id = fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2 ** 52 }));
  const step = fc.tuple(fc.constantFrom("add", "add", "delete", "delete first"), id);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const bits = new IdBits();
      const model = new Set<number>();
      for (const [what, id] of steps) {
        const first = model.size === 0 ? undefined : Math.min(...model);
        const some = [...model][id % Math.max(1, model.size)];
        if (what === "add" && !model.has(id)) {
          bits.add(id);
          model.add(id);
        } else if (what.startsWith("delete") && first !== undefined) {
          const gone = what === "delete" ? some! : first;
          bits.delete(gone);
          model.delete(gone);
        }
        const ids = [...model].sort((one, other) => one - other);
        assertEquals(bits.first, ids[0]);
        const to = id % 7000;
        assertEquals(
          bits.list({ firstId: 500, count: to }),
          ids.filter((one) => one >= 500 && one < 500 + to),
        );
      }
    }),
    fuzz(200),
  );
});

Deno.test("IdBits.delete() takes out a range over several blocks", () => {
  const bits = new IdBits();
  for (let id = 1; id <= 5000; id++) bits.add(id);
  bits.delete(1, 4000);
  assertEquals(bits.first, 4001);
  bits.delete(4001, 1000);
  assertEquals(bits.first, undefined);
});

Deno.test("Histogram counts a value in the first bucket whose bound is not below it", () => {
  const histogram = new Histogram([1, 2.5, 10]);
  for (const value of [0, 1, 1.001, 2.5, 10, 10.5, 1e9]) histogram.observe(value);
  assertEquals([...histogram.counts], [2, 2, 1, 2]);
  assertEquals([histogram.count, histogram.sum], [7, 1e9 + 25.001]);
});
