/**
 * The protocol as it happens: what a client says and what the broker answers, frame by frame. To be
 * read beside `protocol.ts`.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import manifest from "../../../deno.json" with { type: "json" };
import {
  BodyKind,
  encodeBatch,
  FRAME_BYTES_RESERVE,
  FrameType,
  MAGIC,
  type StreamInfo,
  writeCredit,
  writeVerdict,
} from "../../../protocol.ts";
import {
  BATCH_COUNT_MAX,
  BODY_BYTES_DEFAULT,
  HEADER_BYTES_MAX,
} from "../../../src/protocol/limits.ts";
import { STREAM_OPTIONS_DEFAULT } from "../../../src/protocol/messages/stream_options.ts";
import { connect } from "../../../client.ts";
import { startBroker, turn, until } from "../../support/broker/broker.ts";
import { bytesOf, helloBytes, RawClient } from "../../support/wire/raw_client.ts";
import { HEARTBEAT, Sessions } from "../../support/wire/sessions.ts";

/** A broker with one stream and a client that has publisher 1 on it. */
async function startPublishing(stream = "orders", identity = "me") {
  const broker = await startBroker();
  const client = await RawClient.open(broker.port);
  const created = await client.ask("createStream", stream);
  assertEquals(created, { created: true, differs: [] });
  await client.openPublisher(1, stream, identity);
  return { broker, client, [Symbol.asyncDispose]: () => endAll(client, broker) };
}

/** Ends one after the other. */
async function endAll(...ending: readonly AsyncDisposable[]) {
  for (const one of ending) await one[Symbol.asyncDispose]();
}

/** Publishes texts as publisher 1 and waits for the confirm. */
async function publishTexts(client: RawClient, sequence: number, texts: string[]) {
  await client.publish(1, sequence, texts);
  for (;;) {
    const frame = await client.next();
    if (frame?.name === "confirm") return frame.content;
    assertEquals(frame?.name, "stream");
  }
}

// The handshake.

Deno.test("handshake: magic and hello are answered with a welcome that tells the limits", async () => {
  await using broker = await startBroker();
  await using client = await RawClient.connect(broker.port);
  await client.send(MAGIC);
  await client.sendControl("hello", { client: "me", capabilities: ["flying"] });
  assertEquals(await client.expect("welcome"), {
    session: 1,
    version: manifest.version,
    engine: "memory",
    durability: "memory",
    heartbeatMs: 15_000,
    heartbeatTimeoutMs: 40_000,
    limits: {
      bodyBytes: BODY_BYTES_DEFAULT,
      headerBytes: HEADER_BYTES_MAX,
      frameBytes: BODY_BYTES_DEFAULT + FRAME_BYTES_RESERVE,
      batchCount: BATCH_COUNT_MAX,
      unacknowledgedMessages: 4096,
      unacknowledgedBytes: 16 * 1024 * 1024,
    },
    capabilities: [],
    progressMs: 2500,
    beginMs: 50,
  });
});

Deno.test("handshake: the welcome tells the limits that are set", async () => {
  await using broker = await startBroker({
    limits: { messageBytes: 100, unacknowledgedMessages: 7, unacknowledgedBytes: 8 },
    heartbeatMs: 1234,
    heartbeatTimeoutMs: 5678,
  });
  await using client = await RawClient.connect(broker.port);
  const { heartbeatMs, heartbeatTimeoutMs, limits } = await client.shakeHands();
  assertEquals({ heartbeatMs, heartbeatTimeoutMs }, {
    heartbeatMs: 1234,
    heartbeatTimeoutMs: 5678,
  });
  assertEquals(limits.bodyBytes, 100);
  assertEquals(limits.frameBytes, 100 + FRAME_BYTES_RESERVE);
  assertEquals(limits.unacknowledgedMessages, 7);
  assertEquals(limits.unacknowledgedBytes, 8);
});

Deno.test("handshake: bytes may come one by one", async () => {
  await using broker = await startBroker();
  await using client = await RawClient.connect(broker.port);
  for (const byte of helloBytes("slow")) await client.send(new Uint8Array([byte]));
  assertEquals((await client.expect("welcome")).engine, "memory");
});

