/**
 * A random search over lanes, keys, limits, breakers, batches and cancelled messages: every message that is not
 * cancelled is acknowledged once, nothing is stuck, and all counts end at 0.
 *
 * ```sh
 * SEED=7 deno test -A tests/broker/lanes/lane_search_test.ts   # one history again
 * TEST_LENGTH=long deno test -A tests/broker/lanes/lane_search_test.ts
 * ```
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { StreamOptionsInput, TagRange } from "../../../protocol.ts";
import type { NackDetails } from "../../../src/broker/engine.ts";
import type { PropertyWishes } from "../../../src/protocol/messages/property_wishes.ts";
import { TestBroker, type TestFollower } from "../../support/broker/test_broker.ts";
import { chooseLength } from "../../support/length.ts";
import { Random } from "../../support/random.ts";

const SEEDS = chooseLength({ short: 40, long: 2500 });
const STEPS = 150;
const LANES = ["ann", "bob", "cyd"];
const LIMITS = ["api", "mail"];

/** So many rounds of 25 milliseconds are enough for all that is left. */
const ROUNDS_MAX = 4000;

/** One history of a stream. */
class Search {
  readonly #random: Random;
  readonly #test = new TestBroker();
  readonly #publisher;
  readonly #followers: TestFollower[];
  /** How often each message was acknowledged, by id. */
  readonly #acked = new Map<number, number>();
  /** Messages that were cancelled before they were acknowledged. */
  readonly #cancelled = new Set<number>();
  #sentCount = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#test.create("orders", {
      maxDeliveries: 1000,
      backoffMs: [1],
      maxPending: this.#maybe(6),
      laneLimits: this.#maybe({ maxPending: 3 }),
      priorityAcross: this.#random.chance(0.5),
      rate: this.#random.chance(0.3) ? { count: 5, perMs: 50 } : null,
      breaker: this.#pickBreaker(0.3, 3),
    });
    this.#publisher = this.#test.publisher("orders");
    this.#followers = [this.#follow(), this.#follow()];
  }

  get #share() {
    return this.#test.broker.state.router.requireStream("orders").share;
  }

  #maybe<Value>(value: Value): Value | null {
    return this.#random.chance(0.5) ? value : null;
  }

  #pickBreaker(
    chance: number,
    failures: number,
  ): NonNullable<StreamOptionsInput["breaker"]> | null {
    const random = this.#random;
    if (!random.chance(chance)) return null;
    return { failures, openMs: 20, of: random.pick(["lane", "stream"]) };
  }

  #follow(): TestFollower {
    const ordersKeys = this.#random.chance(0.5);
    return this.#test.follower("orders", { messages: 8, slots: 4, ordersKeys });
  }

  #publish(): void {
    const random = this.#random;
    const wishes = Array.from({ length: 1 + random.below(5) }, (): PropertyWishes => ({
      ...random.chance(0.7) && { lane: random.pick(LANES) },
      ...random.chance(0.3) && { key: random.pick(["k", "l"]) },
      ...random.chance(0.25) && { priority: random.below(5) },
    }));
    this.#sentCount += wishes.length;
    this.#publisher.publishWith(...wishes);
  }

  #ackFirst({ follower, open }: TestFollower): void {
    const { firstTag, firstId, count } = follower.pending.runs[0]!;
    for (let id = firstId; id < firstId + count; id++) {
      this.#acked.set(id, (this.#acked.get(id) ?? 0) + 1);
    }
    open.ack([{ firstTag, count }], false);
  }

  #nack({ open }: TestFollower, ranges: readonly TagRange[], others: Partial<NackDetails>): void {
    const delayMs = this.#random.pick([0, 5]);
    open.nack(ranges, { delayMs, reason: "", ...others }, false);
  }

  /** Reports what becomes of deliveries, one at a time or as a batch. */
  #report(follower: TestFollower): void {
    const random = this.#random;
    const ranges = follower.follower.pending.runs
      .map(({ firstTag, count }) => ({ firstTag, count }));
    if (ranges.length === 0) return;
    const way = random.below(6);
    if (way < 2) this.#ackFirst(follower);
    else if (way === 2) {
      this.#nack(follower, ranges.slice(0, 1), {
        isFault: random.chance(0.5),
        isPostponed: random.chance(0.3),
        holdsLane: random.chance(0.3),
        isTogether: random.chance(0.5),
      });
    } else if (way === 3) follower.open.beginBatch(ranges);
    else if (way === 4) this.#nack(follower, ranges, { isTogether: true });
    else follower.open.release([{ firstTag: ranges.at(-1)!.firstTag, count: 1 }]);
  }

  #replaceFollower(index: number): void {
    const follower = this.#followers[index]!;
    const { nextTag } = follower.follower.pending;
    follower.close(this.#random.chance(0.5) ? undefined : nextTag - 1);
    this.#followers[index] = this.#follow();
  }

  #cancel(): void {
    const id = 1 + this.#random.below(this.#sentCount + 1);
    if (id <= this.#sentCount && !this.#acked.has(id)) this.#cancelled.add(id);
    this.#test.broker.cancelMessage("orders", id);
  }

  #changeLimits(): void {
    const random = this.#random;
    const { broker } = this.#test;
    if (random.chance(0.5)) {
      const settings = { maxPending: 1 + random.below(3), weight: 1 + random.below(3) };
      broker.lanes.set("orders", random.pick(LANES), this.#maybe(settings));
    } else {
      broker.updateStream("orders", {
        maxPending: this.#maybe(1 + random.below(5)),
        laneLimits: this.#maybe({
          maxPending: 1 + random.below(3),
          rate: this.#maybe({ count: 3, perMs: 40 }),
        }),
        breaker: this.#pickBreaker(0.5, 2),
        sharedLimit: this.#maybe(random.pick(LIMITS)),
      });
    }
  }

  step(): void {
    const random = this.#random;
    const { broker } = this.#test;
    const index = random.below(this.#followers.length);
    const way = random.below(14);
    if (way < 2) this.#publish();
    else if (way < 8) this.#report(this.#followers[index]!);
    else if (way === 8 && random.chance(0.3)) this.#replaceFollower(index);
    else if (way === 9 && random.chance(0.5)) this.#cancel();
    else if (way < 12) this.#changeLimits();
    else if (way === 12) {
      broker.pauseStream("orders", random.chance(0.3));
      broker.lanes.putLimit(random.pick(LIMITS), { maxPending: 1 + random.below(4) });
    } else broker.tick(this.#test.now += random.below(30));
    this.#test.dispatch();
  }

  /** Works on all that is left. */
  drain(): void {
    const test = this.#test;
    test.broker.pauseStream("orders", false);
    for (let round = 0; round < ROUNDS_MAX && this.#count() > 0; round++) {
      test.broker.tick(test.now += 25);
      test.dispatch();
      for (const follower of this.#followers) {
        while (follower.follower.pending.runs.length > 0) this.#ackFirst(follower);
        test.dispatch();
      }
    }
  }

  /** How many messages are there. */
  #count(): number {
    const { pending, ready, delayed, parked } = this.#test.getStream("orders");
    return pending + ready + delayed + parked;
  }

  /** Nothing is lost, doubled or stuck, and no count is left. */
  check(what: string): void {
    const { pendingCount, lanes, keys } = this.#share;
    const ids = Array.from({ length: this.#sentCount }, (_, index) => index + 1);
    const lost = ids.filter((id) => !this.#acked.has(id) && !this.#cancelled.has(id));
    const doubled = [...this.#acked].filter(([, count]) => count > 1).map(([id]) => id);
    const left = [...lanes?.table ?? []].filter(({ messageCount }) => messageCount !== 0);
    assertEquals(
      {
        lost,
        doubled,
        stuck: this.#count(),
        pending: pendingCount,
        lanes: left.map(({ name }) => name),
        keys: keys?.heldCount ?? 0,
      },
      { lost: [], doubled: [], stuck: 0, pending: 0, lanes: [], keys: 0 },
      what,
    );
  }
}

function search(seed: number): void {
  const found = new Search(seed);
  try {
    for (let step = 0; step < STEPS; step++) found.step();
    found.drain();
  } catch (error) {
    throw new Error(`SEED=${seed}`, { cause: error });
  }
  found.check(`SEED=${seed}`);
}

Deno.test("whatever is done with lanes, no message is lost, doubled or stuck", () => {
  const told = Deno.env.get("SEED");
  if (told !== undefined) return search(Number(told));
  for (let seed = 1; seed <= SEEDS; seed++) search(seed);
});
