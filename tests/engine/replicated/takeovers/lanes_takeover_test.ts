/**
 * Another broker takes over a stream with lanes and limits: all settings are there, lanes go on with their turns,
 * and no rate is filled.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { Following, WishedMessage } from "../../engine_use.ts";
import { type TestBroker, TestCluster } from "../../../support/cluster/test_cluster.ts";

/** A delivery each second, and as many at once as {@linkcode RATE} counts. */
const RATE = { count: 8, perMs: 8000 };

/** How many messages are published by lane. */
const COUNTS: Readonly<Record<string, number>> = { ann: 10, bob: 10, cyd: 2, dan: 2 };

const ALL = Object.entries(COUNTS).flatMap(([lane, count]) => textsOf(lane, count));

function textsOf(lane: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${lane} ${index + 1}`);
}

function laneOf(text: string): string {
  return text.split(" ")[0]!;
}

async function setUp(cluster: TestCluster, { use, engine: { lanes } }: TestBroker): Promise<void> {
  await cluster.until(use.createWith("orders", { rate: RATE, sharedLimit: "api" }));
  await cluster.until(lanes.putLimit("api", { maxPending: 5 }));
  await cluster.until(lanes.set("orders", "ann", { weight: 2 }));
  await cluster.until(lanes.set("orders", "cyd", { isPaused: true, weight: 3 }));
  await cluster.until(lanes.set("orders", "dan", { maxPending: 1 }));
  await cluster.until(lanes.set("orders", "eve", { weight: 4 }));
  await cluster.until(lanes.set("orders", "eve", null));
  const messages = ALL.map((text): WishedMessage => ({ text, lane: laneOf(text) }));
  await cluster.until(use.publisher("orders").storeWished(...messages));
}

/** What is set for lanes and limits. */
async function tellSettings(cluster: TestCluster, { engine: { lanes } }: TestBroker) {
  const { items } = await cluster.until(lanes.list("orders", { by: "name" }));
  const limits = await cluster.until(lanes.getLimits());
  return {
    lanes: items.map(({ name, settings }) => ({ name, settings })),
    limits: limits.map(({ name, settings, streams }) => ({ name, settings, streams })),
  };
}

/** A follower of the broker that has taken over: it acknowledges what it gets, and minds the rate. */
class Work {
  readonly #cluster: TestCluster;
  readonly #follower: Following;
  readonly #openedAt: number;

  constructor(cluster: TestCluster, { use }: TestBroker, openedAt: number) {
    this.#cluster = cluster;
    this.#follower = use.follower("orders", { slots: 100 });
    this.#openedAt = openedAt;
  }

  /** The texts of what it has got. */
  get texts(): string[] {
    return this.#follower.sink.texts;
  }

  /** Works until it has got so many messages in all. */
  async goOn(count: number): Promise<void> {
    for (let done = this.texts.length; done < count;) {
      await this.#cluster.until(this.#follower.received(done + 1));
      const passedMs = this.#cluster.time.now - this.#openedAt;
      const tags = this.#follower.sink.messages.slice(done).map(({ tag }) => tag);
      done += tags.length;
      assertLessOrEqual(done, Math.floor(passedMs * RATE.count / RATE.perMs), `${passedMs} ms`);
      await this.#cluster.until(this.#follower.ack(...tags));
    }
  }
}

/** Of nine deliveries a lane of weight 2 has about twice as many as each of the two others. */
function assertLanesTakeTurns(texts: readonly string[]): void {
  const lanes = texts.map(laneOf);
  const count = (lane: string) => lanes.filter((one) => one === lane).length;
  assertEquals([count("ann"), count("bob"), count("dan")], [5, 2, 2], lanes.join());
}

Deno.test("takeover: lanes and limits are as they were, and no rate is filled", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await setUp(cluster, first);
  const second = cluster.start("b");
  const settings = await tellSettings(cluster, first);
  assertEquals(settings.lanes.map((lane) => lane.settings), [
    { weight: 2 },
    undefined,
    { weight: 3, isPaused: true },
    { maxPending: 1 },
  ]);
  assertEquals(settings.limits, [
    { name: "api", settings: { maxPending: 5, rate: null }, streams: ["orders"] },
  ]);
  const worker = first.use.follower("orders", { slots: 100 });
  // The shared limit lets five go, and what is acknowledged makes room for two of the three tokens that are left.
  await cluster.until(worker.received(5));
  await cluster.until(worker.ack(1, 2));
  const before = await cluster.until(worker.received(7));
  assertEquals(before.length, 7);
  const acknowledged = worker.sink.texts.slice(0, 2);
  first.kill();
  await cluster.until(second.cluster.opening);
  const openedAt = cluster.time.now;
  assertEquals(await tellSettings(cluster, second), settings);
  const work = new Work(cluster, second, openedAt);
  await work.goOn(9);
  assertLanesTakeTurns(work.texts);
  await work.goOn(ALL.length - acknowledged.length - COUNTS.cyd!);
  assert(!work.texts.some((text) => laneOf(text) === "cyd"), "a lane that is paused stays so");
  await cluster.until(second.engine.lanes.set("orders", "cyd", { isPaused: false }));
  await work.goOn(ALL.length - acknowledged.length);
  assertEquals([...acknowledged, ...work.texts].toSorted(), ALL.toSorted());
  for (const [lane, count] of Object.entries(COUNTS)) {
    const found = [...acknowledged, ...work.texts].filter((text) => laneOf(text) === lane);
    assertEquals(found, textsOf(lane, count));
  }
  await cluster.pass(10_000);
  assertEquals(work.texts.length, ALL.length - acknowledged.length);
  const { pending, ready, delayed } = await cluster.until(second.engine.getStream("orders"));
  assertEquals([pending, ready, delayed], [0, 0, 0]);
  assertEquals([first.failure, second.failure], [undefined, undefined]);
});
