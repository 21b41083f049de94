/**
 * What every engine does with followers that let deliveries run out, are silent, or are late: who
 * pays for it, and who gets the messages then.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { waitForCount } from "./dead_letters.ts";
import { EngineTests } from "../../engine_tests.ts";
import { BYTES, type EngineUse, type Following, single, upTo } from "../../engine_use.ts";

/** A stream whose messages come back at once, with some of them. */
export async function start(use: EngineUse, ...texts: string[]): Promise<void> {
  await use.createWith("orders", { ackTimeoutMs: 1000, backoffMs: [0], maxDeliveries: 5 });
  await use.publisher("orders").store(...texts);
}

/** Says that deliveries are being worked on. */
export function begin(follower: Following, ...tags: readonly number[]): void {
  follower.port.begin(tags.map(single));
}

/** Lets time pass in steps, each long enough for a delivery to run out. */
async function wait(use: EngineUse, count: number): Promise<void> {
  for (let step = 0; step < count; step++) {
    use.advance(1000);
    await use.fence();
  }
}

/** What an engine does with followers whose handlers hang. */
export const hangTests: EngineTests = new EngineTests();

for (const reportsBegin of [false, true]) {
  const who = reportsBegin ? "that says what it begins" : "that says nothing";

  hangTests.add(`of a follower ${who} and hangs, only what its handler has pays`, async (use) => {
    await start(use, "a", "b", "c");
    const hung = use.follower("orders", { name: "hung", messages: 1, reportsBegin });
    await hung.received(1);
    if (reportsBegin) begin(hung, 1);
    await wait(use, 8);
    assertEquals(hung.sink.ids, [1]);
    assertEquals(await use.look("orders"), ["1×1 ready a", "2×0 ready b", "3×0 ready c"]);
    const healthy = use.follower("orders", { name: "healthy" });
    assertEquals(await healthy.received(3), ["orders:1×2 a", "orders:2×1 b", "orders:3×1 c"]);
  });

  hangTests.add(`what a follower ${who} lets run out goes to whoever waits`, async (use) => {
    await start(use, "a");
    const hung = use.follower("orders", { name: "hung", messages: 1, reportsBegin });
    await hung.received(1);
    if (reportsBegin) begin(hung, 1);
    const healthy = use.follower("orders", { name: "healthy", reportsBegin });
    use.advance(1000);
    assertEquals(await healthy.received(1), ["orders:1×2 a"]);
    await healthy.ack(1);
    await use.publisher("orders", "later").store("b");
    assertEquals((await healthy.received(2)).at(-1), "orders:2×1 b");
    assertEquals(hung.sink.ids, [1]);
  });

  hangTests.add(`what a follower ${who} has only fetched goes back with it, free`, async (use) => {
    await start(use, "a", "b", "c");
    const hung = use.follower("orders", { messages: 3, reportsBegin });
    await hung.received(3);
    if (reportsBegin) begin(hung, 1);
    await wait(use, 3);
    assertEquals(await use.look("orders"), ["1×1 ready a", "2×0 ready b", "3×0 ready c"]);
    assertEquals(hung.sink.revoked, ["1+3 it was not acknowledged in time"]);
  });
}

