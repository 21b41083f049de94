/**
 * What a broker does not take on: more unconfirmed bytes than its budget, and more answers than a
 * client takes. Whoever sends more is not read, and goes on by itself when there is room.
 *
 * @module
 */

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
import { createPipe } from "../../../src/transport/duplex.ts";
import { PLACELESS_BYTES_MAX, ReceivingRoom } from "../../../src/server/flow/receiving_room.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { turn, until } from "../../support/broker/broker.ts";
import { WithholdingEngine } from "../../support/broker/engines.ts";
import { cursorLine, LineClient, publishLine } from "../../support/wire/line_client.ts";
import { bindOf, bytesOf, helloBytes, RawClient } from "../../support/wire/raw_client.ts";
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

/** Lets so many turns pass that whatever could go on would have gone on. */
async function passTurns() {
  for (let count = 0; count < 200; count++) await turn();
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
});

Deno.test("a follower that reads slowly and says so is served as long as it does", async () => {
  const outboundBytesMax = 64 * 1024;
  await using sessions = new Sessions({ outboundBytesMax });
  await using publisher = await sessions.open();
  await publisher.ask("createStream", "a");
  await publisher.openPublisher(1, "a");
  for (let sequence = 1; sequence <= 20; sequence++) {
    await publisher.publish(1, sequence, batchOf(50_000));
  }
  await publisher.expect("stream");
  for (let count = 0; count < 20; count++) await publisher.expect("confirm");

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
});

