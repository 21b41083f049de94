/**
 * How an engine explains what an operator finds stuck at night: the cause, and since when.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { EngineTests } from "../../engine_tests.ts";
import type { EngineUse } from "../../engine_use.ts";
import { bury } from "../deliveries/dead_letters.ts";

/** What an engine explains of causes. */
export const causeTests: EngineTests = new EngineTests();

async function explain(use: EngineUse, stream = "orders"): Promise<string[]> {
  return await use.engine.explain(stream);
}

function timeOf(use: EngineUse): string {
  return new Date(use.clock.now).toISOString();
}

causeTests.add("it explains since when messages wait, whatever they wait for", async (use) => {
  await use.create("orders");
  const since = timeOf(use);
  await use.publisher("orders").store("a", "b");
  use.advance(60_000);
  await use.publisher("orders", "later").store("c");
  const oldest = `The oldest ready message, 1, was stored at ${since}.`;
  assertEquals(await explain(use), ["There is no follower: 3 messages wait.", oldest]);
  await use.engine.pauseStream("orders", true);
  assertEquals((await explain(use)).at(-1), oldest);
  await use.engine.pauseStream("orders", false);
  const follower = use.follower("orders", { name: "worker", messages: 1 });
  await follower.received(1);
  assertMatch((await explain(use)).join(" "), /no follower takes more.* message, 2, was stored at/);
});

causeTests.add("it explains why messages come back again and again", async (use) => {
  await use.createWith("orders", { backoffMs: [0] });
  await use.publisher("orders").store("a", "b");
  const follower = use.follower("orders", { name: "worker" });
  await follower.received(2);
  use.advance(1000);
  const at = timeOf(use);
  await follower.nack([2], { reason: "timeout" });
  await follower.nack([1], { reason: 'no "route"', delayMs: 60_000 });
  await follower.received(3);
  const [delay, , failures] = await explain(use);
  assertMatch(delay!, /^1 message is delayed; it is due at /);
  assertEquals(
    failures,
    `2 messages have failed before: message 1 last at ${at} at follower "worker", ` +
      'because of "no \\"route\\"".',
  );
  await follower.ack(3);
  use.advance(60_000);
  await follower.received(4);
  await follower.ack(4);
  assert(!(await explain(use)).join().includes("failed before"));
});

causeTests.add("it tells a follower that is silent from one that is slow", async (use) => {
  await use.createWith("orders", { ackTimeoutMs: 1000, backoffMs: [0] });
  await use.publisher("orders").store("a", "b");
  const follower = use.follower("orders", { name: "worker", messages: 1, reportsBegin: true });
  await follower.received(1);
  follower.port.silence();
  assertMatch((await explain(use)).join(" "), /Nothing is heard from follower "worker"; it gets/);
  follower.port.setCredit(2, 1e6);
  await follower.received(3);
  use.advance(5000);
  assertMatch((await explain(use)).join(" "), /"worker" exceeded the acknowledgement timeout/);
});

causeTests.add(
  "it tells a follower that does not read from one that asks for nothing",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("a");
    const deaf = use.follower("orders", { name: "deaf", isFull: true });
    const text = (await explain(use)).join(" ");
    assertMatch(text, /"deaf" does not read its messages: its connection takes no more\./);
    deaf.port.close();
    use.follower("orders", { name: "idle", messages: 0 });
    assertMatch((await explain(use)).join(" "), /"idle" asks for nothing/);
  },
);

causeTests.add("it explains what has made dead letters, and what they need", async (use) => {
  await bury(use, "a", "b");
  const [, , dead] = await explain(use);
  assertMatch(
    dead!,
    /^2 messages are in orders\.dead: redrive sends them back\. Since the broker's start: 2 /,
  );
  assertEquals(
    (await explain(use, "orders.dead"))[0],
    "There is no follower: 2 messages wait. Dead letters need none: redrive sends them back.",
  );
});
