/**
 * Tables that grow and shrink bit by bit: they do what plain maps do.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLess } from "@std/assert";
import fc from "fast-check";
import { KeyedHash } from "../../../src/broker/collections/keyed_hash.ts";
import { PagedList } from "../../../src/broker/tables/paged_list.ts";
import { PagedMap } from "../../../src/broker/tables/paged_map.ts";
import { WideTextMap } from "../../../src/broker/tables/wide_text_map.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** A hash that has two values only. */
class PoorHash extends KeyedHash {
  override ofText(text: string): number {
    return text.length % 2 === 0 ? -1 : 0;
  }
}

Deno.test("WideTextMap grows and shrinks part by part, and has each text at every moment", () => {
  const count = 60_000;
  const map = new WideTextMap<number>(new KeyedHash([3, 4]));
  let most = 0;
  const step = (work: () => unknown) => {
    const before = map.moveCount;
    work();
    most = Math.max(most, map.moveCount - before);
  };
  const check = (number: number) => assertEquals(map.get(`text ${number}`), number);
  for (let number = 0; number < count; number++) {
    step(() => map.set(`text ${number}`, number));
    for (const other of [0, number >> 1, number]) check(other);
  }
  assertGreater(map.moveCount, count);
  for (let number = 0; number < count; number++) check(number);
  for (let number = 0; number < count - 10; number++) {
    step(() => assertEquals(map.delete(`text ${number}`), true));
    assertEquals(map.get(`text ${number}`), undefined);
    for (const other of [number + 1, (number + count) >> 1, count - 1]) check(other);
  }
  assertEquals(map.size, 10);
  // One part, whatever the count.
  assertLess(most, 12_000);
});

Deno.test("WideTextMap finds texts that all have the same hash", () => {
  const map = new WideTextMap<number>(new PoorHash());
  for (let number = 0; number < 300; number++) map.set(`${number}`, number);
  for (let number = 0; number < 300; number += 2) assertEquals(map.delete(`${number}`), true);
  for (let number = 0; number < 300; number++) {
    assertEquals(map.get(`${number}`), number % 2 === 0 ? undefined : number);
  }
});

Deno.test("what is kept by numbers in pages is the same as in a plain Map (random)", () => {
  const step = fc.record({
    do: fc.constantFrom("set", "set", "delete", "cut"),
    number: fc.oneof(fc.nat(3000), fc.integer({ min: 1000, max: 1050 })),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const map = new PagedMap<string>();
      const list = new PagedList<string>();
      const texts = new WideTextMap<string>();
      const model = new Map<number, string>();
      for (const [index, { do: what, number }] of steps.entries()) {
        if (what === "set") {
          const value = `${index}`;
          map.set(number, value);
          texts.set(`${number}`, value);
          list.set(number, value);
          model.set(number, value);
        } else if (what === "delete") {
          assertEquals(map.delete(number), model.has(number));
          assertEquals(texts.delete(`${number}`), model.has(number));
          list.set(number, undefined);
          model.delete(number);
        } else {
          list.cut(number);
          for (const one of [...model.keys()].filter((one) => one >= number)) {
            assertEquals(map.delete(one), true);
            assertEquals(texts.delete(`${one}`), true);
            model.delete(one);
          }
        }
        const [one] = model.keys();
        for (const other of [number, number + 1, one ?? 0]) {
          const value = model.get(other);
          const found = [map.get(other), list.get(other), texts.get(`${other}`)];
          assertEquals(found, [value, value, value]);
          assertEquals(map.has(other), model.has(other));
        }
        assertEquals([map.size, texts.size], [model.size, model.size]);
      }
      const sorted = (entries: Iterable<[number, string]>) =>
        [...entries].sort(([one], [other]) => one - other);
      assertEquals(sorted(map), sorted(model));
      assertEquals([...list], sorted(model));
      assertEquals([...map.keys()].length, model.size);
      assertEquals([...map.values()].sort(), [...model.values()].sort());
      map.clear();
      assertEquals([map.size, map.get(steps[0]?.number ?? 0)], [0, undefined]);
    }),
    fuzz(100),
  );
});
