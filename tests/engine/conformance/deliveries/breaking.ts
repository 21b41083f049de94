/**
 * What every engine does while too many deliveries fail.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { BreakerInfo, BreakerOptions } from "../../../../protocol.ts";
import type { NackDetails } from "../../../../src/broker/engine.ts";
import { EngineTests } from "../../engine_tests.ts";
import { type EngineUse, type Following, upTo } from "../../engine_use.ts";
import { makeBusy } from "../restarting.ts";

/** What an engine does about breakers. */
export const breakerTests: EngineTests = new EngineTests();

/** What an engine remembers of them. */
export const breakerRestartTests: EngineTests = new EngineTests();

export const BREAKER: BreakerOptions = {
  failures: 3,
  withinMs: 10_000,
  share: 0.5,
  openMs: 30_000,
};
/** Says that a service is at fault. */
export const DOWN: Partial<NackDetails> = { reason: "ECONNREFUSED", isFault: true };

/** A stream with a breaker, and messages of one attempt each: only what is spared survives a failure. */
async function open(
  use: EngineUse,
  { count = 10, maxDeliveries = 5, breaker = BREAKER, name = "orders" } = {},
): Promise<Following> {
  await use.createWith(name, { breaker, maxDeliveries, backoffMs: [1000] });
  await use.publisher(name, name).store(...upTo(count).map((number) => `m${number}`));
  const follower = use.follower(name, { name: "worker", messages: 3 });
  await follower.received(3);
  await follower.nack([1, 2, 3], DOWN);
  return follower;
}

/** A breaker with its times from now on. */
export interface BreakerLook extends Omit<BreakerInfo, "since" | "probeAt"> {
  readonly sinceMs: number;
  readonly inMs: number;
}

/** The stream's breaker. */
export async function look(
  use: EngineUse,
  name: string = "orders",
): Promise<BreakerLook | undefined> {
  const { breaker } = await use.engine.getStream(name);
  if (breaker === undefined) return undefined;
  const { since, probeAt, ...others } = breaker;
  return { sinceMs: use.clock.now - since, inMs: (probeAt ?? NaN) - use.clock.now, ...others };
}

breakerTests.add(
  "enough failures open a breaker: nothing goes but one probe at a time",
  async (use) => {
    const follower = await open(use);
    assertEquals(await look(use), {
      sinceMs: 0,
      inMs: 30_000,
      probes: 0,
      failed: 3,
      ended: 3,
      reason: "ECONNREFUSED",
    });
    use.advance(29_999);
    await use.fence();
    assertEquals(follower.sink.messages.length, 3);
    use.advance(1);
    await follower.received(4);
    await use.fence();
    // One, although the follower would take three. The opening failures have used up no attempt.
    assertEquals(follower.sink.messages.length, 4);
    assertEquals((await follower.received(4)).at(-1), "orders:1×1 m1");
    await follower.nack([4], DOWN);
    assertEquals((await look(use))?.inMs, 30_000);
    use.advance(30_000);
    // The next probe is another message: one that is bad itself must not keep the breaker open.
    assertEquals((await follower.received(5)).at(-1), "orders:2×1 m2");
    await follower.ack(5);
    assertEquals(await look(use), undefined);
    await follower.received(8);
    // The probe that had failed is not held back any more.
    assertEquals(follower.sink.ids.slice(5), [1, 3, 4]);
    assertEquals((await use.engine.getStream("orders")).totals.dead.maxDeliveries, 0);
  },
);

breakerTests.add("what was fetched ahead is given back when a breaker opens", async (use) => {
  await use.createWith("orders", { breaker: { failures: 2 }, backoffMs: [60_000] });
  await use.create("others");
  await use.publisher("orders").store(...upTo(20).map(String));
  await use.publisher("others", "other").store("x");
  const busy = use.follower(/orders|others/, { name: "busy", reportsBegin: true, messages: 9 });
  await busy.received(9);
  const failing = use.follower("orders", { name: "failing", reportsBegin: true });
  await failing.received(11);
  busy.port.begin([{ firstTag: 1, count: 2 }]);
  await failing.nack([1, 2], DOWN);
  const heldBy = async (name: string) => (await use.pel(name)).length;
  // The begun ones stay, and the oldest one of the other, which may be in its hands.
  const busyCount = busy.sink.messages.some(({ stream }) => stream === "others") ? 3 : 2;
  assertEquals([await heldBy("busy"), await heldBy("failing")], [busyCount, 1]);
  const [, pending] = await use.counts("orders");
  assert(pending <= 3);
  const { totals: { returned } } = await use.engine.getStream("orders");
  assertEquals(returned.lost + returned.timeout, 0);
  // None of them has used up an attempt.
  assertEquals((await use.look("orders")).filter((one) => one.includes("×1 ready")), []);
});

