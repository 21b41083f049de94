// What the journal counts of its own work, and when messages were stored that it has moved.

import { assertEquals, assertGreater } from "@std/assert";
import { churn, CompactorUse, Sender } from "../../support/disk/compactor_use.ts";
import { listSegments } from "../../support/disk/small_journal.ts";

Deno.test("Compactor: a message that is moved, and read again, was stored when it was", async () => {
  const compactor = new CompactorUse();
  const use = await compactor.begin();
  await use.create("a", "busy");
  const stuck = new Sender(compactor.engine, "a", "a");
  const times: number[] = [];
  for (const text of ["one", "two", "three"]) {
    times.push(compactor.engine.now, compactor.engine.now);
    await stuck.store(text, text);
    await compactor.pass();
  }
  const sender = new Sender(compactor.engine, "busy");
  const follower = use.follower("busy");
  await churn(use, sender, { follower, count: 50, text: "y".repeat(200) });
  await compactor.pass(5);
  const { compactedBytes, writtenBytes, segments, diskBytes, flush } = use.engine.counters.journal!;
  assertGreater(flush.count, 50);
  assertGreater(compactedBytes, 0);
  assertGreater(writtenBytes, 50 * 200 + compactedBytes);
  assertEquals([segments, diskBytes], [listSegments(compactor.disk).length, compactor.bytes]);
  for (let round = 0; round < 2; round++) {
    const { infos } = await compactor.engine.peek("a", 1, 10);
    assertEquals(infos.map(({ storedAt }) => storedAt), times);
    await compactor.restart();
  }
});
