/**
 * The keys that messages hold: always the same as in a plain map and a plain set.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { HeldKeys } from "../../../src/broker/ready/held_keys.ts";
import { Random } from "../../support/random.ts";

const IDS = 300;

Deno.test("HeldKeys knows the keys of messages, and which no follower has (random)", () => {
  const seed = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 1e6));
  // deno-lint-ignore no-console -- it tells how to repeat a failure
  console.log(`SEED=${seed}`);
  const random = new Random(seed);
  const held = new HeldKeys();
  const keys = new Map<number, number>();
  const back = new Set<number>();
  for (let step = 0; step < 20_000; step++) {
    const id = 1 + random.below(IDS);
    const isGoing = random.below(2000) < step % 2000;
    if (isGoing) {
      assertEquals(held.delete(id), keys.get(id) ?? 0);
      keys.delete(id);
      back.delete(id);
    } else if (!keys.has(id)) {
      const key = 1 + random.below(1000);
      held.set(id, key);
      keys.set(id, key);
    } else {
      const isBack = random.chance(0.5);
      assertEquals(held.setBack(id, isBack), back.has(id));
      if (isBack) back.add(id);
      else back.delete(id);
    }
    const other = 1 + random.below(IDS);
    assertEquals(
      [held.count, held.get(other), held.has(other), held.isBack(other)],
      [keys.size, keys.get(other) ?? 0, keys.has(other), back.has(other)],
    );
  }
});

Deno.test("HeldKeys.setBack() leaves alone what holds no key", () => {
  const held = new HeldKeys();
  assertEquals(held.setBack(7, true), false);
  held.set(8, 1);
  assertEquals(held.setBack(7, true), false);
  assertEquals([held.isBack(7), held.has(7), held.count], [false, false, 1]);
});
