/**
 * Calls that are given up while they wait for the broker.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect, type Connection } from "@simplemq/simplemq";
import { OutgoingBatch } from "../../../src/client/outgoing/outgoing_batch.ts";
import { SpareBuffers } from "../../../src/client/outgoing/spare_buffers.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { PATIENCE_MS } from "../support.ts";

/** Takes and acknowledges messages until one of them is the last. */
async function takeUntil(connection: Connection, stream: string, last: string): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const message of connection.follower(stream).getMessages()) {
    await message.ack();
    seen.push(message.body);
    if (message.body === last) break;
  }
  return seen;
}

/** Gives a batch a message for whoever waits for it. */
function addMessage(batch: OutgoingBatch, text: string, told: string[], isAbandoned = false): void {
  batch.addWaiter({
    isAbandoned,
    confirm: (_, first) => told.push(`${text} ${first}`),
    refuse: () => told.push(`${text} refused`),
  });
  batch.add(0, text, undefined);
}

Deno.test("what a full stream has refused is not sent again once it is given up", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("small", { maxMessages: 1 });
  const publisher = connection.publisher("small", { whenFull: "wait" });
  await publisher.sendMessage("first");
  const controller = new AbortController();
  const { signal } = controller;
  publisher.sendMessage("before");
  const abandoned = [
    assertRejects(() => publisher.sendMessage("given up", { signal }), Error, "enough"),
    assertRejects(() => publisher.sendMessages(["and", "these"], { signal }), Error, "enough"),
  ];
  publisher.sendMessage("after");
  // Its answer comes behind the refusal.
  await connection.cursor().getStreams();
  controller.abort(new Error("enough"));
  await Promise.all(abandoned);
  const again = publisher.sendMessage("again");
  const seen = await deadline(takeUntil(connection, "small", "again"), PATIENCE_MS);
  assertEquals(seen, ["first", "before", "after", "again"]);
  assertEquals((await again).streams[0]?.id, 4);
});

for (const way of ["sendMessage", "request"] as const) {
  Deno.test(`${way}(): a batch of which everything is given up keeps nobody waiting, and is never sent`, async () => {
    await using broker = await startBroker();
    await using connection = await broker.connect();
    await connection.cursor().createStream("small", { maxMessages: 1 });
    const publisher = connection.publisher("small", { whenFull: "wait", maxUnconfirmed: 2 });
    await publisher.sendMessage("first");
    const controller = new AbortController();
    const { signal } = controller;
    const send = (body: string): Promise<unknown> =>
      way === "request"
        ? publisher.request(body, { signal })
        : publisher.sendMessage(body, { signal });
    const calls = ["a", "b", "in line"].map((body) =>
      assertRejects(() => send(body), Error, "enough")
    );
    await connection.cursor().getStreams();
    const flushed = publisher.flush();
    controller.abort(new Error("enough"));
    await Promise.all(calls);
    await deadline(flushed, PATIENCE_MS);
    assertEquals((await connection.cursor().getStream("small")).nextId, 2);
  });
}

Deno.test("what was not sent yet is never sent once it is given up", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  await connection.cursor().createStream("away");
  const publisher = connection.publisher("away");
  await publisher.sendMessage("first");
  const lost = (async () => {
    for await (const { type } of connection.status()) if (type === "lost") return;
  })();
  proxy.cut();
  await lost;
  const controller = new AbortController();
  const { signal } = controller;
  const call = assertRejects(() => publisher.sendMessage("given up", { signal }), Error, "enough");
  const next = publisher.sendMessage("next");
  controller.abort(new Error("enough"));
  await call;
  assertEquals((await deadline(next, PATIENCE_MS)).streams, [{ stream: "away", id: 2 }]);
});

Deno.test("one signal of many calls is listened to once, and let go with the last of them", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("shared");
  const publisher = connection.publisher("shared");
  const { signal } = new AbortController();
  let addedCount = 0;
  let removedCount = 0;
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  signal.addEventListener = function (...args: Parameters<typeof addEventListener>) {
    addedCount++;
    addEventListener.apply(this, args);
  };
  signal.removeEventListener = function (...args: Parameters<typeof removeEventListener>) {
    removedCount++;
    removeEventListener.apply(this, args);
  };
  for (let number = 0; number < 1000; number++) publisher.sendMessage(number, { signal });
  assertEquals([addedCount, removedCount], [1, 0]);
  await publisher.flush({ signal });
  await connection.cursor().getStreams();
  assertEquals(removedCount, addedCount);
  await publisher.sendMessage("later", { signal });
  assert(addedCount >= 2);
});

Deno.test("OutgoingBatch: what is left after some have given up keeps its place and its waiters", () => {
  const batch = new OutgoingBatch(10, new SpareBuffers());
  const told: string[] = [];
  addMessage(batch, "a", told, true);
  addMessage(batch, "bb", told);
  addMessage(batch, "ccc", told, true);
  addMessage(batch, "dddd", told);
  addMessage(batch, "e", told, true);
  const size = batch.bytes;
  batch.dropAbandoned();
  assertEquals([batch.count, batch.ordinal], [2, 11]);
  const { buffer, start, end } = batch.messages;
  const text = new TextDecoder().decode(buffer.subarray(start, end));
  assert(text.includes("bb") && text.includes("dddd") && !text.includes("c"));
  assert(batch.bytes === end - start && batch.bytes < size);
  const rest = batch.cut(1);
  assertEquals([batch.count, batch.ordinal, rest.count, rest.ordinal], [1, 11, 1, 13]);
  batch.confirm({ storedIn: [], isDuplicate: false });
  rest.confirm({ storedIn: [], isDuplicate: false });
  assertEquals(told, ["bb 0", "dddd 0"]);
});
