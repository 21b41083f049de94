/**
 * What every engine does with coalescing ids beside keys, lanes, limits, dedup ids and times to live.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { EngineTests } from "../../engine_tests.ts";
import type { EngineUse, WishedMessage } from "../../engine_use.ts";
import { doc } from "./coalescing.ts";

/** How coalescing goes together with everything else. */
export const interplayTests: EngineTests = new EngineTests();

interplayTests.add("each stream of a pattern has its own", async (use) => {
  await use.create("doc-1", "doc-2");
  await use.publisher("doc-2", "direct").storeWished(doc("old", { quietMs: 1000 }));
  const publisher = use.publisher(/^doc-/);
  use.advance(500);
  assertEquals(await publisher.storeWished(doc("a", { quietMs: 1000 })), "doc-1:1,doc-2:2 for 1");
  assertEquals(
    await publisher.storeWished(doc("b", { quietMs: 1000, take: "first" })),
    "doc-1:1 kept,doc-2:2 kept",
  );
  const first = use.follower("doc-1");
  await use.engine.cancelMessage("doc-2", 2);
  assertEquals(
    await publisher.storeWished(doc("c", { quietMs: 1000, take: "first" })),
    "doc-1:1 kept,doc-2:3",
  );
  use.advance(1000);
  await first.received(1);
  assertEquals([await use.look("doc-1"), await use.look("doc-2")], [
    ["1×1 pending a"],
    ["3×0 ready c"],
  ]);
});

interplayTests.add("key and lane must be those of the first", async (use) => {
  await use.create("docs");
  const publisher = use.publisher("docs");
  await publisher.storeWished(doc("a", {}, { key: "k", lane: "acme" }));
  const wrong: [string, Omit<WishedMessage, "text">][] = [
    ["b", { key: "other", lane: "acme" }],
    ["c", { key: "k", lane: "other" }],
    ["d", { lane: "acme" }],
    ["e", { key: "k" }],
  ];
  for (const [text, others] of wrong) {
    assertEquals(await refused(use, doc(text, {}, others)), "BAD_REQUEST");
  }
  assertEquals(
    await publisher.storeWished(doc("f", {}, { key: "k", lane: "acme" })),
    "docs:2 for 1",
  );
  assertEquals(await refused(use, doc("g", {}, { delayMs: 5 })), "BAD_REQUEST");
  assertEquals(await use.look("docs"), ["2×0 ready f"]);
});

