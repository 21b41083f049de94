// Following, frame by frame.

import { assertEquals } from "@std/assert";
import { BodyKind, encodeBatch, type StreamInfo } from "../../../protocol.ts";
import { connect } from "../../../client.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { RawClient } from "../../support/wire/raw_client.ts";
import { publishTexts, startPublishing } from "./wire.ts";

Deno.test("follow: messages are delivered with tag, id and attempts, behind their stream", async () => {
  await using scene = await startPublishing();
  const { broker, client } = scene;
  await publishTexts(client, 1, ["a", "b"]);
  await using follower = await RawClient.open(broker.port);
  await follower.openFollower(5, "orders");
  assertEquals(await follower.expect("stream"), { stream: 1, name: "orders" });
  assertEquals(await follower.expect("deliver"), {
    follower: 5,
    stream: 1,
    firstTag: 1,
    firstId: 1,
    attempts: 1,
    texts: ["a", "b"],
  });
  await publishTexts(client, 3, ["c"]);
  assertEquals(await follower.expect("deliver"), {
    follower: 5,
    stream: 1,
    firstTag: 3,
    firstId: 3,
    attempts: 1,
    texts: ["c"],
  });
});

Deno.test("follow: headers and kinds come through as they were sent", async () => {
  await using scene = await startPublishing();
  const { broker, client } = scene;
  await client.publish(
    1,
    1,
    encodeBatch([
      { kind: BodyKind.bytes, headers: {}, body: new Uint8Array([0, 255]) },
      { kind: BodyKind.text, headers: { lang: "ελ", ["__proto__"]: "" }, body: new Uint8Array() },
      { kind: BodyKind.json, headers: {}, body: new TextEncoder().encode('{"a":1}') },
    ]),
  );
  await using connection = await connect({ port: broker.port });
  const found: unknown[] = [];
  for await (const message of connection.follower("orders").getMessages({ autoAck: true })) {
    found.push([message.body, message.headers]);
    if (found.length === 3) break;
  }
  assertEquals(found, [
    [new Uint8Array([0, 255]), {}],
    ["", { lang: "ελ", ["__proto__"]: "" }],
    [{ a: 1 }, {}],
  ]);
});

Deno.test("follow: a follower of a stream that does not exist yet waits for it", async () => {
  await using broker = await startBroker();
  await using client = await RawClient.open(broker.port);
  await client.openFollower(1, "later");
  await client.openFollower(2, /^also/);
  await client.expect("streamMissing");
  assertEquals(await client.ask("getStreams"), { items: [] });
  for (const name of ["later", "also-later"]) {
    await client.ask("createStream", name);
    await client.openPublisher(1, name);
    await client.publish(1, 1, [name]);
    await client.expect("stream");
    await client.expect("confirm");
    assertEquals((await client.expect("deliver")).texts, [name]);
    await client.closePublisher(1);
  }
});

Deno.test("follow: credit limits what is delivered, and zero stops it", async () => {
  await using scene = await startPublishing();
  const { client } = scene;
  await publishTexts(client, 1, ["a", "b", "c", "d"]);
  await client.openFollower(1, "orders", { messages: 0 });
  assertEquals((await client.ask("getStream", "orders") as StreamInfo).pending, 0);
  await client.credit(1, 2);
  assertEquals((await client.expect("deliver")).texts, ["a", "b"]);
  await client.sendTags("ack", 1, [[1, 1]]);
  assertEquals((await client.expect("deliver")).texts, ["c"]);
  await client.credit(1, 0);
  await client.sendTags("ack", 1, [[2, 2]]);
  const { ready, pending } = await client.ask("getStream", "orders") as StreamInfo;
  assertEquals({ ready, pending }, { ready: 1, pending: 0 });
  await client.credit(1, 1);
  assertEquals(await client.takeMessages(1), [
    { follower: 1, tag: 4, id: 4, attempts: 1, text: "d" },
  ]);
});

Deno.test("follow: the last message may go beyond the credit of bytes", async () => {
  await using scene = await startPublishing();
  const { client } = scene;
  await publishTexts(client, 1, ["a".repeat(100), "b".repeat(100), "c".repeat(100)]);
  await client.openFollower(1, "orders", { bytes: 10 });
  for (const tag of [1, 2, 3]) {
    const [message] = await client.takeMessages(1);
    assertEquals(message?.tag, tag);
    assertEquals((await client.ask("getStream", "orders") as StreamInfo).ready, 3 - tag);
    await client.sendTags("ack", 1, [[tag, 1]]);
  }
});

Deno.test("follow: credit beyond the broker's limits is cut to them", async () => {
  await using broker = await startBroker({ limits: { unacknowledgedMessages: 3 } });
  await using client = await RawClient.open(broker.port);
  await client.ask("createStream", "orders");
  await client.openPublisher(1, "orders");
  await publishTexts(client, 1, ["a", "b", "c", "d"]);
  await client.openFollower(1, "orders", { messages: 2 ** 50 });
  assertEquals((await client.expect("deliver")).texts, ["a", "b", "c"]);
  await client.credit(1, 0xffff_ffff);
  assertEquals((await client.ask("getStream", "orders") as StreamInfo).ready, 1);
});

Deno.test("follow: followers of one stream compete", async () => {
  await using scene = await startPublishing();
  const { client } = scene;
  await client.openFollower(1, "orders", { messages: 1 });
  await client.openFollower(2, "orders", { messages: 1 });
  await publishTexts(client, 1, ["a", "b"]);
  const taken = await client.takeMessages(2);
  assertEquals(taken.map(({ follower, text }) => `${follower} ${text}`), ["1 a", "2 b"]);
});
