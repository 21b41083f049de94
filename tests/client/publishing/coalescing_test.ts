/**
 * Messages with coalesce ids through a client: what it refuses, and what its receipts say.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { BrokerError, type SendOptions } from "@simplemq/simplemq";
import { startBroker } from "../../support/broker/broker.ts";

Deno.test("a publisher refuses wrong options of coalescing before it sends", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("docs");
  const publisher = connection.publisher("docs");
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [{}, RangeError, "coalesce.id is missing"],
    [{ id: "" }, RangeError, "1 to 128 bytes"],
    [{ id: "x".repeat(129) }, RangeError, "1 to 128 bytes"],
    [{ id: "\ud800" }, RangeError, "coalesce.id"],
    [{ id: "a", quietMs: -1 }, RangeError, "coalesce.quietMs"],
    [{ id: "a", quietMs: 0.5 }, RangeError, "coalesce.quietMs"],
    [{ id: "a", quietMs: Infinity }, RangeError, "coalesce.quietMs"],
    [{ id: "a", atMostMs: NaN }, RangeError, "coalesce.atMostMs"],
    [{ id: "a", take: "newest" }, RangeError, "coalesce.take"],
    [{ id: "a", whileWorked: true }, RangeError, "coalesce.whileWorked"],
    [{ id: "a", quiet: 5 }, TypeError, "quiet"],
    ["a", TypeError, "coalesce must be an object"],
    [null, TypeError, "coalesce must be an object"],
  ];
  for (const [coalesce, type, text] of wrong) {
    const options = { coalesce } as SendOptions;
    await assertRejects(() => publisher.sendMessage("x", options), type, text);
  }
  const coalesce = { id: "a" };
  await assertRejects(
    () => publisher.sendMessages(["x", "y"], { coalesce } as object),
    TypeError,
    "one coalesce cannot stand for several messages",
  );
  await assertRejects(
    () => publisher.sendMessage("x", { coalesce, delayMs: 5 }),
    BrokerError,
    "a quiet time",
  );
  assertEquals((await connection.cursor().getStream("docs")).nextId, 1);
});

Deno.test("receipts tell which message was replaced, or stays, in each stream", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  for (const name of ["docs-1", "docs-2"]) await connection.cursor().createStream(name);
  const coalesce = { id: "doc", quietMs: 60_000 };
  const one = connection.publisher("docs-1");
  const both = connection.publisher(/^docs-/);
  assertEquals(await one.sendMessage("a", { coalesce }), {
    streams: [{ stream: "docs-1", id: 1 }],
    duplicate: false,
  });
  const replaced = await both.sendMessage("b", { coalesce });
  assertEquals([replaced.replaced, replaced.kept, replaced.streams], [1, undefined, [
    { stream: "docs-1", id: 2, replaced: 1 },
    { stream: "docs-2", id: 1 },
  ]]);
  const kept = await both.sendMessage("c", { coalesce: { ...coalesce, take: "first" } });
  assertEquals([kept.replaced, kept.kept, kept.streams], [undefined, 2, [
    { stream: "docs-1", id: 2, kept: true },
    { stream: "docs-2", id: 1, kept: true },
  ]]);
  // Calls that are not awaited are answered one by one.
  const calls = Array.from({ length: 50 }, (_, index) => one.sendMessage(index, { coalesce }));
  const receipts = await Promise.all(calls);
  assertEquals(receipts.map(({ replaced }) => replaced), receipts.map((_, index) => index + 2));
  const [message] = await connection.cursor().peek("docs-1");
  assertEquals([message?.body, message?.state], [49, "delayed"]);
});
