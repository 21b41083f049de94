/**
 * What every engine does with followers that let deliveries run out, are silent, or are late: who
 * pays for it, and who gets the messages then.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { assertCodeLater } from "../../support/wire/frames.ts";
import { waitForCount } from "./dead_letters.ts";
import {
  BYTES,
  type EngineUse,
  type Following,
  type Register,
  single,
  upTo,
} from "../engine_use.ts";

/** A stream whose messages come back at once, with some of them. */
async function start(use: EngineUse, ...texts: string[]): Promise<void> {
  await use.createWith("orders", { ackTimeoutMs: 1000, backoffMs: [0], maxDeliveries: 5 });
  await use.publisher("orders").store(...texts);
}

/** Says that deliveries are being worked on. */
function begin(follower: Following, ...tags: readonly number[]): void {
  follower.port.begin(tags.map(single));
}

/** Lets time pass in steps, each long enough for a delivery to run out. */
async function wait(use: EngineUse, count: number): Promise<void> {
  for (let step = 0; step < count; step++) {
    use.advance(1000);
    await use.fence();
  }
}

/** Registers what an engine does with followers whose handlers hang. */
export function registerHangTests(test: Register): void {
  for (const reportsBegin of [false, true]) {
    const who = reportsBegin ? "that says what it begins" : "that says nothing";

    test(`of a follower ${who} and hangs, only what its handler has pays`, async (use) => {
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

    test(`what a follower ${who} lets run out goes to whoever waits`, async (use) => {
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

    test(`what a follower ${who} has only fetched goes back with it, free`, async (use) => {
      await start(use, "a", "b", "c");
      const hung = use.follower("orders", { messages: 3, reportsBegin });
      await hung.received(3);
      if (reportsBegin) begin(hung, 1);
      await wait(use, 3);
      assertEquals(await use.look("orders"), ["1×1 ready a", "2×0 ready b", "3×0 ready c"]);
      assertEquals(hung.sink.revoked, ["1+3 it was not acknowledged in time"]);
    });
  }

  test("an ack, a begin, or more credit is a sign of life; less credit and what is given back are not", async (use) => {
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
  });

  test("a deadline that comes in the same turn as an ack: others come first", async (use) => {
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
  });
}

/** Registers what an engine does with what is only fetched. */
export function registerFetchingTests(test: Register): void {
  test("what is only fetched does not run out as long as handlers make progress", async (use) => {
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
  });

  test("a message's time begins when its handler has it", async (use) => {
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

  test("what a follower holds of which nothing is heard goes back unseen, and counts when it begins", async (use) => {
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
  });

  test("what is given back unseen goes to others first", async (use) => {
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

  test("who gives back only what is overdue still comes first", async (use) => {
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

  test("what a client has said and nobody has read yet counts before a deadline", async (use) => {
    await start(use, "a");
    const follower = use.follower("orders");
    await follower.received(1);
    Object.assign(follower.sink, { isUnread: true });
    use.advance(5000);
    assertEquals(await use.pel("follower"), ["orders:1"]);
    Object.assign(follower.sink, { isUnread: false });
    use.advance(1000);
    assertEquals(await use.look("orders"), ["1×1 ready a"]);
  });
}

/** Registers what an engine does with followers of which nothing is heard, and with what comes late. */
export function registerLossTests(test: Register): void {
  test("a late acknowledgement counts if nobody else has the message", async (use) => {
    await use.createWith("orders", { ackTimeoutMs: 1000 });
    await use.publisher("orders").store("a", "b", "c");
    const slow = use.follower("orders", { name: "slow", messages: 3 });
    await slow.received(3);
    use.advance(1000);
    const other = use.follower("orders", { name: "other", messages: 1 });
    assertEquals(await other.received(1), ["orders:2×1 b"]);
    // Also behind something that cannot be acknowledged.
    await assertCodeLater("UNKNOWN_DELIVERY", () => slow.ack(9, 1, 3));
    assertEquals(await use.look("orders"), ["2×1 pending b"]);
    await assertCodeLater("STALE_DELIVERY", () => slow.ack(2));
    await assertCodeLater("STALE_DELIVERY", () => slow.ack(1));
    await other.ack(1);
    assertEquals(await use.counts("orders"), [0, 0, 2]);
  });

  test("what ran out before a follower went on is no reason to wait when it is silent", async (use) => {
    await use.createWith("orders", { ackTimeoutMs: 1000 });
    await use.publisher("orders").store("a", "b");
    const follower = use.follower("orders", { messages: 1 });
    await follower.received(1);
    use.advance(1000);
    assertEquals(follower.port.silence(), 1, "it may say yet that it is done");
    follower.port.setCredit(1, BYTES);
    await follower.received(2);
    await follower.ack(2);
    assertEquals(follower.port.silence(), 0);
    // Late it is all the same.
    await follower.ack(1);
    assertEquals(await use.look("orders"), []);
  });

  test("a late acknowledgement counts if the same follower has the message again", async (use) => {
    await start(use, "a", "b");
    const slow = use.follower("orders", { messages: 2 });
    await slow.received(2);
    slow.port.silence();
    slow.port.setCredit(2, BYTES);
    await slow.received(4);
    slow.sink.revoked.length = 0;
    await slow.ack(1);
    assertEquals(slow.sink.revoked, ["3+1 an earlier delivery was acknowledged"]);
    assertEquals(await use.look("orders"), ["2×1 pending b"]);
    await assertCodeLater("STALE_DELIVERY", () => slow.ack(3));
    await slow.ack(4);
    assertEquals(await use.counts("orders"), [0, 0, 1]);
  });

  test("a late acknowledgement of what is gone, or in another stream by now, is STALE_DELIVERY", async (use) => {
    await use.createWith("orders", { ackTimeoutMs: 1000, maxDeliveries: 1 });
    await use.publisher("orders").store("a", "b");
    const slow = use.follower("orders");
    await slow.received(2);
    use.advance(1000);
    slow.port.setCredit(0, 0);
    await assertCodeLater("STALE_DELIVERY", () => slow.ack(1));
    await use.engine.deleteStream("orders");
    await use.create("orders");
    await use.publisher("orders", "again").store("c", "d");
    await assertCodeLater("STALE_DELIVERY", () => slow.ack(2));
    assertEquals(await use.look("orders"), ["1×0 ready c", "2×0 ready d"]);
    await waitForCount(use, "orders.dead", 1);
  });

  test("a silent follower loses what it holds, and keeps what it acknowledges in time for nobody else", async (use) => {
    await start(use, "a", "b");
    const silent = use.follower("orders", { name: "silent" });
    await silent.received(2);
    assertEquals(silent.port.silence(), 2);
    assertEquals(await use.look("orders"), ["1×1 ready a", "2×0 ready b"]);
    assertEquals(silent.sink.revoked, ["1+2 nothing was heard from its client for too long"]);
    await use.fence();
    assertEquals(silent.sink.ids, [1, 2]);
    await silent.ack(1);
    // It is alive.
    assertEquals((await silent.received(3)).at(-1), "orders:2×1 b");
    assertEquals(await use.look("orders"), ["2×1 pending b"]);
  });

  test("a silent follower may come back as long as it may acknowledge something", async (use) => {
    await start(use, "a");
    const silent = use.follower("orders");
    assertEquals(silent.port.silence(), 0);
    await silent.received(1);
    use.advance(1000);
    assertEquals(silent.port.silence(), 1);
    await silent.ack(1);
    assertEquals(silent.port.silence(), 0);
  });

  test("losses do not count whose work was acknowledged late", async (use) => {
    await use.createWith("orders", { maxDeliveries: 3 });
    await use.publisher("orders").store("long");
    const workers = ["one", "other"].map((name) => use.follower("orders", { name, messages: 1 }));
    for (let round = 0; round < 10; round++) {
      const worker = workers[round % 2]!;
      const [before, tag] = [workers[1 - round % 2]!, Math.floor(round / 2) + 1];
      assertEquals((await worker.received(tag)).at(-1), `orders:1×${Math.min(2, round + 1)} long`);
      if (round > 0) {
        const lastTag = Math.floor((round - 1) / 2) + 1;
        await assertCodeLater("STALE_DELIVERY", () => before.ack(lastTag));
      }
      worker.port.silence();
      use.advance(30_000);
    }
    assertEquals(await use.look("orders"), ["1×1 ready long"]);
  });

  test("a message that nobody has seen is not given up, however often its follower is lost", async (use) => {
    for (const maxDeliveries of [1, 2, 5]) {
      const stream = `orders-${maxDeliveries}`;
      await use.createWith(stream, { maxDeliveries });
      await use.publisher(stream, stream).store("unseen");
      for (let round = 0; round < 12; round++) {
        const follower = use.follower(stream, { name: stream, reportsBegin: true });
        await follower.received(1);
        follower.port.close();
        use.advance(30_000);
      }
      const attempts = maxDeliveries === 1 ? 0 : 1;
      assertEquals(await use.look(stream), [`1×${attempts} ready unseen`]);
    }
  });

  test("a message that ends each follower as soon as its handler has it is given up", async (use) => {
    await use.createWith("orders", { maxDeliveries: 5 });
    await use.publisher("orders").store("deadly");
    for (let round = 1; round <= 5; round++) {
      const follower = use.follower("orders", { reportsBegin: true });
      await follower.received(1);
      // The first time it is too fast for a word.
      assertEquals(follower.sink.doubtfulTags, round === 1 ? [] : [1]);
      if (round > 1) begin(follower, 1);
      follower.port.close();
      use.advance(30_000);
    }
    await waitForCount(use, "orders.dead", 1);
  });
}

/** Registers what of it is known after a restart. */
export function registerLapseRestartTests(test: Register): void {
  test("after a restart, what nobody has seen has no attempts, and losses in a row are known", async (use) => {
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
  });

  test("after a restart, what no handler has had has no attempts, and is not given up", async (use) => {
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
  });

  test("after a restart, what was acknowledged late is gone", async (use) => {
    await start(use, "a", "b");
    const slow = use.follower("orders");
    await slow.received(2);
    use.advance(1000);
    slow.port.setCredit(0, 0);
    await slow.ack(1);
    await use.restart();
    assertEquals(await use.look("orders"), ["2×0 ready b"]);
  });
}
