/**
 * Another broker takes over while messages of one coalescing id wait, are worked on, replaced and cancelled.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { TestCluster } from "../../../support/cluster/test_cluster.ts";
import { doc } from "../../conformance/coalescing/coalescing.ts";

Deno.test("takeover: quiet times go on, and batches that come again have the same answers", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("docs"));
  const second = cluster.start("b");
  const quietMs = 60_000;
  const publisher = first.use.publisher("docs");
  const answers: string[] = [];
  for (
    const message of [
      doc("a", { quietMs }),
      doc("b", { quietMs }),
      doc("other", { id: "2" }),
      doc("first", { id: "2", take: "first" }),
    ]
  ) answers.push(await cluster.until(publisher.storeWished(message)));
  const follower = first.use.follower("docs");
  await cluster.until(follower.received(1));
  answers.push(await cluster.until(publisher.storeWished(doc("behind", { id: "2" }))));
  await cluster.until(publisher.storeWished(doc("cancelled", { id: "3", quietMs })));
  assertEquals(await cluster.until(first.use.engine.cancelMessage("docs", 5)), { was: "delayed" });
  await cluster.pass(1000);
  first.kill();
  await cluster.until(second.cluster.opening);
  // The one that was worked on has come back, and gives way.
  const look = () => cluster.until(second.use.look("docs"));
  assertEquals(await look(), ["2×0 delayed b", "4×0 ready behind"]);
  const again = second.use.publisher("docs");
  for (const sequence of [1, 2, 3, 4, 5]) again.sendAs(sequence, "again");
  const told = await cluster.until(again.outcomes());
  assertEquals(answers, ["docs:1", "docs:2 for 1", "docs:3", "docs:3 kept", "docs:4"]);
  assertEquals(told, answers.map((answer) => `${answer} again`));
  const later = second.use.publisher("docs", "later");
  assertEquals(await cluster.until(later.storeWished(doc("c", { quietMs }))), "docs:6 for 2");
  assertEquals(await look(), ["4×0 ready behind", "6×0 delayed c"]);
  assertEquals([first.failure, second.failure], [undefined, undefined]);
});

Deno.test("takeover: a broker that stands still cancels nothing when it wakes up", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a");
  await cluster.until(first.use.create("orders"));
  const second = cluster.start("b");
  await cluster.until(first.use.publisher("orders").store("1", "2"));
  await cluster.pass(1000);
  first.host.pause();
  await cluster.until(second.cluster.opening);
  first.host.wake();
  const answers: unknown[] = [];
  first.use.engine.cancelMessage("orders", 1).then((answer) => answers.push(answer), () => {});
  await cluster.pass(1000);
  assertEquals(answers, []);
  assertEquals(await cluster.until(second.use.look("orders")), ["1×0 ready 1", "2×0 ready 2"]);
  assertEquals(await cluster.until(second.use.engine.cancelMessage("orders", 1)), { was: "ready" });
});
