/**
 * Messages with keys while breakers open and close: whatever comes back, and wherever it goes next, the
 * messages of a key are worked on in order, and those of one key are at one follower.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { TagRange } from "../../../protocol.ts";
import type { Delivery, EngineFollower, FollowerSink } from "../../../src/broker/engine.ts";
import { bindOf, TestBroker } from "../../support/broker/test_broker.ts";
import { Random } from "../../support/random.ts";

const SEED = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 1e9));
const WORLDS = Number(Deno.env.get("WORLDS") ?? 30);
const KEYS = 4;
const COUNT = 60;

/** The key of a message, by its id. */
const keyOf = (id: number): number => id % KEYS;

/** A client that hands out one message of a key at a time. */
class Client implements FollowerSink {
  readonly isFull = false;
  readonly port: EngineFollower;
  /** The ids of what it holds, by tag. */
  readonly held = new Map<number, number>();

  constructor(test: TestBroker, random: Random, isLent: boolean) {
    this.port = test.broker.openFollower({
      name: "client",
      bind: bindOf("calls"),
      messages: 8,
      bytes: 1e6,
      reportsBegin: true,
      ordersKeys: isLent,
      slots: 1 + random.below(2),
    }, this);
  }

  deliver({ firstTag, firstId, batch: { count } }: Delivery): void {
    for (let index = 0; index < count; index++) this.held.set(firstTag + index, firstId + index);
  }

  revoke(ranges: readonly TagRange[]): void {
    for (const { firstTag, count } of ranges) {
      for (let tag = firstTag; tag < firstTag + count; tag++) this.held.delete(tag);
    }
  }

  noteDeleted(): void {}

  end(): void {}

  /** The first message of each key. */
  listFirst(): [tag: number, id: number][] {
    const seen = new Set<number>();
    return [...this.held].filter(([, id]) => {
      const isFirst = !seen.has(keyOf(id));
      seen.add(keyOf(id));
      return isFirst;
    });
  }
}

class World {
  readonly test = new TestBroker();
  readonly random: Random;
  readonly clients = new Set<Client>();
  readonly acked: number[][] = Array.from({ length: KEYS }, () => []);
  openings = 0;
  readonly #isLent: boolean;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.#isLent = this.random.chance(0.7);
    const breaker = {
      failures: 3,
      openMs: 1000,
      of: this.random.pick(["stream", "lane"] as const),
    };
    const options = { breaker, backoffMs: [0, 500], maxDeliveries: 65_535 };
    this.test.create("calls", options);
    const publisher = this.test.publisher("calls");
    for (let id = 1; id <= COUNT; id++) {
      publisher.publishWith({ key: `${keyOf(id)}`, lane: `${keyOf(id) % 2}` });
    }
  }

  /** @param isUp Whether the service answers: then every call succeeds. */
  step(isUp: boolean): void {
    const { random } = this;
    if (this.clients.size < 3 && random.chance(0.3)) {
      this.clients.add(new Client(this.test, random, this.#isLent));
    }
    for (const client of [...this.clients]) this.#work(client, isUp);
    this.test.now += random.pick([0, 1, 50, 700, 1100]);
    this.test.broker.tick(this.test.now);
    while (this.test.isWoken) this.test.dispatch();
    this.#check();
  }

  #work(client: Client, isUp: boolean): void {
    const { random } = this;
    const first = client.listFirst();
    if (first.length === 0 || random.chance(0.3)) return;
    const [tag, id] = random.pick(first);
    const ranges = [{ firstTag: tag, count: 1 }];
    if (random.chance(0.5)) client.port.begin(ranges);
    if (isUp || random.chance(0.3)) {
      client.held.delete(tag);
      client.port.ack(ranges, false);
      return void this.acked[keyOf(id)]!.push(id);
    }
    const act = random.below(5);
    if (act === 4 && random.chance(0.3)) {
      this.clients.delete(client);
      return client.port.close(random.chance(0.5) ? undefined : 0);
    }
    client.held.delete(tag);
    const delayMs = random.pick([undefined, 0, 300]);
    const details = { reason: "", delayMs, isFault: random.chance(0.7) };
    if (act === 3) client.port.nack(ranges, { ...details, delayMs: 200, isPostponed: true }, false);
    else client.port.nack(ranges, details, false);
    if (this.test.getStream("calls").breaker !== undefined) this.openings++;
  }

  /** Messages of a key are at one follower, in order, and none before them is anywhere else. */
  #check(): void {
    for (let key = 0; key < KEYS; key++) {
      const holders = [...this.clients].map((client) =>
        [...client.held.values()].filter((id) => keyOf(id) === key)
      ).filter((ids) => ids.length > 0);
      assert(holders.length <= 1, `key ${key} is at ${holders.length} followers`);
      const [ids = []] = holders;
      assertEquals(ids, ids.toSorted((one, other) => one - other));
      const done = this.acked[key]!;
      assertEquals(done, done.toSorted((one, other) => one - other));
      const expected = (done.at(-1) ?? (key === 0 ? 0 : key - KEYS)) + KEYS;
      if (ids.length > 0) assertEquals(ids[0], expected, `key ${key}`);
    }
  }
}

Deno.test("messages of a key stay in order, whatever breakers do (random)", () => {
  let openings = 0;
  for (let index = 0; index < WORLDS; index++) {
    const world = new World(SEED + index);
    try {
      for (let step = 0; step < 200; step++) world.step(false);
      for (let step = 0; step < 600; step++) world.step(true);
      assertEquals(world.acked.flat().length, COUNT, "all is done in the end");
    } catch (cause) {
      throw new Error(`SEED=${SEED + index} WORLDS=1`, { cause });
    }
    openings += world.openings;
  }
  assert(openings > 0);
});