Deno.test("a follower that does not read: what waits for it is bounded, and comes back", async () => {
  const outboundBytesMax = 64 * 1024;
  await using sessions = new Sessions({ outboundBytesMax });
  await using publisher = await sessions.open();
  await publisher.ask("createStream", "a");
  await publisher.openPublisher(1, "a");
  for (let sequence = 1; sequence <= 100; sequence++) {
    await publisher.publish(1, sequence, batchOf(50_000));
  }
  await publisher.expect("stream");
  for (let count = 0; count < 100; count++) await publisher.expect("confirm");

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

// What has not come to its end.

Deno.test("ReceivingRoom gives places in the order of the wishes, and one however large it is", () => {
  const room = new ReceivingRoom(100);
  const ask = (bytes: number) => room.ask({ bytes, countReceived: () => 0, end: () => {} });
  const huge = ask(1000);
  assertStrictEquals(huge.wait(), undefined);
  const [first, second, third] = [ask(60), ask(50), ask(1)];
  const isWaiting = () => [first!, second!, third!].map((place) => place.wait() !== undefined);
  assertEquals([isWaiting(), room.bytes, room.waitingCount], [[true, true, true], 1000, 3]);
  huge.free();
  huge.free();
  // The last one would fit, but it is not its turn.
  assertEquals([isWaiting(), room.bytes], [[false, true, true], 60]);
  second!.free();
  assertEquals([isWaiting(), room.bytes], [[false, false, false], 61]);
  first!.free();
  third!.free();
  assertEquals([room.bytes, room.waitingCount], [0, 0]);
});

Deno.test("ReceivingRoom ends who sends too slowly, if and only if others wait", () => {
  const room = new ReceivingRoom(100);
  const ended: string[] = [];
  const ask = (name: string, received: () => number) =>
    room.ask({
      bytes: 50,
      countReceived: received,
      end: ({ code }) => ended.push(`${name} ${code}`),
    });
  let now = 0;
  ask("slow", () => now);
  // 20 KB a second.
  ask("steady", () => now * 20);
  for (; now <= 60_000; now += 1000) room.sweep(now);
  assertEquals(ended, []);
  const other = ask("other", () => 0);
  room.sweep(now);
  assertEquals(ended, ["slow SLOW_WRITER"]);
  assertStrictEquals(other.wait(), undefined);
});

Deno.test("ReceivingRoom ends of whom nothing more comes, if others wait", () => {
  const room = new ReceivingRoom(100);
  const ended: string[] = [];
  let received = 0;
  const end = ({ code }: { code: string }) => ended.push(code);
  room.ask({ bytes: 100, countReceived: () => received, end });
  received = 1_000_000;
  const other = room.ask({ bytes: 100, countReceived: () => 0, end: () => {} });
  for (let now = 0; now <= 10_000; now += 1000) room.sweep(now);
  received++;
  for (let now = 11_000; now <= 21_000; now += 1000) room.sweep(now);
  assertEquals([ended, other.wait() !== undefined], [[], true]);
  room.sweep(22_000);
  assertEquals([ended, other.wait()], [["SLOW_WRITER"], undefined]);
});

/** A connection to sessions whose bytes are counted as they are read. */
function connectCounted(sessions: Sessions): { here: Duplex; count: { read: number } } {
  const [here, there] = createPipe();
  const count = { read: 0 };
  sessions.take({
    read: async (buffer) => {
      const bytes = await there.read(buffer);
      count.read += bytes ?? 0;
      return bytes;
    },
    write: (bytes) => there.write(bytes),
    close: () => there.close(),
  });
  return { here, count };
}

Deno.test("half lines are kept of few clients at a time, and not for ever", async () => {
  await using sessions = new Sessions({ unconfirmedBytesMax: 8 * 1024 * 1024 });
  await sessions.engine.createStream("a");
  const line = publishLine("a", `"${"x".repeat(700_000)}"`);
  const half = line.slice(0, 600_000);
  const clients = Array.from({ length: 20 }, () => connectCounted(sessions));
  const lines = clients.map(({ here }) => new LineClient(here));
  const sent = lines.map((client) => client.send(half));
  const countRead = () => clients.map(({ count }) => count.read);
  await until("one has its place", () => Math.max(...countRead()) === half.length);
  await passTurns();
  // A line may have 6 MiB: there is room for one, and others wait with what needs no place.
  const piece = 129 * 1024;
  assertEquals(countRead().filter((bytes) => bytes > PLACELESS_BYTES_MAX + piece).length, 1);
  assertEquals([sessions.lineRoom.waitingCount, sessions.table.count], [19, 20]);

  // Whoever has nothing large to say is served, and so is the first one who goes on.
  await using small = new LineClient(connectCounted(sessions).here);
  assertEquals(await small.ask(cursorLine("GET_STREAM", "a")), []);
  const first = clients.findIndex(({ count }) => count.read === half.length);
  await lines[first]!.send(line.slice(half.length), cursorLine("GET_PELS"));
  await lines[first]!.nextText();
  assertEquals((await sessions.engine.getStream("a")).ready, 1);
  // Nor does a large frame wait for lines.
  const frames = await sessions.open();
  await frames.openPublisher(1, "a", "frames");
  await frames.publish(1, 1, ["x".repeat(1_000_000)]);
  await frames.expect("stream");
  await frames.expect("confirm");
  frames.close();
  await until("it is gone", () => sessions.table.count === 21);

  // Of the others the rest does not come: one after the other is told so, and gives its place up.
  for (let count = 19; count > 0; count--) {
    await until(
      "the next one is read",
      () => countRead().filter((b) => b >= half.length).length > 20 - count,
    );
    sessions.passTime(1);
    sessions.passTime(HEARTBEAT.heartbeatTimeoutMs);
    await until("it is ended", () => sessions.table.count === count + 1);
  }
  await Promise.all(sent);
  assertEquals([sessions.lineRoom.bytes, sessions.lineRoom.waitingCount], [0, 0]);
  assertEquals(sessions.lines.filter((text) => text.includes("HEARTBEAT_LOST")).length, 19);
});

Deno.test("half frames are kept of few clients at a time; small ones need no place", async () => {
  await using sessions = new Sessions({ unconfirmedBytesMax: 1_500_000 });
  await sessions.engine.createStream("a");
  const frame = bytesOf((writer) => {
    writePublish(writer, { publisher: 1, sequence: 1, settled: 0 }, batchOf(1_000_000));
  });
  const clients = Array.from({ length: 5 }, () => connectCounted(sessions));
  const raws = clients.map(({ here }) => new RawClient(here));
  for (const [index, raw] of raws.entries()) {
    await raw.shakeHands();
    await raw.openPublisher(1, "a", `publisher ${index}`);
  }
  const sent = raws.map((raw) => raw.send(frame.subarray(0, 900_000)));
  await until("one is read", () => clients.some(({ count }) => count.read > 900_000));
  await passTurns();
  assertEquals(clients.filter(({ count }) => count.read > 300_000).length, 1);
  assertEquals([sessions.room.bytes, sessions.room.waitingCount], [frame.length, 4]);
  await using other = await sessions.open();
  await other.openPublisher(1, "a", "other");
  await other.publish(1, 1, ["small"]);
  await other.expect("stream");
  await other.expect("confirm");

  // All of them end well, each when it has its place.
  const rests = raws.map((raw, index) =>
    sent[index]!.then(() => raw.send(frame.subarray(900_000)))
  );
  for (const raw of raws) {
    await raw.expect("stream");
    await raw.expect("confirm");
  }
  await Promise.all(rests);
  assertEquals([sessions.room.bytes, sessions.budget.bytes], [0, 0]);
  raws[0]!.close();
});

Deno.test("a line that is longer than a handshake may come slowly from the beginning", async () => {
  await using sessions = new Sessions({ handshakeTimeoutMs: 5000 });
  await sessions.engine.createStream("a");
  const client = new LineClient(connectCounted(sessions).here);
  const line = publishLine("a", `"${"x".repeat(100_000)}"`);
  for (let at = 0; at < line.length; at += 10_000) {
    await client.send(line.slice(at, at + 10_000));
    await passTurns();
    sessions.passTime(2000);
  }
  await client.send(cursorLine("GET_PELS"));
  await client.nextText();
  assertEquals((await sessions.engine.getStream("a")).ready, 1);
});
