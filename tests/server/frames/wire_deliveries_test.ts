// What becomes of deliveries, frame by frame.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { FrameType, type StreamInfo, writeCredit, writeVerdict } from "../../../protocol.ts";
import { bytesOf } from "../../support/wire/raw_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";
import { countsOf, startHolding } from "./wire.ts";

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
