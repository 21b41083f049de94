// What is unconfirmed or not taken is bounded, and nobody is left behind.

import { assert, assertEquals, assertLess, assertStrictEquals } from "@std/assert";
import {
  FrameDecoder,
  FrameType,
  type StreamInfo,
  writeControlFrame,
  writePublish,
  writeQuery,
} from "../../../protocol.ts";
import { ByteBudget } from "../../../src/server/flow/byte_budget.ts";
import type { Duplex } from "../../../src/transport/duplex.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { passTurns, turn, until } from "../../support/broker/broker.ts";
import { WithholdingEngine } from "../../support/broker/engines.ts";
import { bindOf, bytesOf, helloBytes, type RawClient } from "../../support/wire/raw_client.ts";
import { HEARTBEAT, Sessions } from "../../support/wire/sessions.ts";

Deno.test("ByteBudget.wait() resolves for all who wait when bytes come back", async () => {
  const budget = new ByteBudget(10);
  budget.use(9);
  assertEquals([budget.bytes, budget.isSpent, budget.wait()], [9, false, undefined]);
  budget.use(21);
  assert(budget.isSpent);
  let isOver = false;
  const waits = [budget.wait(), budget.wait()];
  const over = Promise.all(waits).then(() => isOver = true);
  budget.free(20);
  await turn();
  assertEquals([isOver, budget.isSpent], [false, true]);
  budget.free(1);
  await over;
  assertStrictEquals(budget.wait(), undefined);
  budget.use(1);
  assert(budget.wait() instanceof Promise, "a spent budget is waited for anew");
});

/** A client that sends as fast as it is read, one frame to a read, for ever. */
class Flood implements Duplex {
  /** How many frames of the flood have been read. */
  readCount = 0;
  /** How many confirms have come. */
  confirmCount = 0;
  /** How many bytes have come. */
  writtenBytes = 0;
  isClosed = false;
  readonly #first: Uint8Array[];
  readonly #makeFrame: (index: number) => Uint8Array;
  readonly #takes: boolean;
  readonly #decoder = new FrameDecoder(1 << 26);
  #wakeWriter: (() => void) | undefined;

  constructor(options: {
    first: Uint8Array[];
    makeFrame: (index: number) => Uint8Array;
    takesAnswers: boolean;
  }) {
    this.#first = options.first;
    this.#makeFrame = options.makeFrame;
    this.#takes = options.takesAnswers;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    await turn();
    if (this.isClosed) return null;
    const frame = this.#first.shift() ?? this.#makeFrame(++this.readCount);
    buffer.set(frame);
    return frame.length;
  }