Deno.test("handshake: each session has a number of its own", async () => {
  await using broker = await startBroker();
  await using one = await RawClient.connect(broker.port);
  await using other = await RawClient.connect(broker.port);
  assertEquals((await one.shakeHands()).session, 1);
  assertEquals((await other.shakeHands()).session, 2);
});

// Publishing.

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
  assertEquals(await client.ask("getStreams"), []);
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

// Following.

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
  assertEquals(await client.ask("getStreams"), []);
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

// What becomes of deliveries.

/** A client that holds the messages a, b, c, d … as follower 1, tags and ids 1, 2, 3, 4 … */
async function startHolding(count: number) {
  const { broker, client } = await startPublishing();
  const texts = [..."abcdefgh"].slice(0, count);
  await publishTexts(client, 1, texts);
  const holder = await RawClient.open(broker.port);
  await holder.openFollower(1, "orders");
  assertEquals((await holder.takeMessages(count)).map(({ tag, id }) => [tag, id])[0], [1, 1]);
  return { broker, client, holder, [Symbol.asyncDispose]: () => endAll(client, holder, broker) };
}

/** What a stream holds. */
async function countsOf(client: RawClient) {
  const { ready, pending } = await client.ask("getStream", "orders") as StreamInfo;
  return { ready, pending };
}

Deno.test("ack: an acknowledgement ends deliveries, and is answered if it has a number", async () => {
  await using scene = await startHolding(4);
  const { holder } = scene;
  await holder.sendTags("ack", 1, [[2, 2]]);
  assertEquals(await countsOf(holder), { ready: 0, pending: 2 });
  await holder.sendTags("ack", 1, [[1, 1], [4, 1]], 77);
  assertEquals(await holder.expect("response"), { query: 77, result: null });
  assertEquals(await countsOf(holder), { ready: 0, pending: 0 });
});

Deno.test("ack: no range at all is answered, too", async () => {
  await using scene = await startHolding(1);
  const { holder } = scene;
  await holder.sendTags("ack", 1, [], 5);
  assertEquals(await holder.expect("response"), { query: 5, result: null });
});

Deno.test("ack: what was never delivered is UNKNOWN_DELIVERY, and the rest is done", async () => {
  await using scene = await startHolding(3);
  const { holder } = scene;
  await holder.sendTags("ack", 1, [[2, 1000]]);
  const { follower, query } = await holder.expectError("UNKNOWN_DELIVERY");
  assertEquals([follower, query], [1, undefined]);
  assertEquals(await countsOf(holder), { ready: 0, pending: 1 });
  await holder.sendTags("ack", 1, [[Number.MAX_SAFE_INTEGER, 0xffff_ffff], [1, 1]], 8);
  const error = await holder.expectError("UNKNOWN_DELIVERY");
  assertEquals([error.follower, error.query], [1, 8]);
  assertEquals(await countsOf(holder), { ready: 0, pending: 0 });
});

Deno.test("ack: what is acknowledged already is STALE_DELIVERY, and the rest is done", async () => {
  await using scene = await startHolding(3);
  const { holder } = scene;
  await holder.sendTags("ack", 1, [[2, 1]]);
  await holder.sendTags("ack", 1, [[1, 3]], 9);
  const { follower, query, message } = await holder.expectError("STALE_DELIVERY");
  assertEquals([follower, query], [1, 9]);
  assertStringIncludes(message, "1 of the 3 deliveries from tag 1 on");
  assertEquals(await countsOf(holder), { ready: 0, pending: 0 });
});

Deno.test("ack: another follower's delivery is not to be had by its tag", async () => {
  await using scene = await startHolding(2);
  const { client, holder } = scene;
  await holder.openFollower(2, "orders");
  await holder.sendTags("ack", 2, [[1, 2]], 3);
  assertEquals((await holder.expectError("UNKNOWN_DELIVERY")).follower, 2);
  await client.openFollower(1, "orders");
  await client.sendTags("ack", 1, [[1, 1]], 4);
  await client.expectError("UNKNOWN_DELIVERY");
  assertEquals(await countsOf(holder), { ready: 0, pending: 2 });
});

