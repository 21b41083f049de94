/**
 * What every engine does while too many deliveries of a lane fail.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EngineTests } from "../../engine_tests.ts";
import { type EngineUse, type Following, upTo } from "../../engine_use.ts";
import { makeBusy } from "../restarting.ts";
import { BREAKER, DOWN, look } from "./breaking.ts";

/** What an engine does about breakers of lanes. */
export const laneBreakerTests: EngineTests = new EngineTests();

/** What an engine remembers of them. */
export const laneBreakerRestartTests: EngineTests = new EngineTests();

/** A stream with a breaker for each lane, of which one has opened. */
async function openLane(use: EngineUse): Promise<Following> {
  await use.createWith("orders", {
    breaker: { ...BREAKER, of: "lane" },
    maxDeliveries: 1,
    backoffMs: [1000],
  });
  const lanes = ["a", "b", undefined];
  await use.publisher("orders").storeWished(
    ...upTo(15).map((index) => {
      const lane = lanes[index % 3];
      return { text: `${lane ?? "-"}${index}`, ...lane !== undefined && { lane } };
    }),
  );
  const follower = use.follower("orders", { name: "worker", messages: 9, slots: 9 });
  await follower.received(9);
  const tags = follower.sink.messages.filter(({ text }) => text.startsWith("a"))
    .map(({ tag }) => tag);
  assertEquals(tags.length, 3);
  await follower.nack(tags, DOWN);
  return follower;
}

laneBreakerTests.add("a breaker of lanes stops one lane, and no other", async (use) => {
  const follower = await openLane(use);
  const breaker = await look(use);
  assertEquals([breaker?.lane, breaker?.openLanes, breaker?.inMs], ["a", 1, 30_000]);
  // Nothing of the other lanes was taken back, and they go on.
  assertEquals(follower.sink.revoked, []);
  for (let tag = 1; tag <= follower.sink.messages.length; tag++) {
    const { text } = follower.sink.messages[tag - 1]!;
    if (!text.startsWith("a")) await follower.ack(tag);
    await use.fence();
  }
  const texts = follower.sink.texts;
  assertEquals(texts.filter((text) => text.startsWith("a")).length, 3);
  assertEquals(new Set(texts.filter((text) => !text.startsWith("a"))).size, 10);
  const told = (await use.engine.explain("orders")).join(" ");
  assertStringIncludes(told, 'The breaker of lane "a" is open since');
  // One probe, and then all that is left of the lane.
  const count = texts.length;
  use.advance(30_000);
  await follower.received(count + 1);
  await use.fence();
  assertEquals(follower.sink.messages.length, count + 1);
  const { attempts, tag } = follower.sink.messages.at(-1)!;
  assertEquals(attempts, 1);
  await follower.ack(tag);
  await follower.received(count + 5);
  assertEquals(await look(use), undefined);
});

laneBreakerTests.add("what is without a lane opens no breaker of lanes", async (use) => {
  await use.createWith("orders", { breaker: { failures: 1, of: "lane" }, backoffMs: [0] });
  await use.publisher("orders").store(...upTo(20).map(String));
  const follower = use.follower("orders");
  await follower.received(20);
  await follower.nack(upTo(20), DOWN);
  assertEquals(await look(use), undefined);
  await follower.received(40);
});

laneBreakerTests.add(
  "several lanes may be open, and resuming the stream closes all",
  async (use) => {
    const follower = await openLane(use);
    const tags = follower.sink.messages.filter(({ text }) => text.startsWith("b"))
      .map(({ tag }) => tag).slice(0, 3);
    await follower.nack(tags, DOWN);
    assertEquals((await look(use))?.openLanes, 2);
    assertStringIncludes(
      (await use.engine.explain("orders")).join(" "),
      "The breakers of 1 other lane are open, too.",
    );
    await use.engine.pauseStream("orders", false);
    assertEquals(await look(use), undefined);
    use.advance(1000);
    await use.fence();
    assertEquals((await use.engine.getStream("orders")).ready, 15 - 9);
  },
);

laneBreakerRestartTests.add(
  "after a restart the breaker of a lane is open, and others are not",
  async (use) => {
    await openLane(use);
    const before = (await look(use))!;
    await makeBusy(use);
    for (let round = 0; round < 2; round++) {
      await use.restart();
      assertEquals(await look(use), before);
    }
    const next = use.follower("orders", { name: "next", slots: 9 });
    await use.fence();
    assertEquals(next.sink.texts.filter((text) => text.startsWith("a")), []);
    assert(next.sink.texts.length >= 4);
    use.advance(30_000);
    await use.fence();
    assertEquals(next.sink.texts.filter((text) => text.startsWith("a")).length, 1);
  },
);
