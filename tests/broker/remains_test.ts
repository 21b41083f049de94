/**
 * What is left when everything has ended: nothing that is kept by a lane, a key, a coalesce id, a dedup id, a
 * schedule, the name of a limit or a breaker outlives it.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { encodeBatch } from "../../protocol.ts";
import { encodeBase64 } from "../../src/protocol/base64.ts";
import { countTurns } from "./turns/many_at_once.ts";
import { TestBroker } from "../support/broker/test_broker.ts";
import { chooseLength } from "../support/length.ts";

const COUNT = chooseLength({ short: 90, long: 300 });
const HOUR = 3_600_000;

const { Map: PlainMap, Set: PlainSet } = globalThis;
const kept: WeakRef<Map<unknown, unknown> | Set<unknown>>[] = [];

class KnownMap<Key, Value> extends PlainMap<Key, Value> {
  constructor(entries?: Iterable<readonly [Key, Value]> | null) {
    super(entries);
    kept.push(new WeakRef(this));
  }
}

class KnownSet<Value> extends PlainSet<Value> {
  constructor(values?: Iterable<Value> | null) {
    super(values);
    kept.push(new WeakRef(this));
  }
}

/** The sizes of all maps and sets that are in use and not empty, sorted. */
async function measure(): Promise<number[]> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve));
    collect();
  }
  const sizes = kept.map((ref) => ref.deref()?.size ?? 0).filter((size) => size > 0);
  return sizes.sort((one, other) => one - other);
}

/** Lets time pass, and does what is due when it is. */
async function advance(test: TestBroker, ms: number): Promise<void> {
  const until = test.now + ms;
  for (;;) {
    const next = test.broker.tick(test.now);
    test.dispatch();
    await Promise.resolve();
    if (test.now >= until) return;
    test.now = Math.min(until, Math.max(next, test.now + 1));
  }
}

/** How the messages of a round end. */
type End = "acked" | "cancelled" | "purged" | "expired";

/** Has messages of many lanes, keys and ids come, fail, open breakers, and end in some way. */
async function run(test: TestBroker, name: string, end: End): Promise<void> {
  const { broker } = test;
  const follower = test.follower("orders", { name, slots: COUNT });
  const publisher = test.publisher("orders", name);
  const ttlMs = 2 * HOUR;
  for (let index = 0; index < COUNT; index++) {
    const lane = `lane ${name} ${index}`;
    publisher.publishWith({ lane, key: `key ${name} ${index}`, ttlMs });
    publisher.publishWith({
      lane,
      key: `key ${name} ${index}`,
      dedupId: `${name} ${index}`,
      ttlMs,
    });
    const modes = { atMostMs: 12 * HOUR, take: "last", whileWorked: "wait" } as const;
    const coalesce = { id: `id ${name} ${index}`, quietMs: HOUR, ...modes };
    publisher.publishWith({ lane, coalesce, ttlMs });
    publisher.publishWith({ lane, delayMs: HOUR, ttlMs });
  }
  await advance(test, 1);
  // All fail, so that the breaker of each lane opens; some lanes are held back as well.
  const tags = follower.follower.pending.runs.flatMap(({ firstTag, count }) =>
    Array.from({ length: count }, (_, index) => firstTag + index)
  );
  assertEquals(tags.length, COUNT);
  follower.begin(...tags);
  tags.forEach((firstTag, index) => {
    const isFault = index % 3 > 0;
    const others = isFault ? { isFault } : { isPostponed: true, holdsLane: true, delayMs: 5000 };
    follower.open.nack([{ firstTag, count: 1 }], { reason: `down ${index}`, ...others }, false);
  });
  const stream = broker.state.router.requireStream("orders");
  assertEquals(stream.share.breakers?.openCount, 2 * COUNT / 3);
  await broker.lanes.set("orders", `lane ${name} 7`, { weight: 3 });
  await broker.lanes.set("orders", `lane ${name} 7`, null);
  await broker.lanes.putLimit(`limit-${name}`, { maxPending: 5 });
  await broker.updateStream("orders", { sharedLimit: `limit-${name}` });
  await broker.updateStream("orders", { sharedLimit: null });
  await broker.lanes.putLimit(`limit-${name}`, null);
  const body = new Uint8Array(1);
  const entry = encodeBase64(encodeBatch([{ kind: 1, body, wishes: {}, headers: {} }]).buffer);
  await broker.schedules.put(`schedule-${name}`, { stream: "orders", entry, everyMs: HOUR });
  await broker.schedules.delete(`schedule-${name}`);
  if (end === "acked") {
    for (let left = 4 * COUNT; left > 0; left--) {
      await advance(test, 60_000);
      const { runs } = follower.follower.pending;
      if (runs.length === 0 && stream.depthCount === 0) break;
      for (const { firstTag, count } of [...runs]) {
        follower.open.ack([{ firstTag, count }], true);
      }
    }
  } else if (end === "cancelled") {
    for (let index = 0; index < COUNT; index++) {
      await broker.cancelMessages("orders", { lane: `lane ${name} ${index}` });
    }
  } else if (end === "purged") {
    await countTurns(test, broker.purgeStream("orders"));
  } else follower.setCredit(0);
  follower.close();
  publisher.publisher.close();
  await advance(test, 3 * HOUR);
  await countTurns(test, broker.purgeStream("orders.dead").catch(() => {}));
  await advance(test, HOUR);
  assertEquals([stream.depthCount, stream.share.pendingCount], [0, 0]);
}

/** What the parts say of themselves that are no maps. */
function describe(test: TestBroker) {
  const { share, dedupIds, coalesced, expiries } = test.broker.state.router.requireStream("orders");
  const { lanes, keys, breakers, delayed, notes } = share;
  return {
    lanes: lanes?.table.size,
    figures: lanes?.figures,
    heldLanes: lanes?.heldCount,
    keys: keys?.heldCount,
    parked: keys?.parkedCount,
    breakers: breakers?.openCount,
    delayed: delayed.size,
    expiries: expiries.size,
    failures: notes.failures.size,
    dedupIds: dedupIds.size,
    coalesceIds: coalesced?.size,
  };
}

for (const end of ["acked", "cancelled", "purged", "expired"] as const) {
  Deno.test(`nothing is left of lanes, keys, ids, schedules, limits and breakers: messages are ${end}`, async () => {
    Object.assign(globalThis, { Map: KnownMap, Set: KnownSet });
    try {
      const test = new TestBroker();
      test.create("orders", {
        breaker: { failures: 1, openMs: 1000, of: "lane" },
        laneLimits: { maxPending: 1, rate: { count: 60, perMs: 60_000 } },
        dedupWindowMs: 60_000,
      });
      await run(test, "first", end);
      const [sizes, told] = [await measure(), describe(test)];
      const none = { lanes: 0, heldLanes: 0, keys: 0, parked: 0, breakers: 0, delayed: 0 };
      assertEquals(told, {
        ...none,
        figures: { count: 0, waiting: 0, limited: 0 },
        expiries: 0,
        failures: 0,
        dedupIds: 0,
        coalesceIds: 0,
      });
      assertLess(sizes.at(-1) ?? 0, 10, `${sizes}`);
      await run(test, "second", end);
      assertEquals([await measure(), describe(test)], [sizes, told]);
    } finally {
      Object.assign(globalThis, { Map: PlainMap, Set: PlainSet });
      kept.length = 0;
    }
  });
}