hangTests.add(
  "an ack, a begin, or more credit is a sign of life; less credit and what is given back are not",
  async (use) => {
    const signs: Record<string, (follower: Following) => Promise<void> | void> = {
      ack: (follower) => follower.ack(2),
      begin: (follower) => begin(follower, 2),
      credit: (follower) => follower.port.setCredit(3, BYTES),
      extend: (follower) => follower.port.extend([single(2)], 1000),
      nack: (follower) => follower.nack([2], { delayMs: 60_000 }),
      reject: (follower) => follower.reject([2]),
    };
    for (const [sign, give] of Object.entries(signs)) {
      await use.createWith(sign, { ackTimeoutMs: 1000, backoffMs: [60_000] });
      await use.publisher(sign, sign).store("a", "b", "c", "d");
      const follower = use.follower(sign, { name: sign, messages: 3, reportsBegin: true });
      await follower.received(3);
      begin(follower, 1);
      use.advance(500);
      follower.port.extend([single(2)], 60_000);
      use.advance(500);
      follower.port.setCredit(2, BYTES);
      follower.port.release([single(3)]);
      await use.fence();
      assertEquals(follower.sink.messages.length, 3, `before ${sign}`);
      await give(follower);
      await follower.received(4);
      assertEquals(follower.sink.ids[3], 3, `after ${sign}`);
      follower.port.close(0);
      await use.engine.deleteStream(sign);
    }
  },
);

hangTests.add(
  "a deadline that comes in the same turn as an ack: others come first",
  async (use) => {
    await start(use, "a", "b");
    const late = use.follower("orders", { name: "late", messages: 1 });
    await late.received(1);
    const healthy = use.follower("orders", { name: "healthy", messages: 1 });
    await healthy.received(1);
    await use.publisher("orders", "more").store("c");
    await healthy.ack(1);
    await healthy.received(2);
    const waiting = use.follower("orders", { name: "waiting", messages: 1 });
    use.advance(1000);
    late.port.setCredit(1, BYTES);
    assertEquals(await waiting.received(1), ["orders:1×2 a"]);
  },
);

/** What an engine does with what is only fetched. */
export const fetchingTests: EngineTests = new EngineTests();

fetchingTests.add(
  "what is only fetched does not run out as long as handlers make progress",
  async (use) => {
    await start(use, ...upTo(60).map(String));
    const follower = use.follower("orders", { messages: 40, reportsBegin: true });
    await follower.received(40);
    for (let tag = 1; tag <= 51; tag += 10) {
      begin(follower, ...upTo(10).map((index) => tag + index - 1));
      use.advance(500);
      await follower.ack(...upTo(10).map((index) => tag + index - 1));
    }
    assertEquals(await use.counts("orders"), [0, 0, 1]);
    assertEquals(follower.sink.revoked, []);
    assertEquals(follower.sink.messages.map(({ attempts }) => attempts), upTo(60).map(() => 1));
  },
);

fetchingTests.add("a message's time begins when its handler has it", async (use) => {
  await start(use, "a", "b", "c");
  const follower = use.follower("orders", { messages: 3, reportsBegin: true });
  await follower.received(3);
  use.advance(900);
  begin(follower, 2);
  use.advance(900);
  begin(follower, 1);
  use.advance(99);
  assertEquals(await use.pel("follower"), ["orders:1", "orders:2", "orders:3"]);
  use.advance(1);
  assertEquals(await use.pel("follower"), ["orders:1", "orders:3"]);
  const [first, last] = await use.engine.getPel("follower");
  assertEquals([first!.deadline, last!.deadline].map((at) => at - use.clock.now), [900, 900]);
});

fetchingTests.add(
  "what a follower holds of which nothing is heard goes back unseen, and counts when it begins",
  async (use) => {
    await start(use, "a", "b");
    const asleep = use.follower("orders", { name: "asleep", messages: 2, reportsBegin: true });
    await asleep.received(2);
    await wait(use, 8);
    assertEquals(await use.look("orders"), ["1×0 ready a", "2×0 ready b"]);
    const other = use.follower("orders", { name: "other", reportsBegin: true });
    await other.received(2);
    // Whoever may have begun without a word has to say so from now on, before it does.
    assertEquals(other.sink.doubtfulTags, [1]);
    begin(other, 1);
    use.advance(1000);
    assertEquals(await use.look("orders"), ["1×1 ready a", "2×0 ready b"]);
  },
);

