/**
 * The numbers of keys: each key has its own, as long as it is there.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { KeyTable } from "../../../src/broker/ready/key_table.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const encoder = new TextEncoder();

/** The number of a key, whose bytes lie in the midst of others. */
function requireKey(table: KeyTable, key: string): number {
  const bytes = encoder.encode(`#${key}#`);
  return table.require(bytes, 1, bytes.length - 1);
}

Deno.test("KeyTable: a key has one number as long as it is there, and its holder", () => {
  const table = new KeyTable();
  const number = requireKey(table, "a");
  assertEquals([table.size, table.holderOf(number)], [1, 0]);
  table.hold(number, 2 ** 40);
  const other = requireKey(table, "b");
  assert(other !== number);
  assertEquals([requireKey(table, "a"), table.holderOf(number)], [number, 2 ** 40]);
  table.delete(number);
  assertEquals([table.size, requireKey(table, "b")], [1, other]);
  assertEquals(table.holderOf(requireKey(table, "a")), 0, "it is another one");
});

Deno.test("KeyTable tells all keys of one and two bytes apart", () => {
  const table = new KeyTable();
  const numbers = new Set<number>();
  for (let one = 0; one < 256; one++) {
    const bytes = Uint8Array.of(one, 0);
    numbers.add(table.require(bytes, 0, 1));
    for (let other = 0; other < 256; other += 3) {
      bytes[1] = other;
      numbers.add(table.require(bytes, 0, 2));
    }
  }
  assertEquals([numbers.size, table.size], [256 * 87, 256 * 87]);
});

Deno.test("KeyTable: ten thousand keys come and go, and the others stay what they are", () => {
  const table = new KeyTable();
  const key = (index: number) => `customer ${index}`;
  const count = 10_000;
  const numbers = Array.from({ length: count }, (_, index) => requireKey(table, key(index)));
  for (const [index, number] of numbers.entries()) table.hold(number, index + 1);
  const isDeleted = (index: number) => index % 3 !== 1;
  for (const [index, number] of numbers.entries()) if (isDeleted(index)) table.delete(number);
  assertEquals(table.size, numbers.filter((_, index) => !isDeleted(index)).length);
  for (let index = 0; index < count; index++) {
    const number = requireKey(table, key(index));
    assertEquals(table.holderOf(number), isDeleted(index) ? 0 : index + 1);
    if (!isDeleted(index)) assertEquals(number, numbers[index]);
  }
  assertEquals(table.size, count);
});

Deno.test("KeyTable holds the same as a plain Map (random)", () => {
  const step = fc.record({
    do: fc.constantFrom("require", "require", "delete"),
    first: fc.nat(2000),
    count: fc.nat(200),
    stride: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
      const table = new KeyTable();
      const model = new Map<string, { number: number; holder: number }>();
      let nextId = 1;
      for (const { do: what, first, count, stride } of steps) {
        for (let index = 0; index < count; index++) {
          const key = `k${(first + index * stride) % 2000}`;
          const known = model.get(key);
          if (what === "delete") {
            if (known === undefined) continue;
            table.delete(known.number);
            model.delete(key);
          } else {
            const number = requireKey(table, key);
            const { holder } = known ?? { holder: 0 };
            assertEquals([number, table.holderOf(number)], [known?.number ?? number, holder]);
            model.set(key, { number, holder: nextId });
            table.hold(number, nextId++);
          }
        }
        assertEquals(table.size, model.size);
        const numbers = new Set([...model.values()].map(({ number }) => number));
        assertEquals(numbers.size, model.size, "no number is given twice");
      }
      for (const [key, { number, holder }] of model) {
        assertEquals([requireKey(table, key), table.holderOf(number)], [number, holder]);
      }
    }),
    fuzz(40),
  );
});

Deno.test("KeyTable grows bit by bit, and has each key at every moment", () => {
  const count = 70_000;
  const table = new KeyTable();
  const numbers: number[] = [];
  const key = (index: number) => `customer ${index}`;
  const checkNumber = (index: number) =>
    assertEquals(requireKey(table, key(index)), numbers[index]);
  let most = 0;
  for (let index = 0; index < count; index++) {
    const before = table.moveCount;
    numbers.push(requireKey(table, key(index)));
    most = Math.max(most, table.moveCount - before);
    // The first one, the one that moves about now, and some others.
    for (const other of [0, (index * 8) % (index + 1), index >> 1]) checkNumber(other);
    const gone = index >> 2;
    if (index % 5 !== 0) continue;
    // One goes and comes again, whether it has moved or not.
    table.delete(numbers[gone]!);
    numbers[gone] = requireKey(table, key(gone));
    assertEquals(table.holderOf(numbers[gone]!), 0);
  }
  assertEquals([table.size, new Set(numbers).size], [count, count]);
  assertGreater(table.moveCount, count / 2);
  assertLessOrEqual(most, 8);
  for (let index = 0; index < count; index++) checkNumber(index);
});

Deno.test("KeyTable: a key that goes while others move is another one when it comes again", () => {
  for (let size = 60; size <= 140; size++) {
    const table = new KeyTable();
    const numbers = Array.from({ length: size }, (_, index) => requireKey(table, `${index}`));
    numbers.forEach((number, index) => table.hold(number, index + 1));
    // Their numbers are given to others, in another order.
    for (const number of numbers) table.delete(number);
    assertEquals(table.size, 0);
    const others = numbers.map((_, index) => requireKey(table, `other ${index}`));
    assertEquals([table.size, new Set(others).size], [size, size]);
    for (const number of others) assertEquals(table.holderOf(number), 0);
    for (let index = 0; index < size; index++) {
      assertEquals(table.holderOf(requireKey(table, `${index}`)), 0);
      assertEquals(requireKey(table, `other ${index}`), others[index]);
    }
    assertEquals(table.size, 2 * size);
  }
});
