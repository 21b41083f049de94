/**
 * Messages with coalesce ids that the log refuses: what they were to replace is there as before.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { StreamOptions } from "../../../protocol.ts";
import { LocalEngine } from "../../../src/engine/local_engine.ts";
import { HesitantLog } from "../../support/broker/hesitant_log.ts";
import { doc } from "../../engine/conformance/coalescing/coalescing.ts";
import { EngineUse, TestClock } from "../../engine/engine_use.ts";

async function begin(): Promise<{ use: EngineUse; log: HesitantLog }> {
  const clock = new TestClock();
  const log = new HesitantLog(1e9);
  const engine = await LocalEngine.open({ log, now: () => clock.now });
  const use = new EngineUse(engine, { clock });
  await use.create("docs");
  return { use, log };
}

for (
  const [storedCount, left, outcomes] of [
    [0, "1×0 delayed a", ["docs:1", "DISK_FULL", "DISK_FULL", "DISK_FULL"]],
    [1, "2×0 delayed b", ["docs:1", "docs:2 for 1", "DISK_FULL", "DISK_FULL"]],
    [2, "3×0 delayed c", ["docs:1", "docs:2 for 1", "docs:3 for 2", "DISK_FULL"]],
    [3, "4×0 delayed d", ["docs:1", "docs:2 for 1", "docs:3 for 2", "docs:4 for 3"]],
  ] as const
) {
  Deno.test(`of three messages in one place, ${storedCount} are stored: the last of these waits`, async () => {
    const { use, log } = await begin();
    const publisher = use.publisher("docs");
    await publisher.storeWished(doc("a", { quietMs: 1000 }));
    log.isHeld = true;
    for (const text of ["b", "c", "d"]) publisher.sendWished(doc(text, { quietMs: 1000 }));
    log.decide(storedCount);
    assertEquals(await publisher.outcomes(), [...outcomes]);
    assertEquals(await use.look("docs"), [left]);
    const { delayed, pending } = await use.engine.getStream("docs");
    assertEquals([delayed, pending], [1, 0]);
    const next = await use.publisher("docs", "next").storeWished(doc("e"));
    const lastId = storedCount + 1;
    assertEquals(next, `docs:${lastId + 1} for ${lastId}`);
    const follower = use.follower("docs");
    assertEquals(await follower.received(1), [`docs:${lastId + 1}×1 e`]);
  });
}

Deno.test("a message is not let go for one that is refused", async () => {
  const { use, log } = await begin();
  const publisher = use.publisher("docs");
  log.isHeld = true;
  publisher.sendWished(doc("a"));
  publisher.sendWished(doc("b", { take: "first" }));
  log.decide(0);
  assertEquals(await publisher.outcomes(), ["DISK_FULL", "DISK_FULL"]);
  assertEquals(await use.look("docs"), []);
});

Deno.test("one that comes back while its place is taken gives way when that is certain, and not before", async () => {
  for (const storedCount of [0, 1]) {
    const { use, log } = await begin();
    const publisher = use.publisher("docs");
    await publisher.storeWished(doc("a"));
    const follower = use.follower("docs");
    await follower.received(1);
    log.isHeld = true;
    publisher.sendWished(doc("b"));
    follower.port.close(0);
    log.decide(storedCount);
    await publisher.outcomes();
    assertEquals(await use.look("docs"), [storedCount === 0 ? "1×0 ready a" : "2×0 ready b"]);
    const next = use.follower("docs");
    assertEquals((await next.received(1))[0]!.split(" ").at(-1), storedCount === 0 ? "a" : "b");
  }
});

const ENDS: readonly (readonly [how: string, (use: EngineUse) => Promise<unknown>])[] = [
  ["cancelled", (use) => use.engine.cancelMessage("docs", 1)],
  ["cancelled with its key", (use) => use.engine.cancelMessages("docs", { key: "k" })],
  ["cancelled with its lane", (use) => use.engine.cancelMessages("docs", { lane: "l" })],
  ["purged", (use) => use.engine.purgeStream("docs")],
];

for (const [how, end] of ENDS) {
  Deno.test(`a message that is ${how} while its place is taken does not come back`, async () => {
    const { use, log } = await begin();
    const publisher = use.publisher("docs");
    await publisher.storeWished({ ...doc("a"), key: "k", lane: "l" });
    log.isHeld = true;
    publisher.sendWished({ ...doc("b"), key: "k", lane: "l" });
    const ended = end(use);
    log.decide(0);
    await ended;
    assertEquals(await publisher.outcomes(), ["docs:1", "DISK_FULL"]);
    assertEquals(await use.look("docs"), []);
    // The next one has nobody's place to take.
    const next = use.publisher("docs", "next");
    assertEquals(await next.storeWished({ ...doc("c"), key: "k", lane: "l" }), "docs:2");
  });
}

Deno.test("a message that expires while its place is taken does not come back", async () => {
  const { use, log } = await begin();
  await use.engine.updateStream("docs", { ttlMs: 100 });
  const publisher = use.publisher("docs");
  await publisher.storeWished(doc("a"));
  log.isHeld = true;
  publisher.sendWished(doc("b"));
  use.advance(200);
  log.decide(0);
  const follower = use.follower("docs");
  use.advance(1);
  await use.fence();
  assertEquals(follower.sink.messages.map(({ text }) => text), []);
  assertEquals(await use.look("docs"), []);
});

Deno.test("a message that comes back is in its own lane, although its number is another one's by now", async () => {
  for (const quietMs of [0, 5000]) {
    const { use, log } = await begin();
    const publisher = use.publisher("docs");
    await publisher.storeWished({ ...doc("a", { quietMs }), lane: "l" });
    log.isHeld = true;
    publisher.sendWished({ ...doc("b", { quietMs }), lane: "l" });
    [log.isHeld, log.isPrompt] = [false, true];
    // The lane has no messages for so long that it is forgotten.
    use.advance(2500);
    await use.fence();
    const other = use.publisher("docs", "other");
    other.sendWished({ text: "x", lane: "m" });
    log.decide(0);
    await other.outcomes();
    assertEquals(await publisher.outcomes(), ["docs:1", "DISK_FULL"]);
    use.advance(2500);
    await use.fence();
    const { items } = await use.engine.lanes.list("docs", {});
    assertEquals(items.map(({ name, ready }) => `${name} ${ready}`).sort(), ["l 1", "m 1"]);
    assertEquals(await use.engine.cancelMessage("docs", 1), { was: "ready" });
    assertEquals(await use.look("docs"), ["3×0 ready x"]);
  }
});

Deno.test("only those of a part are cancelled with it while their places are taken", async () => {
  const { use, log } = await begin();
  const publisher = use.publisher("docs");
  await publisher.storeWished({ ...doc("a"), lane: "l" });
  await publisher.storeWished({ ...doc("b", { id: "other" }), lane: "m" });
  log.isHeld = true;
  publisher.sendWished({ ...doc("c"), lane: "l" });
  publisher.sendWished({ ...doc("d", { id: "other" }), lane: "m" });
  const ended = [
    use.engine.cancelMessages("docs", { lane: "l", after: 1 }),
    use.engine.cancelMessages("docs", { lane: "m", after: 1 }),
  ];
  log.decide(0);
  await Promise.all(ended);
  await publisher.outcomes();
  assertEquals(await use.look("docs"), ["1×0 ready a"]);
});

const LAST_ATTEMPTS: readonly (readonly [how: string, options: Partial<StreamOptions>])[] = [
  ["rejected", {}],
  ["expired", { ttlMs: 100, deadLetterExpired: true }],
];

for (const [how, options] of LAST_ATTEMPTS) {
  Deno.test(`no message is let go for one that is ${how} and has no room among the dead letters`, async () => {
    const { use, log } = await begin();
    await use.engine.updateStream("docs", options);
    const publisher = use.publisher("docs");
    await publisher.storeWished(doc("a", { whileWorked: "drop" }));
    const follower = use.follower("docs");
    await follower.received(1);
    assertEquals(
      await publisher.storeWished(doc("dropped", { whileWorked: "drop" })),
      "docs:1 kept",
    );
    log.isDeadFull = true;
    use.advance(150);
    await use.fence();
    if (how === "rejected") await follower.reject([1], "bad");
    else await follower.port.release([{ firstTag: 1, count: 1 }]);
    const later = use.publisher("docs", "later");
    assertEquals(await later.storeWished(doc("b", { whileWorked: "drop" })), "docs:2");
    log.isDeadFull = false;
    use.advance(1050);
    await use.fence();
    const dead = await use.look("docs.dead");
    assertEquals(dead.filter((line) => line.endsWith(" a")).length, 1);
    assertEquals(follower.sink.messages.map(({ text }) => text).slice(0, 1), ["a"]);
  });
}
