// What has not come to its end is bounded.

import { assertEquals, assertLess, assertStrictEquals } from "@std/assert";
import { writePublish } from "../../../protocol.ts";
import { createPipe, type Duplex } from "../../../src/transport/duplex.ts";
import { PLACELESS_BYTES_MAX, ReceivingRoom } from "../../../src/server/flow/receiving_room.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { passTurns, until } from "../../support/broker/broker.ts";
import { cursorLine, LineClient, publishLine } from "../../support/wire/line_client.ts";
import { bytesOf, RawClient } from "../../support/wire/raw_client.ts";
import { HEARTBEAT, Sessions } from "../../support/wire/sessions.ts";

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
  for (let now = 0; now <= 5000; now += 1000) room.sweep(now);
  received += 100_000;
  // A byte now and then is no progress.
  for (let now = 6000; now <= 11_000; now += 1000, received++) room.sweep(now);
  assertEquals([ended, other.wait() !== undefined], [[], true]);
  room.sweep(12_000);
  assertEquals([ended, other.wait()], [["SLOW_WRITER"], undefined]);
});

Deno.test("ReceivingRoom gives a thousand who send nothing a second each, for who waits behind them", () => {
  const room = new ReceivingRoom(100);
  let endedCount = 0;
  for (let index = 0; index < 1000; index++) {
    const place = room.ask({
      bytes: 1,
      countReceived: () => 0,
      end: () => {
        endedCount++;
        place.free();
      },
    });
  }
  const good = room.ask({ bytes: 1, countReceived: () => 0, end: () => {} });
  let now = 0;
  while (good.wait() !== undefined && now < 60_000) room.sweep(now += 500);
  assertEquals([good.wait(), endedCount], [undefined, 901]);
  assertLess(now, 45_000);
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

  // Clients that have nothing large to say are served, and so is the first one that goes on.
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