Deno.test("ack: a delivery given back and taken by another is STALE_DELIVERY", async () => {
  await using scene = await startHolding(1);
  const { client, holder } = scene;
  await holder.credit(1, 0);
  await holder.sendTags("release", 1, [[1, 1]]);
  await client.openFollower(1, "orders");
  assertEquals((await client.takeMessages(1))[0]?.id, 1);
  await holder.sendTags("ack", 1, [[1, 1]], 2);
  await holder.expectError("STALE_DELIVERY");
  assertEquals(await countsOf(holder), { ready: 0, pending: 1 });
});

Deno.test("streamMissing: a client is told that its follower waits", async () => {
  await using sessions = new Sessions();
  const client = await sessions.open();
  await client.openFollower(1, "ordrs");
  assertEquals(await client.expect("streamMissing"), { follower: 1, stream: "ordrs" });
  // Nothing comes before the answer to this.
  await client.ask("createStream", "ordrs");
  await client.openFollower(2, "ordrs");
  await client.openFollower(3, /nothing/);
  await client.ask("getStream", "ordrs");
});

Deno.test("streamsForgotten: names go with their streams, and no number is used twice", async () => {
  await using sessions = new Sessions();
  const known = new Map<number, string>();
  const named = new Set<number>();
  const client = await sessions.open();
  await sessions.engine.createStream("stays");
  await client.openPublisher(1, /./);
  await client.openFollower(1, /./, { messages: 1_000_000 });
  let most = 0;
  for (let round = 0; round < 20; round++) {
    const names = Array.from({ length: 50 }, (_, index) => `come.${index}.${round % 3}`);
    for (const name of names) await sessions.engine.createStream(name);
    await client.publish(1, round + 1, ["x"]);
    for (let isConfirmed = false; !isConfirmed;) {
      const frame = await client.next();
      if (frame?.name === "stream") {
        assert(!named.has(frame.content.stream), "a number was used twice");
        named.add(frame.content.stream);
        known.set(frame.content.stream, frame.content.name);
      } else if (frame?.name === "streamsForgotten") {
        for (const number of frame.content) {
          assert(known.get(number) !== "stays");
          assert(known.delete(number));
        }
      } else if (frame?.name === "deliver") {
        assert(known.has(frame.content.stream));
      } else if (frame?.name === "confirm") {
        const stored = frame.content.stored.map(({ stream }) => known.get(stream));
        assertEquals(stored, ["stays", ...names]);
        isConfirmed = true;
      }
    }
    most = Math.max(most, known.size);
    for (const name of names) await sessions.engine.deleteStream(name);
  }
  // Those that are there, those of the last round, and as many again before it is worth a look.
  assert(most <= 51 + 64 + 51, `${most} names were known at a time`);
});

Deno.test("ack: deliveries of a deleted stream are STALE_DELIVERY", async () => {
  await using scene = await startHolding(2);
  const { client, holder } = scene;
  await client.ask("deleteStream", "orders");
  const { follower, ranges, reason } = await holder.expect("revoke");
  assertEquals([follower, ranges], [1, [{ firstTag: 1, count: 2 }]]);
  assertStringIncludes(reason, '"orders" was deleted');
  assertEquals(await holder.expect("streamDeleted"), { follower: 1, stream: "orders" });
  await holder.sendTags("ack", 1, [[1, 2]], 2);
  await holder.expectError("STALE_DELIVERY");
});

Deno.test("release: what was not looked at takes its old place, and does not count", async () => {
  await using scene = await startHolding(3);
  const { client, holder } = scene;
  await holder.credit(1, 1);
  await holder.sendTags("release", 1, [[2, 2]], 6);
  assertEquals(await holder.expect("response"), { query: 6, result: null });
  assertEquals(await countsOf(holder), { ready: 2, pending: 1 });
  await client.openFollower(1, "orders");
  assertEquals(await client.takeMessages(2), [
    { follower: 1, tag: 1, id: 2, attempts: 1, text: "b" },
    { follower: 1, tag: 2, id: 3, attempts: 1, text: "c" },
  ]);
});

Deno.test("release and begin: what is not held is refused like an ack", async () => {
  await using scene = await startHolding(3);
  const { holder } = scene;
  await holder.credit(1, 0);
  await holder.sendTags("begin", 1, [[3, 2]], 1);
  assertEquals((await holder.expectError("UNKNOWN_DELIVERY")).query, 1);
  await holder.sendTags("release", 1, [[3, 2]]);
  await holder.expectError("UNKNOWN_DELIVERY");
  await holder.sendTags("begin", 1, [[3, 1]]);
  await holder.expectError("STALE_DELIVERY");
  await holder.sendTags("begin", 1, [[1, 2]], 2);
  assertEquals(await holder.expect("response"), { query: 2, result: null });
  assertEquals(await countsOf(holder), { ready: 1, pending: 2 });
});

