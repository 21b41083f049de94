/**
 * The engine that keeps everything in memory, up to a limit.
 *
 * @module
 */

import { assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import type { LocalEngine } from "../../src/engine/local_engine.ts";
import { createMemoryEngine } from "../../src/engine/memory.ts";
import { batchOf } from "../support/wire/batches.ts";
import {
  RecordingFollowerSink,
  RecordingPublisherSink,
} from "../support/broker/recording_sinks.ts";
import { bindOf, type TestBind } from "../support/broker/test_broker.ts";
import { engineConformance } from "./engine_conformance.ts";

engineConformance(
  "memory",
  (now, report, dateNow) => {
    const engine = createMemoryEngine({ memoryLimit: 64 * 1024 * 1024, now, dateNow, report });
    return Promise.resolve({ engine });
  },
);

/** The bytes in front of each body. */
const HEAD = 8;

/** An engine with room for so many bytes, and a publisher for it. */
async function openSmall(memoryLimit: number, ...streams: string[]) {
  const engine = createMemoryEngine({ memoryLimit, now: () => 1000 });
  for (const stream of streams) await engine.createStream(stream);
  const open = (bind: TestBind, identity: string) => {
    const sink = new RecordingPublisherSink();
    const port = engine.openPublisher({ identity, bind: bindOf(bind) }, sink);
    return {
      /** Publishes bodies of so many bytes; returns what became of them. */
      publish(sequence: number, ...bodies: number[]): string {
        const batch = batchOf(...bodies);
        port.publish({ ...batch, sequence, settled: 0, bytes: batch.end });
        const { code, stored, isDuplicate } = sink.outcomes.at(-1)!;
        return code ?? (isDuplicate ? "duplicate" : stored.join());
      },
    };
  };
  return { engine, open };
}

/** Follows a stream. */
function follow(engine: LocalEngine, bind: TestBind, messages = 4096) {
  const sink = new RecordingFollowerSink();
  const options = { name: "worker", bind: bindOf(bind), messages, bytes: 1_000_000 };
  return { sink, port: engine.openFollower(options, sink) };
}

Deno.test("it explains that nothing more is stored, also where nothing waits", async () => {
  const { engine, open } = await openSmall(10_000, "orders", "other");
  const publisher = open("orders", "one");
  publisher.publish(1, 3000);
  assertEquals((await engine.explain("other")).length, 2);
  publisher.publish(2, 4000);
  const refused = "New messages are refused: the memory limit for bodies is reached (MEMORY_FULL).";
  for (const stream of ["orders", "other"]) {
    assertEquals((await engine.explain(stream)).at(-1), refused);
  }
  await engine.close();
});

Deno.test("MemoryEngine refuses with MEMORY_FULL what would go beyond its limit, and nothing else", async () => {
  const { engine, open } = await openSmall(1000, "orders");
  const publisher = open("orders", "one");
  assertEquals(publisher.publish(1, 500 - HEAD), "orders:1");
  assertEquals(publisher.publish(2, 501 - HEAD), "MEMORY_FULL");
  assertEquals(publisher.publish(3, 250 - HEAD, 250 - HEAD), "orders:2");
  assertEquals(publisher.publish(5, 0), "MEMORY_FULL");
  const { ready, bytes } = await engine.getStream("orders");
  assertEquals([ready, bytes], [3, 1000]);
  await engine.close();
});

Deno.test("MemoryEngine counts what it knows of failures, until their messages are gone", async () => {
  const { engine, open } = await openSmall(1000, "orders");
  const publisher = open("orders", "one");
  publisher.publish(1, 300 - HEAD, 300 - HEAD);
  const { sink, port } = follow(engine, "orders");
  await sink.waitFor(2);
  port.nack([{ firstTag: 1, count: 2 }], { reason: "x".repeat(100), delayMs: 0 }, false);
  assertEquals(publisher.publish(3, 300 - HEAD), "MEMORY_FULL");
  await sink.waitFor(4);
  await port.ack([{ firstTag: 3, count: 2 }], true);
  assertEquals([engine.bookedBytes, publisher.publish(4, 300 - HEAD)], [0, "orders:3"]);
  await engine.deleteStream("orders");
  await engine.close();
});

Deno.test("MemoryEngine loses nothing when it is full, and works again after acks", async () => {
  const { engine, open } = await openSmall(1000, "orders");
  const publisher = open("orders", "one");
  publisher.publish(1, 500 - HEAD, 500 - HEAD);
  assertEquals(publisher.publish(3, 1), "MEMORY_FULL");
  const { sink, port } = follow(engine, "orders");
  await sink.waitFor(2);
  assertEquals(publisher.publish(4, 1), "MEMORY_FULL");
  port.release([{ firstTag: 2, count: 1 }]);
  assertEquals(publisher.publish(5, 1), "MEMORY_FULL");
  await port.ack([{ firstTag: 1, count: 1 }], true);
  assertEquals(publisher.publish(6, 500 - HEAD), "orders:3");
  await sink.waitFor(4);
  assertEquals(sink.ids, [1, 2, 2, 3]);
  await engine.close();
});

Deno.test("MemoryEngine creates streams also when it is full", async () => {
  const { engine, open } = await openSmall(100, "orders");
  open("orders", "one").publish(1, 100 - HEAD);
  assertEquals(await engine.createStream("more"), true);
  assertEquals(open("more", "two").publish(1, 0), "MEMORY_FULL");
  await engine.close();
});

Deno.test("MemoryEngine works again after a stream was deleted", async () => {
  const { engine, open } = await openSmall(1000, "orders", "other");
  const [publisher, other] = [open("orders", "one"), open("other", "two")];
  publisher.publish(1, 1000 - HEAD);
  assertEquals(other.publish(1, 0), "MEMORY_FULL");
  await engine.deleteStream("orders");
  assertEquals(other.publish(2, 1000 - HEAD), "other:1");
  await engine.close();
});

Deno.test("MemoryEngine counts a message once for each stream that it is stored in", async () => {
  const { engine, open } = await openSmall(1000, "a", "b", "c");
  const publisher = open(/./, "one");
  assertEquals(publisher.publish(1, 334 - HEAD), "MEMORY_FULL");
  assertEquals(publisher.publish(2, 333 - HEAD), "a:1,b:1,c:1");
  const streams = await engine.getStreams();
  assertLessOrEqual(streams.reduce((sum, { bytes }) => sum + bytes, 0), 1000);
  await engine.close();
});

Deno.test("MemoryEngine confirms a repeated batch also when it is full by now", async () => {
  const { engine, open } = await openSmall(1000, "orders");
  const publisher = open("orders", "one");
  assertEquals(publisher.publish(1, 1000 - HEAD), "orders:1");
  assertEquals(publisher.publish(1, 1000 - HEAD), "duplicate");
  assertEquals(publisher.publish(2, 0), "MEMORY_FULL");
  await engine.close();
});

Deno.test("MemoryEngine tells of a stream that is not there before it tells of its memory", async () => {
  const { engine, open } = await openSmall(0);
  assertEquals(open("orders", "one").publish(1, 0), "STREAM_NOT_FOUND");
  assertEquals(open(/./, "two").publish(1, 0), "NO_MATCHING_STREAM");
  await engine.close();
});

Deno.test("MemoryEngine says in MEMORY_FULL how much it has and may have", async () => {
  const { engine } = await openSmall(100, "orders");
  let message = "";
  const refuse = (_: unknown, error: Error) => message = error.message;
  const sink = { confirm: () => {}, refuse, end: () => {} };
  const port = engine.openPublisher({ identity: "one", bind: bindOf("orders") }, sink);
  const batch = batchOf(200);
  port.publish({ ...batch, sequence: 1, settled: 0, bytes: batch.end });
  assertStringIncludes(message, "208 bytes: 0 are in memory, limit is 100");
  await engine.close();
});

Deno.test("MemoryEngine hands out in one piece what came in one turn of the event loop", async () => {
  const { engine, open } = await openSmall(1_000_000, "orders");
  const { sink } = follow(engine, "orders");
  const publisher = open("orders", "one");
  for (let sequence = 1; sequence <= 50; sequence++) publisher.publish(sequence, 10);
  await sink.waitFor(50);
  assertEquals(sink.deliveryCounts, [50]);
  await engine.close();
});

Deno.test("MemoryEngine tells of each deadline between two ticks: nobody looks again without", async () => {
  const told: number[] = [];
  const hasten = (at: number) => void told.push(at);
  const engine = createMemoryEngine({ memoryLimit: 1e6, now: () => 1000, hasten });
  assertEquals(engine.tick(1000), Infinity);
  await engine.createStream("s", { ttlMs: 5000 });
  const sink = new RecordingPublisherSink();
  const port = engine.openPublisher({ identity: "me", bind: bindOf("s") }, sink);
  const batch = batchOf("a");
  port.publish({ ...batch, sequence: 1, settled: 0, bytes: batch.end });
  port.lose();
  assertEquals(told, [6000, 1000 + 10 * 60_000]);
  assertEquals(engine.tick(1000), 6000);
  assertEquals(engine.tend(1000), Infinity, "there is nothing to look after but messages");
});