/** The code with which a message is refused. */
async function refused(use: EngineUse, message: WishedMessage): Promise<string | undefined> {
  const publisher = use.publisher("docs", `publisher of ${message.text}`);
  try {
    publisher.sendWished(message);
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return (await publisher.outcomes()).at(-1);
}

interplayTests.add("a dedup id comes first", async (use) => {
  await use.create("docs");
  const publisher = use.publisher("docs");
  await publisher.storeWished(doc("a", {}, { dedupId: "1" }));
  assertEquals(await publisher.storeWished(doc("a", {}, { dedupId: "1" })), "docs:1 again");
  assertEquals(await publisher.storeWished(doc("b", {}, { dedupId: "2" })), "docs:2 for 1");
  assertEquals(await publisher.storeWished(doc("a", {}, { dedupId: "1" })), "docs:1 again");
  // One that was let go is remembered as the one that stays.
  const first = { take: "first" } as const;
  assertEquals(await publisher.storeWished(doc("c", first, { dedupId: "3" })), "docs:2 kept");
  assertEquals(await publisher.storeWished(doc("c", first, { dedupId: "3" })), "docs:2 again");
});

interplayTests.add(
  "the newest priority counts, and the time to live begins after the quiet time",
  async (use) => {
    await use.create("docs");
    const publisher = use.publisher("docs");
    await publisher.storeWished(doc("low", { quietMs: 1000 }, { priority: 1 }));
    await publisher.storeWished({ text: "plain" }, { text: "plain 2" });
    await publisher.storeWished(doc("high", { quietMs: 1000 }, { priority: 9, ttlMs: 500 }));
    use.advance(1000);
    const follower = use.follower("docs", { messages: 1 });
    assertEquals(await follower.received(1), ["docs:4×1 high"]);
    await follower.ack(1);
    await publisher.storeWished(doc("short", { quietMs: 1000 }, { priority: 9, ttlMs: 500 }));
    use.advance(1500);
    await use.fence();
    assertEquals((await use.engine.getStream("docs")).totals.expired, 1);
  },
);

interplayTests.add("one that stays for longer also lives for longer", async (use) => {
  await use.create("docs");
  const publisher = use.publisher("docs");
  const times = { quietMs: 1000, atMostMs: 0, take: "first" } as const;
  await publisher.storeWished(doc("a", times, { ttlMs: 100 }));
  for (let round = 0; round < 3; round++) {
    use.advance(900);
    await publisher.storeWished(doc("b", times, { ttlMs: 100 }));
  }
  use.advance(1000);
  const follower = use.follower("docs", { messages: 1 });
  await follower.received(1);
  follower.port.close(0);
  use.advance(100);
  await use.fence();
  assertEquals(await use.look("docs"), []);
});

interplayTests.add("the limits of a stream count one", async (use) => {
  await use.createWith("docs", { maxMessages: 2 });
  const publisher = use.publisher("docs");
  for (let round = 0; round < 5; round++) publisher.sendWished(doc(`${round}`));
  publisher.sendWished(doc("other", { id: "2" }));
  for (let round = 5; round < 10; round++) publisher.sendWished(doc(`${round}`));
  assertEquals((await publisher.outcomes()).filter((outcome) => outcome === "STREAM_FULL"), []);
  assertEquals((await use.look("docs")).map((line) => line.split(" ").at(-1)), ["other", "9"]);
  publisher.sendWished(doc("third", { id: "3" }));
  assertEquals((await publisher.outcomes()).at(-1), "STREAM_FULL");
  // Nothing was taken out for what did not fit.
  assertEquals((await use.engine.getStream("docs")).ready, 2);
});

interplayTests.add(
  "a message that makes room for itself takes the place of one, and no more",
  async (use) => {
    await use.createWith("docs", { maxMessages: 2, overflow: "drop-oldest" });
    const publisher = use.publisher("docs");
    await publisher.store("plain");
    for (let round = 0; round < 5; round++) publisher.sendWished(doc(`${round}`));
    await publisher.outcomes();
    assertEquals(await use.look("docs"), ["1×0 ready plain", "6×0 ready 4"]);
  },
);

interplayTests.add("a burst that is sent without waiting is one message", async (use) => {
  await use.create("docs");
  const publisher = use.publisher("docs");
  for (let round = 1; round <= 100; round++) publisher.sendWished(doc(`${round}`));
  const outcomes = await publisher.outcomes();
  assertEquals([outcomes[0], outcomes.at(-1)], ["docs:1", "docs:100 for 99"]);
  const follower = use.follower("docs");
  assertEquals(await follower.received(1), ["docs:100×1 100"]);
  await use.fence();
  const { ready, pending, totals } = await use.engine.getStream("docs");
  assertEquals([ready, pending, totals.delivered, totals.replaced], [0, 1, 1, 99]);
  await follower.ack(1);
  assertEquals((await use.engine.getStream("docs")).pending, 0);
});

interplayTests.add("a batch that is sent again has the same answer", async (use) => {
  await use.create("docs");
  const publisher = use.publisher("docs");
  await publisher.storeWished(doc("a"));
  await publisher.storeWished(doc("b"));
  await publisher.storeWished(doc("c", { take: "first" }));
  const follower = use.follower("docs");
  await follower.received(1);
  await follower.ack(1);
  for (const sequence of [1, 2, 3]) publisher.sendAs(sequence, "again");
  assertEquals((await publisher.outcomes()).slice(3), [
    "docs:1 again",
    "docs:2 for 1 again",
    "docs:2 kept again",
  ]);
  assertEquals(await use.look("docs"), []);
});

interplayTests.add(
  "a message that was cancelled, purged or dropped leaves its id free",
  async (use) => {
    await use.create("docs");
    const publisher = use.publisher("docs");
    await publisher.storeWished(doc("a", { quietMs: 1000 }));
    assertEquals(await use.engine.cancelMessage("docs", 1), { was: "delayed" });
    assertEquals(await publisher.storeWished(doc("b")), "docs:2");
    await use.engine.purgeStream("docs");
    assertEquals(await publisher.storeWished(doc("c")), "docs:3");
    await use.engine.dropMessages("docs", [3]);
    assertEquals(await publisher.storeWished(doc("d")), "docs:4");
    const follower = use.follower("docs");
    await follower.received(1);
    // What waits behind one that is cancelled is next.
    await publisher.storeWished(doc("e"));
    assertEquals(await use.engine.cancelMessage("docs", 4), { was: "pending" });
    await follower.received(2);
    assertEquals(follower.sink.texts, ["d", "e"]);
  },
);

interplayTests.add(
  "it is explained what waits for a quiet time, and for one that is worked on",
  async (use) => {
    await use.create("docs");
    const publisher = use.publisher("docs");
    await publisher.storeWished(doc("a"));
    const follower = use.follower("docs", { name: "worker" });
    await follower.received(1);
    await publisher.storeWished(doc("b"));
    await publisher.storeWished(doc("c", { id: "quiet", quietMs: 1000 }));
    await use.fence();
    const told = (await use.engine.explain("docs")).join(" ");
    assertMatch(told, /Coalesce id "doc" is held by message 1/);
    assertMatch(told, /1 message is delayed.*those with coalesce ids wait until nothing new comes/);
  },
);
