// Publishing, frame by frame.

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { StreamInfo } from "../../../protocol.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import { RawClient } from "../../support/wire/raw_client.ts";
import { publishTexts, startPublishing } from "./wire.ts";

Deno.test("publish: a batch is confirmed with the stream and the first id", async () => {
  await using scene = await startPublishing();
  const { client } = scene;
  await client.publish(1, 1, ["a", "b"]);
  assertEquals(await client.expect("stream"), { stream: 1, name: "orders" });
  assertEquals(await client.expect("confirm"), {
    publisher: 1,
    sequence: 1,
    count: 2,
    isDuplicate: false,
    hasSameId: false,
    stored: [{ stream: 1, firstId: 1 }],
  });
  await client.publish(1, 3, ["c"]);
  assertEquals(await client.expect("confirm"), {
    publisher: 1,
    sequence: 3,
    count: 1,
    isDuplicate: false,
    hasSameId: false,
    stored: [{ stream: 1, firstId: 3 }],
  });
});

Deno.test("publish: batches that are not waited for are answered in their order", async () => {
  await using scene = await startPublishing();
  const { client } = scene;
  await Promise.all([1, 2, 3].map((sequence) => client.publish(1, sequence, [`${sequence}`])));
  await client.expect("stream");
  for (const sequence of [1, 2, 3]) {
    const confirm = await client.expect("confirm");
    assertEquals([confirm.sequence, confirm.stored[0]?.firstId], [sequence, sequence]);
  }
});

Deno.test("publish: a regex publisher's batch is confirmed with all streams", async () => {
  await using broker = await startBroker();
  await using client = await RawClient.open(broker.port);
  for (const name of ["a_world", "b_world", "other"]) await client.ask("createStream", name);
  await client.openPublisher(1, /.+_WORLD/i);
  await client.publish(1, 1, ["hello"]);
  assertEquals(await client.expect("stream"), { stream: 1, name: "a_world" });
  assertEquals(await client.expect("stream"), { stream: 2, name: "b_world" });
  const { stored } = await client.expect("confirm");
  assertEquals(stored, [{ stream: 1, firstId: 1 }, { stream: 2, firstId: 1 }]);
});

Deno.test("publish: without a stream it is refused, and the session goes on", async () => {
  await using broker = await startBroker();
  await using client = await RawClient.open(broker.port);
  await client.openPublisher(1, "nowhere");
  await client.publish(1, 1, ["a", "b"]);
  const { message, ...refusal } = await client.expect("refuse");
  assertEquals(refusal, { publisher: 1, sequence: 1, count: 2, code: "STREAM_NOT_FOUND" });
  assertStringIncludes(message, '"nowhere"');
  await client.openPublisher(2, /^none$/);
  await client.publish(2, 1, ["a"]);
  assertEquals((await client.expect("refuse")).code, "NO_MATCHING_STREAM");
  assertEquals(await client.ask("getStreams"), { items: [] });
});

Deno.test("publish: a batch repeated after reconnecting is confirmed with its old ids", async () => {
  await using scene = await startPublishing("orders", "publisher-7");
  const { broker, client } = scene;
  await publishTexts(client, 1, ["a", "b"]);
  const original = await publishTexts(client, 3, ["c"]);
  await client[Symbol.asyncDispose]();

  await using again = await RawClient.open(broker.port);
  await again.openPublisher(9, "orders", "publisher-7");
  await again.publish(9, 1, ["a", "b"]);
  assertEquals(await again.expect("stream"), { stream: 1, name: "orders" });
  assertEquals(await again.expect("confirm"), {
    publisher: 9,
    sequence: 1,
    count: 2,
    isDuplicate: true,
    hasSameId: false,
    stored: [{ stream: 1, firstId: 1 }],
  });
  await again.publish(9, 3, ["c"]);
  assertEquals(await again.expect("confirm"), { ...original, publisher: 9, isDuplicate: true });
  await again.publish(9, 4, ["d"]);
  assertEquals((await again.expect("confirm")).stored, [{ stream: 1, firstId: 4 }]);
  const { ready } = await again.ask("getStream", "orders") as StreamInfo;
  assertEquals(ready, 4, "everything is stored once");
});