fetchingTests.add("what is given back unseen goes to others first", async (use) => {
  await use.create("orders");
  const one = use.follower("orders", { name: "one", messages: 2 });
  const other = use.follower("orders", { name: "other", messages: 2 });
  await use.publisher("orders").store("a", "b");
  await one.received(1);
  await other.received(1);
  await other.ack(1);
  one.port.release([single(1)]);
  assertEquals(await other.received(2), ["orders:2×1 b", "orders:1×1 a"]);
});

fetchingTests.add("who gives back only what is overdue still comes first", async (use) => {
  await use.create("orders");
  const one = use.follower("orders", { name: "one" });
  const other = use.follower("orders", { name: "other" });
  await use.publisher("orders").storeWished({ text: "a", ttlMs: 1000 }, { text: "b" });
  assertEquals(await one.received(1), ["orders:1×1 a"]);
  assertEquals(await other.received(1), ["orders:2×1 b"]);
  use.advance(1000);
  other.port.release([single(1)]);
  one.port.release([single(1)]);
  assertEquals(await one.received(2), ["orders:1×1 a", "orders:2×1 b"]);
});

fetchingTests.add(
  "what a client has said and nobody has read yet counts before a deadline",
  async (use) => {
    await start(use, "a");
    const follower = use.follower("orders");
    await follower.received(1);
    Object.assign(follower.sink, { isUnread: true });
    use.advance(5000);
    assertEquals(await use.pel("follower"), ["orders:1"]);
    Object.assign(follower.sink, { isUnread: false });
    use.advance(1000);
    assertEquals(await use.look("orders"), ["1×1 ready a"]);
  },
);

/** What of it is known after a restart. */
export const lapseRestartTests: EngineTests = new EngineTests();

lapseRestartTests.add(
  "after a restart, what nobody has seen has no attempts, and losses in a row are known",
  async (use) => {
    await use.createWith("orders", { ackTimeoutMs: 1000, backoffMs: [0], maxDeliveries: 5 });
    await use.publisher("orders").store("a", "b", "c", "d");
    const lost = use.follower("orders", { name: "lost", messages: 1, reportsBegin: true });
    await lost.received(1);
    begin(lost, 1);
    lost.port.close();
    const asleep = use.follower("orders", { name: "asleep", messages: 4, reportsBegin: true });
    await asleep.received(4);
    begin(asleep, 2);
    use.advance(1000);
    await use.fence();
    const states = ["1×1 ready a", "2×1 ready b", "3×0 ready c", "4×0 ready d"];
    assertEquals(await use.look("orders"), states);
    await use.restart();
    assertEquals(await use.look("orders"), states);
    const again = use.follower("orders", { name: "again", messages: 1, reportsBegin: true });
    await again.received(1);
    begin(again, 1);
    again.port.close();
    assertEquals((await use.look("orders"))[0], "1×2 delayed a");
  },
);

lapseRestartTests.add(
  "after a restart, what no handler has had has no attempts, and is not given up",
  async (use) => {
    await use.createWith("orders", { maxDeliveries: 1 });
    await use.publisher("orders").store("unseen", "seen");
    for (let round = 0; round < 3; round++) {
      const follower = use.follower("orders", { reportsBegin: true });
      await follower.received(2);
      if (round === 2) begin(follower, 2);
      await use.fence();
      await use.restart();
      if (round < 2) assertEquals(await use.look("orders"), ["1×0 ready unseen", "2×0 ready seen"]);
    }
    const again = use.follower("orders", { reportsBegin: true });
    await again.received(1);
    assertEquals(again.sink.texts, ["unseen"]);
    await waitForCount(use, "orders.dead", 1);
  },
);

lapseRestartTests.add("after a restart, what was acknowledged late is gone", async (use) => {
  await start(use, "a", "b");
  const slow = use.follower("orders");
  await slow.received(2);
  use.advance(1000);
  slow.port.setCredit(0, 0);
  await slow.ack(1);
  await use.restart();
  assertEquals(await use.look("orders"), ["2×0 ready b"]);
});