Deno.test("a lost follower: attempts go up for its oldest and begun deliveries only", async () => {
  await using scene = await startHolding(5);
  const { client, holder } = scene;
  await holder.sendTags("begin", 1, [[3, 1]], 1);
  await holder.expect("response");
  await client.openFollower(1, "orders");
  await holder[Symbol.asyncDispose]();
  const taken = await client.takeMessages(5);
  assertEquals(taken.map(({ id, attempts }) => [id, attempts]), [
    [1, 2],
    [2, 1],
    [3, 2],
    [4, 1],
    [5, 1],
  ]);
  assertEquals(taken.map(({ tag, text }) => `${tag}${text}`), ["1a", "2b", "3c", "4d", "5e"]);
});

Deno.test("a lost follower: what it has acknowledged does not come again", async () => {
  await using scene = await startHolding(3);
  const { client, holder } = scene;
  await holder.sendTags("ack", 1, [[1, 2]], 1);
  await holder.expect("response");
  await holder[Symbol.asyncDispose]();
  await client.openFollower(1, "orders");
  assertEquals(await client.takeMessages(1), [
    { follower: 1, tag: 1, id: 3, attempts: 2, text: "c" },
  ]);
  await client.sendTags("ack", 1, [[1, 1]]);
  assertEquals(await countsOf(client), { ready: 0, pending: 0 });
});

Deno.test("closeFollower: what has not arrived yet does not count as an attempt", async () => {
  await using scene = await startHolding(4);
  const { client, holder } = scene;
  await holder.sendTags("release", 1, [[2, 1]]);
  // Tag 5 is message b again; a client whose last tag is 3 has seen neither it nor d.
  await holder.takeMessages(1);
  await holder.closeFollower(1, 3);
  assertEquals(await countsOf(holder), { ready: 4, pending: 0 });
  await client.openFollower(1, "orders");
  const taken = await client.takeMessages(4);
  assertEquals(taken.map(({ text, attempts }) => `${text} ${attempts}`), [
    "a 2",
    "b 1",
    "c 2",
    "d 1",
  ]);
});

Deno.test("close: a member's number may be used again", async () => {
  await using scene = await startHolding(1);
  const { holder } = scene;
  await holder.closeFollower(1, 0);
  await holder.openFollower(1, "orders");
  assertEquals(await holder.takeMessages(1), [
    { follower: 1, tag: 1, id: 1, attempts: 1, text: "a" },
  ]);
});

Deno.test("close: what is said late of a member that is closed ends nothing", async () => {
  await using scene = await startHolding(2);
  const { holder } = scene;
  await holder.closeFollower(1, 0);
  for (const verb of ["ack", "release", "begin"] as const) {
    await holder.sendTags(verb, 1, [[1, 2]]);
    await holder.sendTags(verb, 1, [[1, 2]], 7);
    assertEquals((await holder.expectError("STALE_DELIVERY")).query, 7);
  }
  for (const verb of ["nack", "reject", "extend"] as const) {
    await holder.send(bytesOf((writer) => {
      const fields = {
        follower: 1,
        query: 8,
        ranges: [{ firstTag: 1, count: 1 }],
        ms: 1,
        reason: "",
      };
      writeVerdict(writer, FrameType[verb], fields);
    }));
    assertEquals((await holder.expectError("STALE_DELIVERY")).query, 8);
  }
  await holder.send(bytesOf((writer) => {
    writeCredit(writer, { follower: 1, messages: 5, bytes: 5 });
  }));
  await holder.openPublisher(2, "orders", "late");
  await holder.closePublisher(2);
  await holder.closePublisher(2);
  await holder.publish(2, 1, ["late"]);
  const { code, sequence, count } = await holder.expect("refuse");
  assertEquals({ code, sequence, count }, { code: "PUBLISHER_CLOSED", sequence: 1, count: 1 });
  const { ready, pending } = await holder.ask("getStream", "orders") as StreamInfo;
  assertEquals({ ready, pending }, { ready: 2, pending: 0 });
  // A number that was never given to anybody is no late word.
  await holder.publish(3, 1, ["nobody's"]);
  await holder.expectFatalError("BAD_FRAME");
});