Deno.test("publish: a publisher may come back before its old connection is known to be lost", async () => {
  await using scene = await startPublishing("orders", "me");
  const { broker, client } = scene;
  await publishTexts(client, 1, ["a"]);
  await using again = await RawClient.open(broker.port);
  await again.openPublisher(1, "orders", "me");
  assertEquals((await publishTexts(again, 1, ["a"])).isDuplicate, true);
  await client[Symbol.asyncDispose]();
  await until("the old connection is lost", () => broker.connectionCount === 1);
  await again.publish(1, 1, ["a"]);
  assertEquals((await again.expect("confirm")).isDuplicate, true);
  assertEquals((await again.ask("getStream", "orders") as StreamInfo).ready, 1);
});

Deno.test("publish: a refused batch is refused again after reconnecting", async () => {
  await using broker = await startBroker();
  {
    await using client = await RawClient.open(broker.port);
    await client.ask("createStream", "late");
    await client.openPublisher(1, "late", "me");
    // Of a publisher that has stored nothing, nothing has to be remembered.
    await publishTexts(client, 1, ["stored"]);
    await client.ask("deleteStream", "late");
    await client.publish(1, 2, ["a"]);
    assertEquals((await client.expect("refuse")).code, "STREAM_NOT_FOUND");
    await client.ask("createStream", "late");
  }
  await using again = await RawClient.open(broker.port);
  await again.openPublisher(1, "late", "me");
  await again.publish(1, 2, ["a"]);
  const { code, sequence, count } = await again.expect("refuse");
  assertEquals({ code, sequence, count }, { code: "STREAM_NOT_FOUND", sequence: 2, count: 1 });
  await again.publish(1, 3, ["b"]);
  await again.expect("stream");
  assertEquals((await again.expect("confirm")).isDuplicate, false);
});

Deno.test("publish: what is settled needs no memory, and is still not stored twice", async () => {
  await using scene = await startPublishing();
  const { client } = scene;
  await publishTexts(client, 1, ["a"]);
  await client.publish(1, 2, ["b"], 2);
  await client.expect("confirm");
  await client.publish(1, 1, ["a"], 2);
  const { isDuplicate, stored } = await client.expect("confirm");
  assertEquals({ isDuplicate, stored }, { isDuplicate: true, stored: [] });
  assertEquals((await client.ask("getStream", "orders") as StreamInfo).ready, 2);
});

Deno.test("publish: a repetition that is cut otherwise and reaches further is refused", async () => {
  await using scene = await startPublishing();
  const { client, broker } = scene;
  await publishTexts(client, 1, ["a", "b", "c"]);
  await client.publish(1, 2, ["b", "c", "d", "e"]);
  await client.expectError("BAD_FRAME");
  await using other = await RawClient.open(broker.port);
  const { ready, nextId } = await other.ask("getStream", "orders") as StreamInfo;
  assertEquals({ ready, nextId }, { ready: 3, nextId: 4 });
});

Deno.test("publish: a publisher that has said goodbye, or is closed, begins anew", async () => {
  await using scene = await startPublishing("orders", "me");
  const { broker, client } = scene;
  await publishTexts(client, 1, ["a"]);
  await client.closePublisher(1);
  await client.openPublisher(1, "orders", "me");
  assertEquals((await publishTexts(client, 1, ["b"])).isDuplicate, false);
  await client.sendControl("goodbye", { message: "done" });
  assertEquals((await client.ask("getStream", "orders") as StreamInfo).nextId, 3);
  await client[Symbol.asyncDispose]();

  await using again = await RawClient.open(broker.port);
  await again.openPublisher(1, "orders", "me");
  assertEquals((await publishTexts(again, 1, ["c"])).isDuplicate, false);
});
