/**
 * A stream with a breaker and random work, beside a model: every delivery, every attempt and every probe must
 * be as the model says. `SEED=7 WORLDS=1` plays one world again, and more `WORLDS` play more of them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { EngineFollower } from "../../../src/broker/engine.ts";
import { trimEvent } from "../../../src/broker/events/event_codec.ts";
import { RecordingFollowerSink } from "../../support/broker/recording_sinks.ts";
import { bindOf, TestBroker } from "../../support/broker/test_broker.ts";
import { Random } from "../../support/random.ts";
import { BreakerModel, MODEL, type ModelMessage } from "./breaker_model.ts";

const SEED = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 1e9));
const WORLDS = Number(Deno.env.get("WORLDS") ?? 40);
const STEPS = 150;
const CREDIT = 5;
const LONG_MS = 1e12;
const { backoffMs, ...BREAKER } = MODEL;

/** A follower, and how much of what it got was told to the model. */
interface WorldFollower {
  readonly port: EngineFollower;
  readonly sink: RecordingFollowerSink;
  readonly slots: number;
  toldCount: number;
}

class World {
  readonly model: BreakerModel;
  readonly random: Random;
  test = new TestBroker();
  readonly followers = new Map<number, WorldFollower>();
  /** When each message was delivered last. */
  readonly deliveredAt = new Map<number, number>();
  readonly counts = { opened: 0, probes: 0, restarts: 0, deliveries: 0, postponed: 0 };
  readonly #ofLane: boolean;
  #followerCount = 0;
  #publisherCount = 0;
  #nextId = 1;

