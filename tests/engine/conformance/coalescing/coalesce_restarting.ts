/**
 * What every engine that keeps its messages still knows of coalescing ids after its end.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EngineTests } from "../../engine_tests.ts";
import { runCoalesceModel } from "./coalesce_model.ts";
import { doc } from "./coalescing.ts";

/** How messages are coalesced over the end of an engine. */
export const coalesceRestartTests: EngineTests = new EngineTests();

coalesceRestartTests.add("a restart does not shorten or begin anew a quiet time", async (use) => {
  await use.create("docs");
  const times = { quietMs: 1000, atMostMs: 2500 };
  await use.publisher("docs").storeWished(doc("a", times));
  use.advance(800);
  await use.restart();
  assertEquals(await use.publisher("docs", "2").storeWished(doc("b", times)), "docs:2 for 1");
  use.advance(800);
  await use.restart();
  await use.restart();
  assertEquals(await use.look("docs"), ["2×0 delayed b"]);
  const first = { ...times, take: "first" } as const;
  assertEquals(await use.publisher("docs", "3").storeWished(doc("c", first)), "docs:2 kept");
  await use.restart();
  use.advance(899);
  await use.fence();
  assertEquals(await use.look("docs"), ["2×0 delayed b"]);
  // That is the limit after the first one.
  use.advance(1);
  const follower = use.follower("docs");
  assertEquals(await follower.received(1), ["docs:2×1 b"]);
});

coalesceRestartTests.add(
  "a batch that is sent again after a restart has the same answer",
  async (use) => {
    await use.create("docs", "more");
    const publisher = use.publisher(/.+/);
    await publisher.storeWished(doc("a"));
    await publisher.storeWished(doc("b"));
    await publisher.storeWished(doc("c", { take: "first" }));
    await use.engine.purgeStream("docs");
    assertEquals(
      await publisher.storeWished(doc("d", { take: "first" })),
      "docs:3,more:2 kept",
    );
    await use.engine.purgeStream("docs");
    await use.engine.purgeStream("more");
    for (let round = 0; round < 2; round++) {
      await use.restart();
      const again = use.publisher(/.+/);
      for (const sequence of [1, 2, 3, 4]) again.sendAs(sequence, "again");
      assertEquals((await again.outcomes()).map((outcome) => outcome.split(",").sort().join()), [
        "docs:1,more:1 again",
        "docs:2 for 1,more:2 for 1 again",
        "docs:2 kept,more:2 kept again",
        "docs:3,more:2 kept again",
      ]);
      assertEquals([await use.look("docs"), await use.look("more")], [[], []]);
    }
  },
);

coalesceRestartTests.add("a dedup id of one that was let go is remembered", async (use) => {
  await use.create("docs");
  const publisher = use.publisher("docs");
  await publisher.storeWished(doc("a"));
  await publisher.storeWished(doc("b", { take: "first" }, { dedupId: "b" }));
  await use.engine.purgeStream("docs");
  await use.restart();
  assertEquals(
    await use.publisher("docs", "2").storeWished(doc("b", {}, { dedupId: "b" })),
    "docs:1 again",
  );
});

coalesceRestartTests.add(
  "after a restart, one that was worked on gives way to the newer one",
  async (use) => {
    await use.create("docs");
    const publisher = use.publisher("docs");
    await publisher.storeWished(doc("a"));
    const follower = use.follower("docs");
    await follower.received(1);
    await publisher.storeWished(doc("b", { quietMs: 1000 }));
    await use.restart();
    assertEquals(await use.look("docs"), ["2×0 delayed b"]);
    await use.restart();
    assertEquals(await use.publisher("docs", "2").storeWished(doc("c")), "docs:3 for 2");
    const next = use.follower("docs");
    assertEquals(await next.received(1), ["docs:3×1 c"]);
  },
);

coalesceRestartTests.add("after a restart, one that has failed is still replaced", async (use) => {
  await use.create("docs");
  const publisher = use.publisher("docs");
  await publisher.storeWished(doc("a", {}, { key: "k", priority: 7 }));
  const follower = use.follower("docs");
  await follower.received(1);
  await follower.nack([1], { delayMs: 60_000 });
  await use.restart();
  const others = { key: "k", priority: 7 };
  assertEquals(await use.publisher("docs", "2").storeWished(doc("b", {}, others)), "docs:2 for 1");
  assertEquals(await use.publisher("docs", "3").storeWished({ text: "c", key: "k" }), "docs:3");
  const next = use.follower("docs");
  await next.received(1);
  await next.ack(1);
  await next.received(2);
  assertEquals(next.sink.texts, ["b", "c"]);
});

coalesceRestartTests.add("after a restart, messages live as long as before", async (use) => {
  await use.createWith("docs", { ttlMs: 500 });
  const publisher = use.publisher("docs");
  await publisher.storeWished(doc("own", { id: "own", quietMs: 1000 }, { ttlMs: 700 }));
  await publisher.storeWished(doc("stream's", { id: "stream's", quietMs: 1000 }));
  await use.restart();
  const seen: number[] = [];
  for (const ms of [1000, 499, 1, 199, 1]) {
    use.advance(ms);
    await use.fence();
    seen.push((await use.look("docs")).length);
  }
  assertEquals(seen, [2, 2, 1, 1, 0]);
});

coalesceRestartTests.add("random commands come to what a small model says", async (use) => {
  await runCoalesceModel(use, Number(Deno.env.get("COALESCE_SEED") ?? 1), 150);
});
