// Handshakes, queries and ends of sessions, frame by frame.

import {
  BATCH_COUNT_MAX,
  BODY_BYTES_DEFAULT,
  HEADER_BYTES_MAX,
} from "../../../src/protocol/limits.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import manifest from "../../../deno.json" with { type: "json" };
import {
  FRAME_BYTES_RESERVE,
  FrameType,
  MAGIC,
  type Page,
  type StreamInfo,
} from "../../../protocol.ts";
import { NO_TOTALS } from "../../../src/protocol/answers/stream_info.ts";
import { STREAM_OPTIONS_DEFAULT } from "../../../src/protocol/messages/stream_options.ts";
import { startBroker, turn } from "../../support/broker/broker.ts";
import { bytesOf, helloBytes, RawClient } from "../../support/wire/raw_client.ts";
import { HEARTBEAT, Sessions } from "../../support/wire/sessions.ts";
import { countsOf, publishTexts, startHolding, startPublishing } from "./wire.ts";

// The handshake.

Deno.test("handshake: magic and hello are answered with a welcome that tells the limits", async () => {
  await using broker = await startBroker();
  await using client = await RawClient.connect(broker.port);
  await client.send(MAGIC);
  await client.sendControl("hello", { client: "me", capabilities: ["flying"] });
  assertEquals(await client.expect("welcome"), {
    session: 1,
    user: "local",
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
    brokers: [],
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

// Queries.

Deno.test("requests: streams are created, described, listed and deleted", async () => {
  await using broker = await startBroker();
  await using client = await RawClient.open(broker.port);
  const empty = {
    ...{ ready: 0, delayed: 0, pending: 0, followers: 0, bytes: 0, nextId: 1 },
    ...{ durability: "memory", isPaused: false, options: { ...STREAM_OPTIONS_DEFAULT } },
    ...{ parked: 0, totals: NO_TOTALS },
  };
  for (const [name, created] of [["b", true], ["a", true], ["b", false]] as const) {
    assertEquals(await client.ask("createStream", name), { created, differs: [] });
  }
  assertEquals(await client.ask("getStreams"), {
    items: [{ name: "b", ...empty }, { name: "a", ...empty }],
  });
  assertEquals(await client.ask("getStream", "b"), { name: "b", ...empty });
  assertEquals(await client.ask("deleteStream", "a"), null);
  assertEquals(await client.ask("getStreams"), { items: [{ name: "b", ...empty }] });
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
  const { oldestReadyMs, ...info } = await holder.ask("getStream", "orders") as StreamInfo;
  assert(oldestReadyMs! >= 0 && oldestReadyMs! < 60_000, `${oldestReadyMs} ms`);
  assertEquals(info, {
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
    parked: 0,
    totals: { ...NO_TOTALS, published: 3, delivered: 3, acknowledged: 1 },
  });
});

type ListPage = Page<{
  follower: string;
  count: number;
  entries: Record<string, unknown>[];
}>;

Deno.test("requests: pending entry lists show what followers of a name hold", async () => {
  await using scene = await startHolding(2);
  const { holder } = scene;
  const before = Date.now();
  await holder.openFollower(2, "elsewhere", { name: "idle" });
  await holder.expect("streamMissing");
  const [list] = (await holder.ask("getPel", "follower 1") as ListPage).items;
  const { entries } = list!;
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
  const { items: lists } = await holder.ask("getPels") as ListPage;
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
  assertEquals(await client.ask("getStreams"), { items: [] });
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