  constructor(seed: number) {
    this.random = new Random(seed);
    // The breaker of the only lane of a stream does as that of a stream.
    this.#ofLane = this.random.chance(0.5);
    const breaker = { ...BREAKER, ...this.#ofLane && { of: "lane" as const } };
    this.test.create("calls", { breaker, maxDeliveries: 65_535, backoffMs });
    this.model = new BreakerModel(this.#ofLane);
    if (!this.#ofLane) return;
    // A lane without messages would be forgotten with all that was counted of it.
    this.test.publisher("calls", "first").publishWith({ lane: "one", delayMs: LONG_MS });
    this.model.publish(this.#nextId++, this.now + LONG_MS);
  }

  get now(): number {
    return this.test.now;
  }

  /** Does something random, and looks whether all is as it should be. */
  async step(): Promise<void> {
    const wasOpen = this.model.open !== undefined;
    const [what, act] = this.random.pick(this.#actions());
    try {
      act();
      this.test.broker.tick(this.now);
      while (this.test.isWoken) this.test.dispatch();
      this.#tellDeliveries();
      await this.#check();
    } catch (error) {
      throw new Error(`after ${what}`, { cause: error });
    }
    if (!wasOpen && this.model.open !== undefined) this.counts.opened++;
  }

  #actions(): (readonly [string, () => void])[] {
    return [
      ["publish", () => this.#publish()],
      ["open", () => this.#openFollower()],
      ["ack", () =>
        this.#withSome(1, ([one], port, ranges) => {
          this.model.ack(one!, this.now);
          port.ack(ranges, false);
        })],
      ...[false, true, true].map((isFault) =>
        ["nack", () =>
          this.#withSome(3, (some, port, ranges) => {
            const delayMs = this.random.pick([undefined, undefined, 0, 700]);
            this.model.nack(some, { now: this.now, delayMs, isFault });
            port.nack(ranges, { reason: "", delayMs, isFault }, false);
          })] as const
      ),
      ["postpone", () =>
        this.#withSome(2, (some, port, ranges) => {
          const delayMs = this.random.pick([0, 1, 4000]);
          this.counts.postponed += some.length;
          for (const one of some) this.model.postpone(one, delayMs, this.now);
          port.nack(ranges, { reason: "", delayMs, isPostponed: true }, false);
        })],
      ["begin", () =>
        this.#withSome(3, (some, port, ranges) => {
          for (const one of some) this.model.begin(one);
          port.begin(ranges);
        })],
      ["release", () => this.#release()],
      ["lose", () => this.#endFollower(true)],
      ["close", () => this.#endFollower(false)],
      ["pass", () => void (this.test.now += this.random.pick([1, 100, 999, 5000, 40_000]))],
      ["pass", () => void (this.test.now += this.random.below(3000))],
      ["resume", () => {
        if (this.random.chance(0.7)) return;
        this.test.broker.pauseStream("calls", false);
        if (this.model.open !== undefined) this.model.close();
      }],
      ["restart", () => this.random.chance(0.3) && this.#restart()],
    ];
  }

  #publish(): void {
    if (this.model.messages.size > 30) return;
    const count = 1 + this.random.below(6);
    const publisher = this.test.publisher("calls", `p${++this.#publisherCount}`);
    if (this.#ofLane) publisher.publishWith(...new Array(count).fill({ lane: "one" }));
    else publisher.publish(...new Array<string>(count).fill("x"));
    for (let index = 0; index < count; index++) this.model.publish(this.#nextId++);
  }

  #openFollower(): void {
    if (this.followers.size >= 3) return;
    const sink = new RecordingFollowerSink();
    const slots = 1 + this.random.below(3);
    const limits = { messages: CREDIT, bytes: 1e6, reportsBegin: true, slots };
    const init = { name: "caller", bind: bindOf("calls"), ...limits };
    const port = this.test.broker.openFollower(init, sink);
    this.followers.set(++this.#followerCount, { port, sink, slots, toldCount: 0 });
  }

  /** Picks some of what one follower holds, in the order of its tags. */
  #withSome(
    countMax: number,
    act: (
      some: readonly ModelMessage[],
      port: EngineFollower,
      ranges: readonly { firstTag: number; count: number }[],
    ) => void,
  ): void {
    for (const [number, { port }] of this.followers) {
      const held = this.model.heldBy(number);
      if (held.length === 0 || this.random.chance(0.3)) continue;
      const some = held.filter(() => this.random.chance(0.5)).slice(0, countMax);
      if (some.length === 0) some.push(held[0]!);
      return act(some, port, some.map(({ holder }) => ({ firstTag: holder!.tag, count: 1 })));
    }
  }

  #release(): void {
    this.#withSome(2, (some, port) => {
      const unseen = some.filter(({ holder }) => !holder!.isBegun);
      const ranges = unseen.map(({ holder }) => ({ firstTag: holder!.tag, count: 1 }));
      for (const one of unseen) this.model.release(one, this.deliveredAt.get(one.id)!);
      port.release(ranges);
    });
  }

  /** A follower ends or is lost while its handlers have all that it holds. */
  #endFollower(isLost: boolean): void {
    if (this.followers.size === 0 || this.random.chance(0.5)) return;
    const [number, { port, sink }] = this.random.pick([...this.followers]);
    const held = this.model.heldBy(number);
    for (const one of held) this.model.begin(one);
    port.begin(held.map(({ holder }) => ({ firstTag: holder!.tag, count: 1 })));
    for (const one of held) {
      if (isLost) this.model.fail(one, { now: this.now, isLoss: true });
      else this.model.leave(one, this.now);
    }
    port.close(isLost ? undefined : sink.messages.length);
    this.followers.delete(number);
  }

  /** Makes the broker again of its events. A snapshot among them says nothing new. */
  #restart(): void {
    this.counts.restarts++;
    const { events, now } = this.test;
    const snapshot = JSON.stringify([...this.test.broker.state.takeSnapshot(now)]);
    const next = new TestBroker();
    next.now = now;
    const { state } = next.broker;
    state.beginRestoration();
    if (this.random.chance(0.5)) {
      for (const piece of JSON.parse(snapshot)) state.restorePiece(piece);
    }
    for (const event of events) {
      const isJson = event.type === "failed" || event.type === "postponed" ||
        event.type === "breakerChanged";
      next.broker.apply(isJson ? JSON.parse(JSON.stringify(trimEvent(event))) : event);
    }
    state.finishRestoration(now);
    next.events.push(...events);
    this.test = next;
    this.followers.clear();
    this.model.restart();
  }

  #tellDeliveries(): void {
    for (const [follower, one] of this.followers) {
      for (const { id, attempts, tag } of one.sink.messages.slice(one.toldCount)) {
        const wasOpen = this.model.open !== undefined;
        const why = this.model.deliver(id, attempts, { follower, tag }, this.now);
        assertEquals(why, undefined, `message ${id} was delivered`);
        this.deliveredAt.set(id, this.now);
        this.counts.deliveries++;
        if (wasOpen) this.counts.probes++;
      }
      one.toldCount = one.sink.messages.length;
    }
  }

  async #check(): Promise<void> {
    const { now, model } = this;
    const { infos } = await this.test.broker.peek("calls", 1, 1000);
    const found = infos.map(({ id, state, attempts, postponed = 0, dueAt = 0 }) =>
      `${id} ${state} ×${attempts} ~${postponed} @${dueAt}`
    );
    const expected = [...model.messages.values()].map((message) => {
      const { id, holder, dueAt, attempts, postponed } = message;
      if (holder !== undefined) return `${id} pending ×${attempts + 1} ~${postponed} @0`;
      const isDelayed = dueAt > now;
      const state = isDelayed ? "delayed" : "ready";
      return `${id} ${state} ×${attempts} ~${postponed} @${isDelayed ? dueAt : 0}`;
    });
    assertEquals(found, expected);
    const { breaker } = this.test.getStream("calls");
    assertEquals(breaker?.probes, model.open?.probes);
    if (model.open !== undefined) {
      assertEquals(breaker?.probeAt, model.probeId === undefined ? model.open.nextAt : undefined);
    }
    this.#checkProgress();
  }

  /** Whatever may go has gone. */
  #checkProgress(): void {
    const { now, model } = this;
    if (model.listReady(now).length === 0) return;
    for (const [number, { slots }] of this.followers) {
      const heldCount = model.heldBy(number).length;
      if (model.open === undefined) assertEquals(heldCount, CREDIT, "all that is ready goes");
      else {
        const mayGo = model.probeId === undefined && now >= model.open.nextAt;
        assert(!mayGo || heldCount >= slots, "a probe goes");
      }
    }
  }
}

Deno.test("whatever happens, a breaker does as its model (random)", async () => {
  const sums = { opened: 0, probes: 0, restarts: 0, deliveries: 0, postponed: 0 };
  for (let index = 0; index < WORLDS; index++) {
    const world = new World(SEED + index);
    for (let step = 0; step < STEPS; step++) {
      try {
        await world.step();
      } catch (error) {
        throw new Error(`SEED=${SEED + index} WORLDS=1, step ${step}`, { cause: error });
      }
    }
    for (const name in sums) {
      const key = name as keyof typeof sums;
      sums[key] += world.counts[key];
    }
  }
  // deno-lint-ignore no-console -- a failure in a long run is played again with it
  console.log(`seed ${SEED}:`, { worlds: WORLDS, steps: STEPS, ...sums });
  assert(sums.opened > 0 && sums.probes > 0);
});
