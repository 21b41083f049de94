/**
 * Half frames and half lines: their memory is one budget for all connections, whoever sends them.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { FrameType, writePublish } from "../../../protocol.ts";
import { InputMemory } from "../../../src/server/flow/input_memory.ts";
import { passTurns, until } from "../../support/broker/broker.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { bytesOf, type RawClient } from "../../support/wire/raw_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";

const KIB = 1024;

/** A connection that the test moves. */
class Holder {
  receivedBytes = 0;
  unfinishedBytes = 0;
  readonly ended: string[] = [];

  endWith({ code }: { code: string }): void {
    this.ended.push(code);
  }

  receive(bytes: number): void {
    this.receivedBytes += bytes;
    this.unfinishedBytes += bytes;
  }
}

Deno.test("InputMemory counts what each connection takes up last, and forgets who takes up nothing", () => {
  const memory = new InputMemory(100);
  const [one, two] = [new Holder(), new Holder()];
  memory.note(one, 60);
  memory.note(two, 30);
  memory.note(one, 70);
  assertEquals([memory.bytes, memory.count, memory.isSpent], [100, 2, true]);
  memory.note(one, 0);
  assertEquals([memory.bytes, memory.count, memory.isSpent], [30, 1, false]);
  memory.note(two, 0);
  memory.note(two, 0);
  assertEquals([memory.bytes, memory.count], [0, 0]);
});

Deno.test("InputMemory ends whose frame comes too slowly, if and only if memory is short", () => {
  const memory = new InputMemory(100 * KIB);
  const [slow, steady, busy, idle] = Array.from({ length: 4 }, () => new Holder());
  for (const holder of [slow!, steady!, busy!, idle!]) memory.note(holder, 20 * KIB);
  idle!.receivedBytes = 20 * KIB;
  let now = 0;
  const pass = (ms: number) => {
    for (const end = now + ms; now < end;) {
      now += 1000;
      slow!.receive(1);
      steady!.receive(17 * KIB);
      // One small frame after the other.
      busy!.receivedBytes += 10;
      busy!.unfinishedBytes = 5;
      memory.sweep(now);
    }
  };
  pass(60_000);
  assertEquals([slow!.ended, steady!.ended, busy!.ended, idle!.ended], [[], [], [], []]);
  memory.note(steady!, 90 * KIB);
  pass(10_000);
  assertEquals(slow!.ended, [], "it has ten seconds from now on");
  pass(2000);
  assertEquals(slow!.ended[0], "SLOW_WRITER");
  pass(60_000);
  assertEquals([steady!.ended, busy!.ended, idle!.ended], [[], [], []]);
});

const encoder = new TextEncoder();

/** A `publish` frame whose last bytes are missing. */
function halfFrame(): Uint8Array {
  const frame = bytesOf((writer) => {
    writePublish(writer, { publisher: 1, sequence: 1, settled: 0 }, batchOf(100 * KIB));
  });
  return frame.subarray(0, frame.length - KIB);
}

/** Brings the memory of two rooms and their neighbour together. */
function usedBytes({ input, room, lineRoom }: Sessions): number {
  return input.bytes + room.bytes + lineRoom.bytes;
}

Deno.test("hundreds of half frames and half lines take up the budget and no more, and others are served", async () => {
  const unconfirmedBytesMax = 4096 * KIB;
  await using sessions = new Sessions({ unconfirmedBytesMax });
  const clients: RawClient[] = [];
  for (let index = 0; index < 400; index++) {
    const isLine = index % 2 === 0;
    const client = isLine ? sessions.connect() : await sessions.open();
    await client.send(isLine ? encoder.encode(`{"a":"${"x".repeat(100 * KIB)}`) : halfFrame());
    clients.push(client);
  }
  await passTurns();
  assert(sessions.input.isSpent);
  // Half of the budget, the buffers of frames with places, and what lines may always have.
  const most = unconfirmedBytesMax / 2 + 22 * 129 * KIB + 200 * 9 * KIB;
  assertLess(sessions.input.bytes, most);
  await using good = await sessions.open("good");
  await sessions.engine.createStream("orders");
  await good.openPublisher(1, "orders", "good");
  for (let second = 0; second < 40; second++) {
    await Promise.all(clients.map((client) => client.send(Uint8Array.of(0x20))));
    await good.sendFrame(FrameType.heartbeat);
    await passTurns();
    sessions.passTime(1000);
    assertLess(sessions.input.bytes, most + 129 * KIB);
  }
  const ended = sessions.lines.filter((line) => line.includes("SLOW_WRITER"));
  assertGreater(ended.length, 20);
  await good.publish(1, 1, ["y".repeat(500)]);
  await good.expect("stream");
  await good.expect("confirm");
  for (const client of clients) client.close();
  await until("they are gone", () => sessions.table.count === 1);
  assertEquals([usedBytes(sessions), sessions.input.count, sessions.faults], [0, 0, []]);
});

Deno.test("buffers that are large once do not stay so, beyond half of the budget", async () => {
  await using sessions = new Sessions({ unconfirmedBytesMax: 600 * KIB });
  await sessions.engine.createStream("a");
  const clients = await Promise.all(Array.from({ length: 10 }, () => sessions.open()));
  for (const [index, client] of clients.entries()) {
    await client.openPublisher(1, "a", `publisher ${index}`);
    await client.publish(1, 1, batchOf(120 * KIB));
    await client.expect("stream");
    await client.expect("confirm");
  }
  const buffers = sessions.input.bytes;
  assertGreater(buffers, 200 * KIB);
  assertLess(buffers, 300 * KIB);
  for (const client of clients) client.close();
  await until("they are gone", () => sessions.table.count === 0);
  assertEquals(usedBytes(sessions), 0);
});
