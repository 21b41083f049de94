/**
 * Sets of numbers and of ranges in pages: they do what plain sets do.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { NumberLine } from "../../../src/broker/tables/number_line.ts";
import { NumberSet } from "../../../src/broker/tables/number_set.ts";
import { RangeSet } from "../../../src/broker/tables/range_set.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** Numbers near to each other, of several pages, and the largest ids. */
const NUMBER = fc.oneof(
  fc.nat(40),
  fc.integer({ min: 500, max: 1050 }),
  fc.integer({ min: 2 ** 31 - 20, max: 2 ** 31 + 20 }),
  fc.integer({ min: 2 ** 53 - 2000, max: 2 ** 53 - 1500 }),
);
const STEPS = fc.array(fc.record({ isAdded: fc.boolean(), number: NUMBER }), { maxLength: 150 });

Deno.test("NumberSet and RangeSet hold the same as plain sets (random)", () => {
  fc.assert(
    fc.property(STEPS, (steps) => {
      const numbers = new NumberSet();
      const model = new Set<number>();
      const ranges = new RangeSet<{ firstId: number; count: number }>();
      const added = new Set<{ firstId: number; count: number }>();
      for (const { isAdded, number } of steps) {
        if (isAdded) {
          assertEquals(numbers.add(number), !model.has(number));
          model.add(number);
          // Several of one id: they are told apart as objects.
          const range = { firstId: number, count: added.size };
          for (let time = 0; time < 2; time++) ranges.add(range);
          added.add(range);
        } else {
          assertEquals(numbers.delete(number), model.delete(number));
          const range = [...added].find(({ firstId }) => firstId === number);
          assertEquals(ranges.delete({ firstId: number, count: 1 }), false);
          if (range !== undefined) assertEquals(ranges.delete(range), added.delete(range));
        }
        assertEquals(numbers.size, model.size);
        for (const one of [number, number ^ 1, number + 32, number - 1, ...model]) {
          assertEquals(numbers.has(one), model.has(one));
        }
        assertEquals([new Set(ranges), ranges.size], [added, added.size]);
        const range = { firstId: Math.max(0, number - 700), count: 1400 };
        const listed = [...model].filter((one) => {
          return one >= range.firstId && one < range.firstId + range.count;
        });
        assertEquals(numbers.list(range), listed.sort((one, other) => one - other));
      }
    }),
    fuzz(100),
  );
});

Deno.test("NumberSet holds each of very many numbers once, and gives all of them back", () => {
  const numbers = new NumberSet();
  const count = 20_000;
  for (let number = count; number > 0; number--) assertEquals(numbers.add(number * 3), true);
  for (let number = 0; number <= count * 3; number++) {
    assertEquals(numbers.has(number), number > 0 && number % 3 === 0);
  }
  for (let number = 1; number <= count; number++) assertEquals(numbers.delete(number * 3), true);
  assertEquals([numbers.size, numbers.has(3)], [0, false]);
});

Deno.test("NumberLine gives numbers back in their order, each once, as a plain Set would (random)", () => {
  const step = fc.record({ isAdded: fc.boolean(), count: fc.nat(1500), number: fc.nat(3000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const line = new NumberLine();
      const model = new Set<number>();
      for (const { isAdded, count, number } of steps) {
        for (let index = 0; index < count; index++) {
          if (isAdded) {
            line.add((number + index * 7) % 3000);
            model.add((number + index * 7) % 3000);
          } else {
            const [first] = model;
            assertEquals(line.take(), first);
            if (first !== undefined) model.delete(first);
          }
        }
        assertEquals(line.size, model.size);
      }
    }),
    fuzz(100),
  );
});
