/**
 * The broker comes to rest: what cannot be delivered now is not offered to the same follower again and again.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { PropertyWishes } from "../../../protocol.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";
import { chooseLength } from "../../support/length.ts";
import { Random } from "../../support/random.ts";

const SEED = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 1e9));
const WORLDS = chooseLength({ short: 100, long: 5000 });
const STEPS = 60;
/** So often a broker may ask to hand out before nothing happens any more. */
const DISPATCHES_MAX = 200;

/** Hands out until the broker does not ask for it any more. */
function rest(test: TestBroker): void {
  for (let count = 0; test.isWoken; count++) {
    assert(count < DISPATCHES_MAX, "the broker does not come to rest");
    test.dispatch();
  }
}

Deno.test("what waits for a slot and for a key that is lent lets the broker rest", () => {
  const test = new TestBroker();
  test.create("orders", { laneLimits: { maxPending: 3 } });
  const follower = test.follower("orders", { ordersKeys: true, messages: 8 });
  const publisher = test.publisher("orders");
  publisher.publishWith({ lane: "acme", key: "k" }, { lane: "acme", key: "k" }, { key: "k" });
  rest(test);
  assertEquals(follower.received, ["orders:1×1", "orders:3×1"]);
});

Deno.test("what waits for a key that is lent, and cannot go, is no news to all others", () => {
  // Without a slot for the first of them, the one behind it was offered for ever.
  runWorld(new Random(734));
});

Deno.test(`the broker comes to rest with any keys, lanes and limits, SEED=${SEED}`, () => {
  for (let seed = SEED; seed < SEED + WORLDS; seed++) {
    try {
      runWorld(new Random(seed));
    } catch (cause) {
      throw new Error(`SEED=${seed}`, { cause });
    }
  }
});

function runWorld(random: Random): void {
  const test = new TestBroker();
  const limit = (most: number) => random.chance(0.5) ? null : 1 + random.below(most);
  const rate = () => random.chance(0.7) ? null : { count: 1 + random.below(3), perMs: 500 };
  const streams = ["a", "b"].slice(0, 1 + random.below(2));
  for (const name of streams) {
    const laneLimits = random.chance(0.3) ? null : { maxPending: limit(3), rate: rate() };
    const breaker = random.chance(0.3) ? { failures: 2, openMs: 300 } : null;
    test.create(name, { maxPending: limit(6), rate: rate(), laneLimits, breaker });
  }
  const publishers = streams.map((name) => test.publisher(name, `publisher of ${name}`));
  const followers = Array.from({ length: 1 + random.below(3) }, () =>
    test.follower(/./, {
      ordersKeys: random.chance(0.7),
      slots: 1 + random.below(3),
      messages: 3 + random.below(10),
    }));
  for (let step = 0; step < STEPS; step++) {
    const what = random.below(10);
    if (what < 4) {
      const count = 1 + random.below(6);
      random.pick(publishers).publishWith(...Array.from({ length: count }, () => wish(random)));
    } else if (what < 9) {
      const { open, follower: { pending } } = random.pick(followers);
      const [run] = pending.runs;
      if (run === undefined) continue;
      const range = [{ firstTag: run.firstTag + random.below(run.count), count: 1 }];
      const how = random.below(4);
      if (how === 0) open.nack(range, { reason: "", delayMs: random.below(2) * 100 }, false);
      else if (how === 1) open.release(range);
      else if (how === 2) open.nack(range, { reason: "", isFault: true }, false);
      else open.ack(range, false);
    } else test.now += random.below(800);
    test.broker.tick(test.now);
    rest(test);
  }
}

function wish(random: Random): PropertyWishes {
  const has = (probability: number) => random.chance(probability);
  return {
    ...has(0.6) && { lane: `lane ${random.below(3)}` },
    ...has(0.7) && { key: `key ${random.below(3)}` },
    ...has(0.2) && { priority: random.below(10) },
  };
}