breakerTests.add(
  "what still fails while a breaker is open costs nothing, in whatever way",
  async (use) => {
    await use.createWith("orders", {
      breaker: { failures: 2 },
      maxDeliveries: 1,
      backoffMs: [60_000],
      ackTimeoutMs: 5000,
    });
    await use.publisher("orders").store(...upTo(8).map(String));
    const steady = use.follower("orders", { name: "steady", reportsBegin: true, messages: 2 });
    const lost = use.follower("orders", { name: "lost", reportsBegin: true, messages: 2 });
    const left = use.follower("orders", { name: "left", reportsBegin: true, messages: 2 });
    for (const one of [steady, lost, left]) {
      await one.received(2);
      one.port.begin([{ firstTag: 1, count: 2 }]);
    }
    const failing = use.follower("orders", { name: "failing", messages: 2 });
    await failing.received(2);
    await failing.nack([1, 2], DOWN);
    assert(await look(use) !== undefined);
    // One more failure, one that runs out, losses, and a follower that closes.
    await steady.nack([1], { reason: "no" });
    lost.port.close();
    left.port.close(2);
    use.advance(5000);
    await use.fence();
    const found = await use.look("orders");
    assertEquals(found.length, 8);
    assertEquals(found.filter((one) => !one.includes("×0 ")), []);
    assertEquals(use.engine.hasStream("orders.dead"), false);
  },
);

breakerTests.add(
  "rejections and postponements open no breaker, nor do followers that are lost",
  async (use) => {
    await use.createWith("orders", { breaker: { failures: 1 }, backoffMs: [0] });
    await use.publisher("orders").store(...upTo(9).map(String));
    const follower = use.follower("orders", { messages: 9, reportsBegin: true });
    await follower.received(9);
    await follower.reject([1, 2, 3], "never");
    await follower.postpone([4, 5], 60_000);
    follower.port.begin([{ firstTag: 6, count: 3 }]);
    follower.port.close();
    assertEquals(await look(use), undefined);
    const last = use.follower("orders");
    await last.received(1);
    await last.nack([1]);
    assert(await look(use) !== undefined);
  },
);

breakerTests.add(
  "acknowledgements keep a breaker closed, and faults count alone where they are named",
  async (use) => {
    await use.createWith("orders", { breaker: { failures: 2 }, backoffMs: [60_000] });
    await use.publisher("orders").store(...upTo(40).map(String));
    const follower = use.follower("orders", { messages: 40 });
    await follower.received(40);
    await follower.ack(1, 2, 3);
    await follower.nack([4, 5]);
    assertEquals(await look(use), undefined);
    await follower.nack([6], DOWN);
    await follower.nack([7, 8, 9, 10]);
    // One fault of ten outcomes.
    assertEquals(await look(use), undefined);
    await follower.nack(upTo(7).map((index) => 10 + index), DOWN);
    assertEquals(await look(use), undefined);
    await follower.nack([18, 19], DOWN);
    assertEquals((await look(use))?.failed, 9);
  },
);

breakerTests.add("a probe that is lost or runs out has failed, and costs nothing", async (use) => {
  const follower = await open(use, { maxDeliveries: 1 });
  follower.port.close(3);
  use.advance(30_000);
  const lost = use.follower("orders", { name: "lost" });
  await lost.received(1);
  lost.port.close();
  assertEquals((await look(use))?.inMs, 30_000);
  use.advance(30_000);
  const slow = use.follower("orders", { name: "slow" });
  await slow.received(1);
  await use.engine.updateStream("orders", { ackTimeoutMs: 1000 });
  // A delivery keeps the time that it was given.
  use.advance(30 * 60_000);
  await use.fence();
  assertEquals((await look(use))?.inMs, 30_000);
  assertEquals((await use.look("orders")).filter((one) => !one.includes("×0 ")), []);
  assertEquals(use.engine.hasStream("orders.dead"), false);
});

