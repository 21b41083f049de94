/**
 * Random histories of a stream with lanes, keys, priorities, delays and limits that change: after each step
 * all counts of lanes are what the lists say, no limit is exceeded by a delivery, messages of a key go one
 * at a time, and in the end nothing is stuck and all lanes are forgotten.
 *
 * ```sh
 * FUZZ_RUNS=100 FUZZ_SEED=1 deno test -A tests/broker/lanes/lane_model_test.ts
 * ```
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { StreamOptionsInput } from "../../../protocol.ts";
import type { LaneSettings } from "../../../src/protocol/lane_settings.ts";
import type { PropertyWishes } from "../../../src/protocol/messages/property_wishes.ts";
import { Random } from "../../support/random.ts";
import { TestBroker, type TestFollower } from "../../support/broker/test_broker.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const LANES = ["ann", "bob", "cyd", "dan"];
const STEPS = 300;

/** What a message says of its delivery. */
interface Known {
  readonly lane: string;
  readonly key: string | undefined;
}

class History {
  readonly test = new TestBroker();
  readonly random: Random;
  readonly what: string;
  readonly known = new Map<number, Known>();
  readonly followers: TestFollower[] = [];
  #publisher = this.test.publisher("orders");
  #identities = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.what = `seed ${seed}`;
    this.test.create("orders", { backoffMs: [50], maxDeliveries: 6, deadLetter: false });
    this.test.broker.lanes.putLimit("api", { maxPending: 5 });
  }

  get share() {
    return this.test.broker.state.router.requireStream("orders").share;
  }

  publish(): void {
    const { random } = this;
    const firstId = this.share.store.intake.nextId;
    const wishes = Array.from({ length: 1 + random.below(6) }, (_, index): PropertyWishes => {
      const lane = random.chance(0.2) ? undefined : random.pick(LANES);
      const key = random.chance(0.4) ? random.pick(["k", "l", "m"]) : undefined;
      this.known.set(firstId + index, { lane: lane ?? "", key });
      return {
        ...lane !== undefined && { lane },
        ...key !== undefined && { key },
        ...random.chance(0.3) && { priority: random.below(10) },
        ...random.chance(0.1) && { delayMs: 1 + random.below(300) },
        ...random.chance(0.05) && { ttlMs: 1 + random.below(500) },
      };
    });
    if (random.chance(0.05)) {
      this.#publisher = this.test.publisher("orders", `publisher ${++this.#identities}`);
    }
    this.#publisher.publishWith(...wishes);
  }

  /** Changes the options of the stream, the settings of a lane, or the shared limit. */
  change(): void {
    const { random, test: { broker } } = this;
    const maybe = <Value>(value: Value): Value | null => random.chance(0.5) ? null : value;
    const rate = () => ({ count: 1 + random.below(5), perMs: 20 + random.below(200) });
    const way = random.below(3);
    if (way === 0) {
      const settings: LaneSettings = random.pick<LaneSettings>([
        { maxPending: maybe(1 + random.below(4)) },
        { rate: maybe(rate()) },
        { weight: 1 + random.below(5) },
        { isPaused: random.chance(0.5) },
      ]);
      broker.lanes.set("orders", random.pick(LANES), random.chance(0.2) ? null : settings);
    } else if (way === 1) {
      broker.lanes.putLimit("api", { maxPending: maybe(1 + random.below(6)), rate: maybe(rate()) });
    } else {
      const options: StreamOptionsInput = random.pick<StreamOptionsInput>([
        { maxPending: maybe(1 + random.below(8)) },
        { rate: maybe(rate()) },
        { sharedLimit: maybe("api") },
        { laneLimits: maybe({ maxPending: maybe(1 + random.below(3)), rate: maybe(rate()) }) },
        { priorityAcross: random.chance(0.5) },
        { priorityAgingMs: maybe(100 + random.below(200)) },
      ]);
      broker.updateStream("orders", options);
    }
  }

  follow(): void {
    const { random, test } = this;
    const isOrdering = random.chance(0.4);
    this.followers.push(test.follower("orders", {
      messages: 1 + random.below(12),
      slots: 1 + random.below(6),
      ordersKeys: isOrdering,
    }));
  }

  /** Reports what becomes of some deliveries, in any way. */
  report(follower: TestFollower): void {
    const { random } = this;
    for (const { firstTag, count } of [...follower.follower.pending.runs]) {
      if (random.chance(0.4)) continue;
      const range = { firstTag, count: 1 + random.below(count) };
      const way = random.below(10);
      if (follower.follower.pending.find(range.firstTag, range.count).length === 0) continue;
      if (way < 4) follower.open.ack([range], false);
      else if (way < 6) follower.open.release([range]);
      else if (way === 6) follower.open.nack([range], { reason: "" }, false);
      else if (way === 7) {
        follower.open.nack([range], { reason: "", delayMs: 20, isPostponed: true }, false);
      } else if (way === 8) follower.open.begin([range]);
      else follower.open.reject([range], "", false);
    }
  }

  remove(): void {
    const { random, test: { broker }, known } = this;
    const ids = Array.from({ length: 4 }, () => 1 + random.below(known.size + 1));
    if (random.chance(0.5)) broker.dropMessages("orders", ids);
    else broker.cancelMessage("orders", ids[0]!);
  }

  async step(): Promise<void> {
    const { random, test, followers } = this;
    const way = random.below(12);
    if (way < 3) this.publish();
    else if (way === 3) this.change();
    else if (way === 4) this.follow();
    else if (way === 5) this.remove();
    else if (way === 6 && followers.length > 0) {
      const [follower] = followers.splice(random.below(followers.length), 1);
      follower!.close(random.chance(0.5) ? undefined : random.below(5));
    } else for (const follower of followers) this.report(follower);
    await Promise.resolve();
    this.check();
    test.broker.tick(test.now += random.below(40));
    const before = this.countHeld();
    test.dispatch();
    this.check();
    this.checkLimits(before);
  }

  /** How many messages followers hold, by lane. */
  countHeld(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { follower } of this.followers) {
      for (const { firstId, count } of follower.pending.runs) {
        for (let id = firstId; id < firstId + count; id++) {
          const { lane } = this.known.get(id)!;
          counts.set(lane, (counts.get(lane) ?? 0) + 1);
        }
      }
    }
    return counts;
  }

  /** The counts of lanes are what the lists say. */
  check(): void {
    const { share, known, what } = this;
    const { lanes } = share;
    if (lanes === undefined) return;
    const ready = new Map<string, number>();
    for (const { firstId, count, lane } of share.ready.list()) {
      const { name } = lanes.table.get(lane);
      for (let id = firstId; id < firstId + count; id++) {
        assertEquals(name, known.get(id)!.lane, what);
      }
      ready.set(name, (ready.get(name) ?? 0) + count);
    }
    const delayed = new Map<string, number>();
    for (const { count, lane } of share.delayed.list()) {
      const { name } = lanes.table.get(lane);
      delayed.set(name, (delayed.get(name) ?? 0) + count);
    }
    const held = this.countHeld();
    let parked = 0;
    for (const lane of lanes.table) {
      const { name } = lane;
      assertEquals(lane.count, ready.get(name) ?? 0, `${what}: ready of ${name}`);
      assertEquals(lane.delayedCount, delayed.get(name) ?? 0, `${what}: delayed of ${name}`);
      assertEquals(lane.pendingCount, held.get(name) ?? 0, `${what}: pending of ${name}`);
      parked += lane.parkedCount;
      assert(lane.parkedCount >= 0, what);
    }
    assertEquals(parked, share.keys?.parkedCount ?? 0, `${what}: parked`);
    assertEquals(lanes.count, [...ready.values()].reduce((sum, one) => sum + one, 0), what);
    const { waiting, limited } = lanes.figures;
    assertEquals(waiting, ready.size, `${what}: lanes that wait`);
    assertEquals(lanes.hasNext, waiting > limited, `${what}: ${limited} of ${waiting} are limited`);
    this.#checkKeys();
  }

  /** Messages of a key are with one follower, in order; with one that does not order them, there is one. */
  #checkKeys(): void {
    const holders = new Map<string, TestFollower>();
    for (const follower of this.followers) {
      const seen = new Set<string>();
      for (const { firstId, count } of follower.follower.pending.runs) {
        for (let id = firstId; id < firstId + count; id++) {
          const { key } = this.known.get(id)!;
          if (key === undefined) continue;
          assert((holders.get(key) ?? follower) === follower, `${this.what}: key ${key}`);
          holders.set(key, follower);
          assert(follower.follower.ordersKeys || !seen.has(key), `${this.what}: twice ${key}`);
          seen.add(key);
        }
      }
    }
  }

  /** A delivery exceeds no limit: what is over one now was over it before, and has not grown. */
  checkLimits(before: ReadonlyMap<string, number>): void {
    const { share, what } = this;
    const now = this.countHeld();
    const sum = (counts: ReadonlyMap<string, number>) =>
      [...counts.values()].reduce((total, one) => total + one, 0);
    const { maxPending } = share.store.options;
    if (maxPending !== null) assertLessOrEqual(sum(now), Math.max(maxPending, sum(before)), what);
    for (const lane of share.lanes?.table ?? []) {
      const most = lane.maxPending ?? Infinity;
      const held = now.get(lane.name) ?? 0;
      assertLessOrEqual(held, Math.max(most, before.get(lane.name) ?? 0), `${what}: ${lane.name}`);
      if (lane.settings?.isPaused) assertLessOrEqual(held, before.get(lane.name) ?? 0, what);
    }
  }

  /** Takes all limits away and works on everything: nothing is stuck. */
  async drain(): Promise<void> {
    const { test, followers, share } = this;
    for (const lane of LANES) await test.broker.lanes.set("orders", lane, null);
    this.follow();
    for (let left = 3000; left > 0; left--) {
      test.broker.tick(test.now += 60);
      test.dispatch();
      for (const follower of followers) {
        for (const { firstTag, count } of [...follower.follower.pending.runs]) {
          follower.open.ack([{ firstTag, count }], false);
        }
      }
      if (share.store.backlog.count === 0) break;
    }
    const sentences = await test.broker.explain("orders");
    assertEquals(share.store.backlog.count, 0, `${this.what}: ${sentences.join(" ")}`);
    test.broker.tick(test.now += 100_000);
    share.lanes?.choose({ countMax: 1, limitedMax: 1, attemptsMax: 9, exhaust() {} }, test.now);
    assertEquals([...share.lanes?.table ?? []].length <= 1, true, `${this.what}: lanes are left`);
  }
}

Deno.test("whatever happens to lanes, keys and limits, counts are right and nothing is stuck", async () => {
  const { seed, numRuns } = fuzz(4);
  for (let run = 0; run < numRuns; run++) {
    const history = new History(seed + run);
    for (let step = 0; step < STEPS; step++) await history.step();
    await history.drain();
  }
});