  async write(bytes: Uint8Array): Promise<number> {
    const hasMore = this.#first.length > 0;
    if (!this.#takes && !hasMore) {
      await new Promise<void>((resolve) => this.#wakeWriter = resolve);
      throw new Deno.errors.BrokenPipe("closed");
    }
    this.writtenBytes += bytes.length;
    this.#decoder.space(bytes.length).set(bytes);
    this.#decoder.received(bytes.length);
    while (this.#decoder.next()) {
      if (this.#decoder.type === FrameType.confirm) this.confirmCount++;
    }
    return bytes.length;
  }

  close(): void {
    this.isClosed = true;
    this.#wakeWriter?.();
  }
}

/** The bytes of each batch of the flood. */
const BATCH_BYTES = 508;

/** A publisher that does not wait for confirms. */
function floodOf(stream: string): Flood {
  return new Flood({
    first: [
      helloBytes("flood"),
      bytesOf((writer) => {
        const bind = bindOf(stream);
        writeControlFrame(writer, "openPublisher", { publisher: 1, identity: stream, bind });
      }),
    ],
    makeFrame: (sequence) =>
      bytesOf((writer) => {
        writePublish(writer, { publisher: 1, sequence, settled: 0 }, batchOf(BATCH_BYTES - 8));
      }),
    takesAnswers: true,
  });
}

Deno.test("a flood of messages is not read while confirms are withheld, and then goes on", async () => {
  const unconfirmedBytesMax = 20 * BATCH_BYTES - 1;
  const withholding = new WithholdingEngine();
  await using sessions = new Sessions({ engine: withholding.engine, unconfirmedBytesMax });
  await sessions.engine.createStream("a");
  const flood = floodOf("a");
  sessions.take(flood);
  for (let round = 1; round <= 5; round++) {
    await until("the budget is spent", () => sessions.budget.isSpent);
    await passTurns();
    assertEquals(withholding.count, 20, "the last one may go beyond the budget, and no more");
    assertEquals(flood.readCount, 20 * round);
    assertEquals(flood.confirmCount, 20 * (round - 1));
    withholding.letGo();
    await until("all have been confirmed", () => flood.confirmCount === 20 * round);
  }
});

Deno.test("a flood goes on with each confirm, not only when all have come", async () => {
  const withholding = new WithholdingEngine();
  const options = { engine: withholding.engine, unconfirmedBytesMax: 10 * BATCH_BYTES };
  await using sessions = new Sessions(options);
  await sessions.engine.createStream("a");
  const flood = floodOf("a");
  sessions.take(flood);
  for (let count = 10; count < 30; count++) {
    await until("the budget is spent", () => flood.readCount === count && sessions.budget.isSpent);
    withholding.letGo(1);
  }
});

Deno.test("floods of several clients share one budget, and none is left behind", async () => {
  const withholding = new WithholdingEngine();
  const options = { engine: withholding.engine, unconfirmedBytesMax: 40 * BATCH_BYTES };
  await using sessions = new Sessions(options);
  const floods = ["a", "b", "c", "d"].map(floodOf);
  for (const name of ["a", "b", "c", "d"]) await sessions.engine.createStream(name);
  for (const flood of floods) sessions.take(flood);
  for (let round = 0; round < 10; round++) {
    await until("the budget is spent", () => sessions.budget.isSpent);
    await passTurns();
    assertLess(withholding.count, 40 + floods.length);
    withholding.letGo();
  }
  for (const flood of floods) assert(flood.confirmCount > 40, `only ${flood.confirmCount}`);
});

Deno.test("the bytes of a client that is gone come back to the budget", async () => {
  const withholding = new WithholdingEngine();
  const options = { engine: withholding.engine, unconfirmedBytesMax: 10 * BATCH_BYTES };
  await using sessions = new Sessions(options);
  await sessions.engine.createStream("a");
  const flood = floodOf("a");
  sessions.take(flood);
  await until("the budget is spent", () => sessions.budget.isSpent);
  await sessions.table.close(0);
  assertEquals([sessions.table.count, flood.isClosed], [0, true]);
  withholding.letGo();
  assertEquals(sessions.budget.bytes, 0);
  assertEquals(sessions.faults, []);
});

Deno.test("batches that are refused, malformed or repeated give their bytes back", async () => {
  await using sessions = new Sessions();
  await using client = await sessions.open();
  await client.openPublisher(1, "a");
  await client.publish(1, 1, ["no such stream"]);
  await client.expect("refuse");
  await client.ask("createStream", "a");
  await client.publish(1, 2, ["stored"]);
  await client.expect("stream");
  await client.expect("confirm");
  await client.publish(1, 2, ["stored"]);
  await client.expect("confirm");
  await client.publish(1, 3, batchOf(2_000_000)).catch(() => {});
  await client.expectFatalError("FRAME_TOO_LARGE");
  assertEquals(sessions.budget.bytes, 0);

  await using other = await sessions.open();
  await other.openPublisher(1, "a");
  await other.publish(1, 4, { ...batchOf("a", "b"), count: 1 });
  await other.expectFatalError("BAD_FRAME");
  await using last = await sessions.open();
  await last.openPublisher(1, /(?=a)/);
  await last.expectError("BAD_PATTERN");
  await last.publish(1, 4, ["c"]);
  await last.expect("refuse");
  assertEquals(sessions.budget.bytes, 0);
});

Deno.test("a client that is not read is not taken for silent, and still gets heartbeats", async () => {
  const withholding = new WithholdingEngine();
  const options = { engine: withholding.engine, unconfirmedBytesMax: 10 * BATCH_BYTES };
  await using sessions = new Sessions(options);
  await sessions.engine.createStream("a");
  const flood = floodOf("a");
  sessions.take(flood);
  await until("the budget is spent", () => sessions.budget.isSpent);
  await passTurns();
  const { writtenBytes } = flood;
  for (let count = 0; count < 10; count++) {
    sessions.passTime(HEARTBEAT.heartbeatTimeoutMs / 2);
    await turn();
  }
  assert(flood.writtenBytes > writtenBytes, "heartbeats have come");
  withholding.letGo();
  await until("it goes on", () => flood.readCount > 15);
  assertEquals(sessions.table.count, 1);
});

Deno.test("a client that asks and does not take the answers is not read, then disconnected", async () => {
  const outboundBytesMax = 64 * 1024;
  await using sessions = new Sessions({ outboundBytesMax });
  for (let index = 0; index < 100; index++) {
    await sessions.engine.createStream(`${index}`.padEnd(100, "x"));
  }
  const flood = new Flood({
    first: [helloBytes("asks")],
    makeFrame: (query) =>
      bytesOf((writer) => writeQuery(writer, { query: query, operation: "getStreams", name: "" })),
    takesAnswers: false,
  });
  sessions.take(flood);
  await until("it asks", () => flood.readCount > 1);
  await passTurns();
  // An answer has some 20 KB: a few fill what may wait, a few more were under way by then.
  const { readCount } = flood;
  assertLess(readCount, 25);
  await passTurns();
  assertEquals(flood.readCount, readCount);
  sessions.passTime(1);
  sessions.passTime(HEARTBEAT.slowReaderTimeoutMs);
  await until("it is disconnected", () => sessions.table.count === 0);
  assert(flood.isClosed);
  assert(sessions.lines.some((line) => line.includes("code=SLOW_READER")));
  assertEquals(sessions.counters.slowReaders, 1);
});

Deno.test("a follower that reads slowly and says so is served as long as it does", async () => {
  const outboundBytesMax = 64 * 1024;
  await using sessions = new Sessions({ outboundBytesMax });
  await using publisher = await fillStream(sessions, 20);

  await using client = sessions.connect();
  const { progressMs } = await client.shakeHands("slow");
  assertEquals(progressMs, 500);
  await client.openFollower(1, "a", { bytes: 100_000_000 });
  await until("something waits", async () => (await sessions.engine.getStream("a")).pending > 0);
  const tell = async (received: number) => {
    await client.sendFrame(FrameType.progress, (frame) => frame.u64(received));
    await passTurns();
    sessions.passTime(progressMs);
    await publisher.sendFrame(FrameType.heartbeat);
    await passTurns();
  };
  // What the system has accepted does not change for ten times as long as a client may read nothing.
  for (let count = 1; count <= 40; count++) await tell(1000 * count);
  assertEquals(sessions.table.count, 2);
  // It is heard although much waits for it.
  await client.query(1, "getStream", "a");
  await passTurns();
  for (let count = 1; count <= 5; count++) await tell(40_000);
  assertEquals(sessions.table.count, 1, "it says that it gets no further");
  assert(sessions.lines.some((line) => line.includes("code=SLOW_READER")));
  assertEquals(sessions.counters.slowReaders, 1);
});

Deno.test("a follower that does not read: what waits for it is bounded, and comes back", async () => {
  const outboundBytesMax = 64 * 1024;
  await using sessions = new Sessions({ outboundBytesMax });
  await using publisher = await fillStream(sessions, 100);

  await using client = await sessions.open("does not read");
  await client.openFollower(1, "a", { bytes: 100_000_000 });
  await until("something waits", async () => (await sessions.engine.getStream("a")).pending > 0);
  await passTurns();
  const { pending } = await sessions.engine.getStream("a");
  // In the pipe 256 KiB and a piece, in the session what may wait and a delivery of 256 KiB.
  assertLess(pending * 50_000, (256 + 64 + 256 + 100) * 1024);
  await client.takeMessages(pending);
  await until("more comes", async () => (await sessions.engine.getStream("a")).pending > pending);

  await passTurns();
  for (const ms of [1, 1, HEARTBEAT.slowReaderTimeoutMs]) sessions.passTime(ms);
  await until("it is disconnected", () => sessions.table.count === 1);
  const { ready, followers } = await publisher.ask("getStream", "a") as StreamInfo;
  assertEquals({ ready, followers }, { ready: 100, followers: 0 });
});

/** Stores messages of 50 kB in stream "a"; resolves to their publisher. */
async function fillStream(sessions: Sessions, count: number): Promise<RawClient> {
  const publisher = await sessions.open();
  await publisher.ask("createStream", "a");
  await publisher.openPublisher(1, "a");
  for (let sequence = 1; sequence <= count; sequence++) {
    await publisher.publish(1, sequence, batchOf(50_000));
  }
  await publisher.expect("stream");
  for (let left = count; left > 0; left--) await publisher.expect("confirm");
  return publisher;
}
