/**
 * Texts in tables of numbers: they do what plain maps do, and give room back.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { KeyedHash } from "../../../src/broker/collections/keyed_hash.ts";
import { RestingMessages } from "../../../src/broker/store/resting_messages.ts";
import { TextTable } from "../../../src/broker/store/text_table.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** A hash that has two values only. */
class PoorHash extends KeyedHash {
  override ofText(text: string): number {
    return text.length % 2 === 0 ? -1 : 0;
  }

  override ofNumber(number: number): number {
    return number % 2;
  }
}

const HASHES = [new KeyedHash([3, 4]), new PoorHash()];

Deno.test("TextTable holds the same as a plain Map (random)", () => {
  const text = fc.oneof(fc.constantFrom("", "__proto__", "\ud800"), fc.nat(40).map(String));
  const step = fc.record({ isAdded: fc.boolean(), text, number: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), fc.nat(1), (steps, which) => {
      const table = new TextTable(2, HASHES[which], (from, to) => {
        assertEquals([from, to < from], [table.size - 1, true]);
      });
      const model = new Map<string, number>();
      for (const { isAdded, text, number } of steps) {
        const slot = table.find(text);
        assertEquals(slot >= 0, model.has(text));
        if (!isAdded && slot >= 0) table.remove(slot);
        if (!isAdded) model.delete(text);
        else {
          const own = slot < 0 ? table.add(text) : slot;
          table.set(own, 0, number);
          table.set(own, 1, text.length);
          model.set(text, number);
        }
        assertEquals(table.size, model.size);
        for (const [one, value] of model) {
          const found = table.find(one);
          assertEquals([table.textOf(found), table.get(found, 0)], [one, value]);
          assertEquals(table.get(found, 1), one.length);
        }
      }
    }),
    fuzz(100),
  );
});

Deno.test("TextTable gives room back when most of its texts are gone", () => {
  const table = new TextTable(1);
  for (let number = 0; number < 10_000; number++) table.set(table.add(`${number}`), 0, number);
  for (let number = 10; number < 10_000; number++) table.remove(table.find(`${number}`));
  assertLess(table.capacity, 64);
  for (let number = 0; number < 10; number++) {
    assertEquals(table.get(table.find(`${number}`), 0), number);
  }
});

Deno.test("RestingMessages finds the same as a plain list (random)", () => {
  const step = fc.record({
    isAdded: fc.boolean(),
    id: fc.nat(30),
    count: fc.constantFrom(1, 3, 40),
    key: fc.constantFrom(undefined, undefined, "a", "b"),
    expiresAt: fc.constantFrom(undefined, 7),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.nat(1), (steps, which) => {
      const resting = new RestingMessages(HASHES[which]);
      const model = new Map<number, { key: string | undefined; expiresAt: number | undefined }>();
      // Far ones, as they are left over of many.
      const idOf = (id: number) => id * 1024 + 2 ** 33;
      for (const { isAdded, id, count, key, expiresAt } of steps) {
        if (isAdded && !model.has(id)) {
          const message = { id: idOf(id), bytes: id, isStored: true, dueAt: id, until: Infinity };
          resting.add({ text: `t${id}`, key, lane: undefined }, { ...message, expiresAt });
          model.set(id, { key, expiresAt });
        } else if (!isAdded) {
          const before = model.size;
          for (let one = id; one < id + count; one++) model.delete(one);
          const span = { firstId: idOf(id), count: (count - 1) * 1024 + 1 };
          const removed = count === 1 || count === 40
            ? resting.removeRange(span)
            : [0, 1, 2].reduce(
              (sum, more) => sum + resting.removeRange({ firstId: idOf(id + more), count: 1 }),
              0,
            );
          assertEquals(removed, before - model.size);
        }
        check(resting, model, idOf);
      }
      const ids = [...model.keys()];
      for (const id of ids) {
        const { mark, message } = resting.take(resting.find(`t${id}`));
        assertEquals([mark.text, mark.key, message.id], [`t${id}`, model.get(id)!.key, idOf(id)]);
        assertEquals([message.bytes, message.isStored], [id, true]);
        model.delete(id);
        check(resting, model, idOf);
      }
    }),
    fuzz(100),
  );
});

/** Checks that all of a model can be found, and nothing else. */
function check(
  resting: RestingMessages,
  model: ReadonlyMap<number, { readonly expiresAt: number | undefined }>,
  idOf: (id: number) => number,
): void {
  assertEquals(resting.size, model.size);
  const seen: number[] = [];
  resting.visit((id) => void seen.push(id));
  const byNumber = (one: number, other: number) => one - other;
  assertEquals(seen.sort(byNumber), [...model.keys()].map(idOf).sort(byNumber));
  for (let id = 0; id <= 30; id++) {
    const slot = resting.findMessage(idOf(id));
    assertEquals([slot >= 0, resting.find(`t${id}`)], [model.has(id), slot]);
    if (slot < 0) continue;
    const times = { dueAt: id, until: Infinity, expiresAt: model.get(id)!.expiresAt };
    assertEquals(resting.timesOf(slot), times);
  }
}