// Requests.

Deno.test("requests: streams are created, described, listed and deleted", async () => {
  await using broker = await startBroker();
  await using client = await RawClient.open(broker.port);
  const empty = {
    ...{ ready: 0, delayed: 0, pending: 0, followers: 0, bytes: 0, nextId: 1 },
    ...{ durability: "memory", isPaused: false, options: { ...STREAM_OPTIONS_DEFAULT } },
  };
  for (const [name, created] of [["b", true], ["a", true], ["b", false]] as const) {
    assertEquals(await client.ask("createStream", name), { created, differs: [] });
  }
  assertEquals(await client.ask("getStreams"), [{ name: "a", ...empty }, { name: "b", ...empty }]);
  assertEquals(await client.ask("getStream", "b"), { name: "b", ...empty });
  assertEquals(await client.ask("deleteStream", "a"), null);
  assertEquals(await client.ask("getStreams"), [{ name: "b", ...empty }]);
  for (const operation of ["getStream", "deleteStream"] as const) {
    await client.query(5, operation, "a");
    const { query: query, message } = await client.expectError("STREAM_NOT_FOUND");
    assertEquals(query, 5);
    assertStringIncludes(message, '"a"');
  }
});

Deno.test("requests: a stream tells what it holds", async () => {
  await using scene = await startHolding(3);
  const { holder } = scene;
  await holder.credit(1, 0);
  await holder.sendTags("release", 1, [[3, 1]]);
  await holder.sendTags("ack", 1, [[1, 1]]);
  assertEquals(await holder.ask("getStream", "orders"), {
    name: "orders",
    ready: 1,
    delayed: 0,
    pending: 1,
    followers: 1,
    bytes: 2 * (8 + 1),
    nextId: 4,
    durability: "memory",
    isPaused: false,
    options: { ...STREAM_OPTIONS_DEFAULT },
  });
});

Deno.test("requests: pending entry lists show what followers of a name hold", async () => {
  await using scene = await startHolding(2);
  const { holder } = scene;
  const before = Date.now();
  await holder.openFollower(2, "elsewhere", { name: "idle" });
  await holder.expect("streamMissing");
  const entries = await holder.ask("getPel", "follower 1") as Record<string, unknown>[];
  const what = entries.map(({ stream, id, attempts }) => ({ stream, id, attempts }));
  assertEquals(what, [
    { stream: "orders", id: 1, attempts: 1 },
    { stream: "orders", id: 2, attempts: 1 },
  ]);
  for (const { deliveredAt, ageMs, deadline, ...rest } of entries) {
    assertEquals(Object.keys(rest), ["stream", "id", "attempts"]);
    assert(typeof deliveredAt === "number" && Math.abs(deliveredAt - before) < 60_000);
    assert(typeof ageMs === "number" && ageMs >= 0 && ageMs < 60_000);
    // Both are rounded to whole milliseconds.
    const givenMs = (deadline as number) - deliveredAt;
    assert(Math.abs(givenMs - STREAM_OPTIONS_DEFAULT.ackTimeoutMs) <= 1, `${givenMs} ms`);
  }
  const withoutAge = (list: Record<string, unknown>[]) => list.map(({ ageMs: _, ...one }) => one);
  const lists = await holder.ask("getPels") as {
    follower: string;
    count: number;
    entries: Record<string, unknown>[];
  }[];
  assertEquals(lists.map((list) => ({ ...list, entries: withoutAge(list.entries) })), [
    { follower: "follower 1", count: 2, entries: withoutAge(entries) },
    { follower: "idle", count: 0, entries: [] },
  ]);
  await holder.query(6, "getPel", "nobody");
  assertEquals((await holder.expectError("FOLLOWER_NOT_FOUND")).query, 6);
});

// The session.