breakerTests.add(
  "a probe that is given back unseen is none: another follower gets one",
  async (use) => {
    const follower = await open(use);
    use.advance(30_000);
    await follower.received(4);
    const other = use.follower("orders", { name: "other" });
    await use.fence();
    assertEquals(other.sink.messages.length, 0);
    follower.port.release([{ firstTag: 4, count: 1 }]);
    assertEquals(await other.received(1), ["orders:1×1 m1"]);
    assertEquals((await look(use))?.probes, 1);
    // It is rejected, which says nothing about the service: the next one goes when it is time.
    await other.reject([1], "bad");
    use.advance(29_999);
    await use.fence();
    assertEquals(other.sink.messages.length, 1);
    use.advance(1);
    await use.fence();
    assertEquals(follower.sink.messages.length + other.sink.messages.length, 6);
  },
);

breakerTests.add(
  "resuming the stream closes its breaker, and so does taking it away",
  async (use) => {
    const follower = await open(use);
    await use.engine.pauseStream("orders", false);
    assertEquals(await look(use), undefined);
    await follower.received(6);
    const again = await open(use, { name: "again" });
    await use.engine.updateStream("again", { breaker: null });
    assertEquals(await look(use, "again"), undefined);
    await again.received(6);
    // A stream without one has none to close.
    await use.engine.pauseStream("again", false);
    const third = await open(use, { name: "third" });
    await use.engine.updateStream("third", { breaker: { ...BREAKER, openMs: 5000 } });
    assert(await look(use, "third") !== undefined);
    use.advance(30_000);
    await third.received(4);
    await third.nack([4], DOWN);
    assertEquals((await look(use, "third"))?.inMs, 5000);
  },
);

breakerTests.add("an open breaker is explained, and told in the log of events", async (use) => {
  const follower = await open(use);
  const told = (await use.engine.explain("orders")).join(" ");
  assertStringIncludes(told, "The breaker is open since 2023-");
  assertStringIncludes(told, "3 of 3 deliveries had failed within 10000 ms");
  assertStringIncludes(told, 'the last because of "ECONNREFUSED"');
  assertStringIncludes(told, "The next probe goes at 2023-");
  use.advance(30_000);
  await follower.received(4);
  const probing = (await use.engine.explain("orders")).join(" ");
  assertStringIncludes(probing, "A probe is with a follower");
  await follower.ack(4);
  const messages = use.reports.map(({ message, fields }) => `${message} ${fields.stream}`);
  assertEquals(messages, [
    "a breaker has opened: only probes are delivered orders",
    "a breaker has closed orders",
  ]);
});

breakerRestartTests.add(
  "after a restart a breaker is open as before, and probes go as before",
  async (use) => {
    const follower = await open(use, { maxDeliveries: 1 });
    const before = await look(use);
    use.advance(10_000);
    await use.restart();
    assertEquals(await look(use), { ...before, sinceMs: 10_000, inMs: 20_000 });
    const next = use.follower("orders", { name: "next" });
    use.advance(19_999);
    await use.fence();
    assertEquals(next.sink.messages.length, 0);
    use.advance(1);
    await next.received(1);
    // A probe that was out is as good as failed, and was no attempt.
    await use.restart();
    assertEquals((await look(use))?.inMs, 30_000);
    const last = use.follower("orders", { name: "last" });
    use.advance(30_000);
    assertEquals(await last.received(1), ["orders:1×1 m1"]);
    await last.ack(1);
    assertEquals(await look(use), undefined);
    await use.restart();
    assertEquals(await look(use), undefined);
    assertEquals(follower.sink.ids, [1, 2, 3]);
  },
);

breakerRestartTests.add(
  "an open breaker moves with its stream when the journal is tidied up",
  async (use) => {
    await open(use);
    const before = await look(use);
    await makeBusy(use);
    for (let round = 0; round < 2; round++) {
      await use.restart();
      assertEquals(await look(use), before);
    }
    await use.engine.pauseStream("orders", false);
    await use.restart();
    assertEquals(await look(use), undefined);
  },
);
