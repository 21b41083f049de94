/**
 * Requests that are under way when a connection is closed, or lost again and again.
 *
 * @module
 */

import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect, ConnectionClosedError, type Message } from "@simplemq/simplemq";
import { serve } from "@simplemq/simplemq/server";
import { FrameType } from "../../protocol.ts";
import { BrokerSession } from "../../src/client/broker_session.ts";
import { createPipe } from "../../src/transport/duplex.ts";
import { startBroker } from "../support/broker.ts";
import { TestDirectory } from "../support/journals.ts";
import { Proxy } from "../support/proxy.ts";
import { RawClient } from "../support/raw_client.ts";
import { withRandom } from "./support.ts";

/** Long enough for a slow machine; a test that waits so long has failed. */
const PATIENCE_MS = 20_000;

Deno.test("close() waits for the answers of what was asked for", async () => {
  await using directory = await TestDirectory.create();
  const storage = { engine: "journal", directory: directory.path } as const;
  await using broker = await serve({ port: 0, logLevel: "error", storage });
  const connection = await connect({ port: broker.port });
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessages([0, 1, 2, 3]);
  const taken: Message[] = [];
  for await (const message of connection.follower("work", { prefetch: 10 }).getMessages()) {
    if (taken.push(message) === 4) break;
  }
  const [first, second, third, fourth] = taken;
  const asked = [
    first!.ack({ confirm: true }),
    second!.nack({ confirm: true }),
    third!.reject("no", { confirm: true }),
    fourth!.extend(60_000),
    connection.cursor().createStream("other"),
    connection.cursor().purgeStream("other"),
  ];
  const results = Promise.allSettled(asked);
  await deadline(connection.close(), PATIENCE_MS);
  assertEquals((await results).map(({ status }) => status), asked.map(() => "fulfilled"));
});

Deno.test("close() leaves requests alone when its signal is aborted", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  const connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  proxy.isStalled = true;
  const asked = assertRejects(() => connection.cursor().getStreams(), ConnectionClosedError);
  const controller = new AbortController();
  const closing = connection.close({ signal: controller.signal });
  await broker.connect().then((other) => other.close());
  controller.abort();
  await deadline(closing, PATIENCE_MS);
  await asked;
});

Deno.test("a broker that takes an upload slowly and can be heard is not given up", async () => {
  const [here, there] = createPipe();
  const broker = new RawClient(there);
  const opening = BrokerSession.open(here, "me", { timeoutMs: PATIENCE_MS, signal: undefined });
  await broker.sendControl("welcome", {
    session: 1,
    version: "0",
    engine: "memory",
    durability: "memory",
    heartbeatMs: 10,
    heartbeatTimeoutMs: 50,
    limits: {
      bodyBytes: 1,
      headerBytes: 1,
      frameBytes: 1,
      batchCount: 1,
      unacknowledgedMessages: 1,
      unacknowledgedBytes: 1,
    },
    capabilities: [],
  });
  const { session } = await opening;
  const events = { handleFrame: () => {}, handleReady: () => {}, handleGoodbye: () => {} };
  let end: unknown = "open";
  const ended = session.serve(events).then((error) => end = error);
  // More than a pipe holds: nothing of it is taken while the broker says forty times that it is there.
  session.link.writer.bytes(new Uint8Array(1024 * 1024));
  session.link.flush();
  const { promise: hasBeaten, resolve } = Promise.withResolvers<void>();
  let count = 0;
  const beat = setInterval(() => {
    broker.sendFrame(FrameType.heartbeat);
    if (++count === 40) resolve();
  }, 5);
  await hasBeaten;
  assertEquals(end, "open");
  clearInterval(beat);
  // A broker that says nothing is silent, whatever waits for it.
  await deadline(ended, PATIENCE_MS);
  assertInstanceOf(end, BrokerError);
  assertEquals(end.code, "HEARTBEAT_LOST");
  broker.close();
});

Deno.test("close() does not wait for answers when the connection is lost", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  const connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  proxy.isStalled = true;
  const asked = assertRejects(() => connection.cursor().getStreams(), ConnectionClosedError);
  const closing = connection.close();
  proxy.cut();
  await deadline(closing, PATIENCE_MS);
  await asked;
});

Deno.test("a request with which every connection ends is given up after five repetitions", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  const decoder = new TextDecoder();
  let sentCount = 0;
  // The request that names this stream ends the session.
  proxy.onClientBytes = (bytes) => {
    const isPoison = decoder.decode(bytes).includes("poison");
    if (isPoison) sentCount++;
    return !isPoison;
  };
  await withRandom(0, async () => {
    const asked = connection.cursor().getStream("poison");
    const error = await deadline(assertRejects(() => asked, ConnectionClosedError), PATIENCE_MS);
    assertStringIncludes(error.message, "the connection was lost each time");
  });
  assertEquals(sentCount, 6);
  assertEquals(await deadline(connection.cursor().getStreams(), PATIENCE_MS), []);
});