Deno.test("streams: a number is announced once in a session, before it is used", async () => {
  await using broker = await startBroker();
  await using client = await RawClient.open(broker.port);
  for (const name of ["a", "b"]) await client.ask("createStream", name);
  await client.openPublisher(1, /./);
  await client.openFollower(1, "b");
  await client.openFollower(2, "a");
  const announced: number[] = [];
  for (const sequence of [1, 2]) {
    await client.publish(1, sequence, ["x"]);
    for (let delivered = 0; delivered < 2;) {
      const frame = await client.next();
      if (frame?.name === "stream") announced.push(frame.content.stream);
      if (frame?.name === "confirm") {
        for (const { stream } of frame.content.stored) assert(announced.includes(stream));
      }
      if (frame?.name === "deliver") {
        assert(announced.includes(frame.content.stream));
        delivered++;
      }
    }
  }
  assertEquals(announced, [1, 2]);
});

Deno.test("streams: one that is deleted and created again begins at id 1", async () => {
  await using scene = await startPublishing();
  const { client } = scene;
  await publishTexts(client, 1, ["a"]);
  await client.ask("deleteStream", "orders");
  await client.ask("createStream", "orders");
  assertEquals((await publishTexts(client, 2, ["b"])).stored, [{ stream: 1, firstId: 1 }]);
});

Deno.test("heartbeat: a broker that has nothing to say says so", async () => {
  await using broker = await startBroker({ heartbeatMs: 20 });
  await using client = await RawClient.open(broker.port);
  for (let count = 0; count < 3; count++) {
    assertEquals(await client.next(), { name: "heartbeat", content: null });
  }
});

Deno.test("heartbeat: a client that says no more than that stays", async () => {
  await using sessions = new Sessions();
  await using client = await sessions.open();
  for (let count = 0; count < 10; count++) {
    await client.sendFrame(FrameType.heartbeat);
    await turn();
    sessions.passTime(HEARTBEAT.heartbeatTimeoutMs - 1);
  }
  assertEquals(await client.ask("getStreams"), []);
});

Deno.test("heartbeat: none is sent before the handshake is complete", async () => {
  await using sessions = new Sessions();
  await using client = sessions.connect();
  await client.send(MAGIC);
  for (let count = 0; count < 3; count++) sessions.passTime(HEARTBEAT.heartbeatMs - 1);
  await client.send(helloBytes().subarray(MAGIC.length));
  assertEquals((await client.next())?.name, "welcome");
});

Deno.test("goodbye: a client that is done gives everything back", async () => {
  await using scene = await startHolding(2);
  const { client, holder } = scene;
  await holder.sendControl("goodbye", { message: "the client is done" });
  assertEquals(await countsOf(holder), { ready: 2, pending: 0 });
  assertEquals((await client.ask("getStream", "orders") as StreamInfo).followers, 0);
});

Deno.test("goodbye: a broker that stops says so, and lets its clients finish", async () => {
  await using scene = await startHolding(2);
  const { broker, client, holder } = scene;
  const closed = broker.close();
  const { code } = await client.expect("goodbye");
  assertEquals(code, "SHUTTING_DOWN");
  assertEquals((await holder.expect("goodbye")).code, "SHUTTING_DOWN");
  // Confirms and acknowledgements that are under way are done as ever.
  assertEquals((await publishTexts(client, 3, ["last"])).stored, [{ stream: 1, firstId: 3 }]);
  await holder.sendTags("ack", 1, [[1, 2]], 1);
  const answers = [await holder.next(), await holder.next()].map((frame) => frame?.name);
  assertEquals(answers.sort(), ["deliver", "response"]);
  client.close();
  holder.close();
  await closed;
});

Deno.test("goodbye: a client that does not leave is disconnected in the end", async () => {
  const broker = await startBroker({ shutdownTimeoutMs: 20 });
  await using client = await RawClient.open(broker.port);
  const closed = broker.close();
  await client.expect("goodbye");
  await client.expectEnd();
  await closed;
});

Deno.test("many frames in one write, and one frame in many writes, are the same", async () => {
  await using scene = await startPublishing();
  const { client } = scene;
  const bytes = bytesOf((writer) => {
    for (const query of [1, 2, 3]) {
      writer.begin(FrameType.query);
      writer.u32(query);
      writer.json({ operation: "getStream", name: "orders" });
      writer.end();
    }
  });
  await client.send(bytes);
  for (const byte of bytes) await client.send(new Uint8Array([byte]));
  for (const query of [1, 2, 3, 1, 2, 3]) {
    assertEquals((await client.expect("response")).query, query);
  }
});
