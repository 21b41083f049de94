// Clients that are too many, too slow, too quiet, or gone at any byte.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BrokerError, connect } from "../../../client.ts";
import { FrameType, type StreamInfo } from "../../../protocol.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { expectOnlyPair, until, withPair } from "../../support/broker/broker.ts";
import { chooseLength, chooseOffset } from "../../support/length.ts";
import { frameOf, u32, u64 } from "../../support/wire/frames.ts";
import { bytesOf, helloBytes, RawClient } from "../../support/wire/raw_client.ts";
import { publishBytes } from "./bad_input.ts";

Deno.test("too many connections: one more is told so, and those before it stay", () =>
  withPair({ limits: { connections: 3 } }, async (broker) => {
    await using third = await RawClient.open(broker.port);
    for (let count = 0; count < 50; count++) {
      await using fourth = await RawClient.connect(broker.port);
      await fourth.hello();
      const { message } = await fourth.expectFatalError("TOO_MANY_CONNECTIONS");
      assertStringIncludes(message, "connection limit of 3 is reached");
    }
    const error = await assertRejects(() => connect({ port: broker.port }), BrokerError);
    assertEquals(error.code, "TOO_MANY_CONNECTIONS");
    await third.ask("getStreams");
    third.close();
    await expectOnlyPair(broker);
    await using again = await RawClient.open(broker.port);
    await again.ask("getStreams");
  }));

Deno.test("a client that does not read: it costs little, is disconnected, and nothing is lost", () => {
  const limits = { unacknowledgedBytes: 256 * 1024 * 1024 };
  return withPair({ limits, slowReaderTimeoutMs: 300 }, async (broker) => {
    const count = 64;
    await using publisher = await connect({ port: broker.port });
    await publisher.cursor().createStream("heavy");
    const body = new Uint8Array(1_000_000);
    await publisher.publisher("heavy").sendMessages(Array.from({ length: count }, () => body));

    await using client = await RawClient.open(broker.port, "does not read");
    await client.openFollower(1, "heavy", { messages: count, bytes: limits.unacknowledgedBytes });
    const cursor = publisher.cursor();
    await until(
      "something is under way",
      async () => (await cursor.getStream("heavy")).pending > 0,
    );
    // What the system's own buffers take is some megabytes; the broker adds one.
    await until("the client is disconnected", async () => {
      const { pending, followers } = await cursor.getStream("heavy");
      assert(pending <= 16, `${pending} messages of 1 MB are under way`);
      return followers === 0;
    });
    assertEquals((await cursor.getStream("heavy")).ready, count);

    const ids: number[] = [];
    for await (const message of publisher.follower("heavy").getMessages({ autoAck: true })) {
      if (ids.push(message.id) === count) break;
    }
    assertEquals(ids, Array.from({ length: count }, (_, index) => index + 1));
  });
});

Deno.test("a client that falls silent loses what it holds, with or without half a frame", () =>
  withPair({ heartbeatMs: 250, heartbeatTimeoutMs: 1000 }, async (broker) => {
    await using quiet = await RawClient.open(broker.port, "quiet");
    await quiet.ask("createStream", "kept");
    await quiet.openPublisher(1, "kept");
    await quiet.publish(1, 1, ["held"]);
    await quiet.openFollower(1, "kept");
    await using half = await RawClient.open(broker.port, "half a frame");
    await half.send(publishBytes(1, batchOf(1000)).subarray(0, 100));
    await half.expectEnd();
    await quiet.expect("stream");
    await quiet.expect("confirm");
    await quiet.expect("deliver");
    // It may be heard of again, and is left its connection for a while.
    const revoked = await quiet.expect("revoke");
    assertEquals(revoked.ranges, [{ firstTag: 1, count: 1 }]);
    await using next = await RawClient.open(broker.port);
    await next.openFollower(1, "kept");
    assertEquals((await next.takeMessages(1))[0]?.attempts, 2);
  }));

// A client that disappears at any byte.

/** What a client does until it disappears: bytes, and what it waits for before it goes on. */
function scriptOn(stream: string) {
  return [
    { says: helloBytes("will be gone"), hears: ["welcome"] },
    {
      says: bytesOf((writer) => {
        writer.begin(FrameType.openPublisher);
        writer.json({
          publisher: 1,
          identity: `publisher of ${stream}`,
          bind: { routeString: stream, bindType: "direct" },
        });
        writer.end();
        writer.bytes(publishBytes(1, batchOf("one", "two", "three")));
      }),
      hears: ["stream", "confirm"],
    },
    {
      says: bytesOf((writer) => {
        writer.begin(FrameType.openFollower);
        writer.json({
          follower: 1,
          name: "gone",
          bind: { routeString: stream, bindType: "direct" },
          messages: 10,
          bytes: 1000,
        });
        writer.end();
      }),
      hears: ["deliver"],
    },
    {
      says: frameOf(FrameType.ack, ...u32(1), ...u32(7), ...u32(1), ...u64(1), ...u32(2)),
      hears: ["response"],
    },
  ] as const;
}

/** Says the first `byteCount` bytes of the script, then disappears without waiting for anything. */
async function disappearAfter(port: number, byteCount: number, stream: string) {
  await using client = await RawClient.connect(port);
  let left = byteCount;
  for (const { says, hears } of scriptOn(stream)) {
    await client.send(says.subarray(0, left));
    left -= says.length;
    if (left <= 0) return;
    for (const name of hears) await client.expect(name);
  }
}

/** It disappears at each byte, or at one of so many and where something changes. */
const STEP = chooseLength({ short: 3, long: 1 });

Deno.test("a client that disappears at any byte: what was stored and not acknowledged is there", () =>
  withPair({}, async (broker) => {
    await using next = await RawClient.open(broker.port);
    const [hello, publish, follow, ack] = scriptOn("cut-0000").map(({ says }) => says.length);
    const published = hello! + publish!;
    const acknowledged = published + follow! + ack!;
    const cuts = new Set([published - 1, published, acknowledged - 1, acknowledged]);
    for (let cut = chooseOffset(STEP); cut <= acknowledged; cut += STEP) cuts.add(cut);
    for (const cut of cuts) {
      const stream = `cut-${String(cut).padStart(4, "0")}`;
      await next.ask("createStream", stream);
      await disappearAfter(broker.port, cut, stream);
      await until("its session is over", () => broker.connectionCount === 3);

      const expected = cut < published ? [] : ["one", "two", "three"];
      if (cut === acknowledged) expected.splice(0, 2);
      const { ready, pending } = await next.ask("getStream", stream) as StreamInfo;
      assertEquals({ cut, ready, pending }, { cut, ready: expected.length, pending: 0 });
      await next.openFollower(1, stream);
      const taken = await next.takeMessages(expected.length);
      assertEquals(taken.map(({ text }) => text), expected);
      await next.closeFollower(1, 0);
      await next.ask("deleteStream", stream);
    }
  }));
