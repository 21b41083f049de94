/**
 * Lines of things, and ranges of numbers that are left out: the same as plain lists, at less cost.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Ring } from "../../../src/broker/collections/ring.ts";
import { SequenceGaps } from "../../../src/broker/state/sequence_gaps.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

Deno.test("Ring holds the same as a plain array (random)", () => {
  const step = fc.tuple(fc.constantFrom("push", "shift", "insert", "replace", "clear"), fc.nat(40));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const ring = new Ring<number>();
      const model: number[] = [];
      for (const [what, number] of steps) {
        if (what === "push") {
          ring.push(number);
          model.push(number);
        } else if (what === "shift") {
          assertEquals(ring.shift(), model.shift());
        } else if (what === "insert") {
          const index = number % (model.length + 1);
          ring.insert(index, number);
          model.splice(index, 0, number);
        } else if (what === "replace") {
          if (model.length === 0) continue;
          ring.replaceFirst(number);
          model[0] = number;
        } else if (number === 0) {
          ring.clear();
          model.length = 0;
        }
        assertEquals([ring.length, ring.at(-1), ring.at(model.length)], [
          model.length,
          undefined,
          undefined,
        ]);
        assertEquals([...ring], model);
        assertEquals(ring.at(model.length - 1), model.at(-1));
      }
    }),
    fuzz(200),
  );
});

Deno.test("Ring finds the first thing that is not less, and moves few things however many come and go", () => {
  const ring = new Ring<number>();
  for (let number = 0; number < 100_000; number++) {
    ring.push(number);
    if (number >= 1000) ring.shift();
  }
  assertEquals([ring.length, ring.at(0)], [1000, 99_000]);
  assertEquals(ring.findIndex((number) => number < 99_010), 10);
  assertEquals(ring.findIndex((number) => number < 200_000), 1000);
  assert(ring.moveCount < 3000, `${ring.moveCount}`);
});

Deno.test("SequenceGaps holds the same numbers as a plain set (random)", () => {
  const step = fc.tuple(fc.constantFrom("add", "remove", "shift"), fc.nat(60), fc.nat(12));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const gaps = new SequenceGaps();
      const model = new Set<number>();
      for (const [what, from, count] of steps) {
        const numbers = Array.from({ length: count }, (_, index) => from + index);
        if (what === "add") {
          gaps.add(from, from + count);
          for (const number of numbers) model.add(number);
        } else if (what === "remove") {
          gaps.remove(from, from + count);
          for (const number of numbers) model.delete(number);
        } else {
          const gap = gaps.shift();
          for (let number = gap?.from ?? 0; number < (gap?.to ?? 0); number++) model.delete(number);
        }
        const all = Array.from({ length: 80 }, (_, number) => number);
        assertEquals(all.filter((number) => gaps.has(number)), [...model].sort((a, b) => a - b));
        // Ranges that touch are one.
        const ends = gaps.all.map(({ to }) => to);
        assertEquals(gaps.all.filter(({ from, to }) => from >= to || ends.includes(from)), []);
        assertEquals(gaps.count, gaps.all.length);
      }
    }),
    fuzz(200),
  );
});
