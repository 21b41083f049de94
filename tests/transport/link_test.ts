/**
 * A connection as frames: in order, one write at a time, and an end that is noticed.
 *
 * @module
 */

import { assert, assertEquals, assertFalse, assertLess, assertRejects } from "@std/assert";
import fc from "fast-check";
import { setImmediate } from "node:timers";
import { BrokerError, FrameDecoder, FrameType, MAGIC } from "../../protocol.ts";
import { createPipe, type Duplex } from "../../src/transport/duplex.ts";
import { Link, type LinkOwner } from "../../src/transport/link.ts";
import { assertCodeLater, filledFrame, frameOf, push, u32 } from "../support/wire/frames.ts";
import { fuzz } from "../support/wire/fuzz.ts";
import { PickyDuplex } from "../support/wire/picky_duplex.ts";

const FRAME_BYTES_MAX = 10_000;

/** An owner that writes down the numbers in `credit` frames, and counts what it is told. */
class RecordingOwner implements LinkOwner {
  readonly numbers: number[] = [];
  readyCount = 0;
  closedCount = 0;
  onFrame: (number: number) => void = () => {};
  onReady: () => void = () => {};
  gate: Promise<void> | undefined;

  handleFrame(frame: FrameDecoder): void {
    const number = frame.u32();
    this.numbers.push(number);
    this.onFrame(number);
  }

  handleReady(): void {
    this.readyCount++;
    this.onReady();
  }

  handleClosed(): void {
    this.closedCount++;
  }

  waitToRead(): Promise<void> | undefined {
    return this.gate;
  }
}

function linkOn(duplex: Duplex): { link: Link; owner: RecordingOwner } {
  const owner = new RecordingOwner();
  return { link: new Link(duplex, owner, FRAME_BYTES_MAX), owner };
}

/** Writes a frame with a number, and some more bytes. */
function writeNumber(link: Link, number: number, moreBytes = 0): void {
  link.writer.begin(FrameType.credit);
  link.writer.u32(number);
  link.writer.bytes(new Uint8Array(moreBytes).fill(number));
  link.writer.end();
}

/** A frame with a number, as bytes. */
const numberFrame = (number: number) => frameOf(FrameType.credit, ...u32(number));

/** The numbers in frames, after a look at what is behind them. */
function numbersIn(bytes: readonly number[]): number[] {
  const decoder = new FrameDecoder(FRAME_BYTES_MAX);
  push(decoder, new Uint8Array(bytes));
  const numbers: number[] = [];
  while (decoder.next()) {
    const number = decoder.u32();
    numbers.push(number);
    const rest = decoder.buffer.subarray(decoder.offset, decoder.end);
    assert(rest.every((byte) => byte === (number & 0xff)), `frame ${number} is whole`);
  }
  assertEquals(decoder.pendingBytes, 0);
  return numbers;
}

/** Lets everything happen that can happen without anybody from outside: two turns of the loop. */
async function turn(): Promise<void> {
  for (let left = 2; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
}

// Frames in order.

Deno.test("Link carries frames over a pipe, both ways, in order", async () => {
  const [here, there] = createPipe();
  const [one, other] = [linkOn(here), linkOn(there)];
  const running = [one.link.run(), other.link.run()];
  for (let number = 1; number <= 100; number++) {
    writeNumber(one.link, number, number * 3);
    one.link.flush();
    writeNumber(other.link, 1000 + number);
    other.link.flush();
    if (number % 7 === 0) await one.link.drain();
  }
  await Promise.all([one.link.drain(), other.link.drain()]);
  await turn();
  const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
  assertEquals(other.owner.numbers, numbers);
  assertEquals(one.owner.numbers, numbers.map((number) => 1000 + number));
  one.link.close();
  await Promise.all(running);
});

Deno.test("Link carries more than a pipe holds, frames larger than its pieces", async () => {
  const [here, there] = createPipe();
  const [one, other] = [linkOn(here), linkOn(there)];
  const running = other.link.run();
  for (let number = 1; number <= 200; number++) writeNumber(one.link, number, 9000);
  await one.link.drain();
  one.link.close();
  await running;
  assertEquals(other.owner.numbers.length, 200);
});

Deno.test("Link.readPreface() takes what comes before the first frame", async () => {
  const duplex = new PickyDuplex();
  const { link, owner } = linkOn(duplex);
  duplex.send(MAGIC.subarray(0, 1));
  duplex.send(new Uint8Array([...MAGIC.subarray(1), ...numberFrame(7)]));
  duplex.end();
  assertEquals(await link.readPreface(4), MAGIC);
  await link.run();
  assertEquals(owner.numbers, [7]);
});

Deno.test("Link.readPreface() is undefined if the connection ends before", async () => {
  const duplex = new PickyDuplex();
  duplex.send(MAGIC.subarray(0, 3));
  duplex.end();
  assertEquals(await linkOn(duplex).link.readPreface(4), undefined);
});

Deno.test("Link.readBytes() takes what comes", async () => {
  const duplex = new PickyDuplex();
  const { link } = linkOn(duplex);
  duplex.send(new Uint8Array([1, 2, 3]));
  assertEquals(await link.readPreface(1), new Uint8Array([1]));
  assertEquals(await link.readBytes(), new Uint8Array([2, 3]));
  duplex.send(new Uint8Array([4]));
  assertEquals(await link.readBytes(), new Uint8Array([4]));
  duplex.end();
  assertEquals(await link.readBytes(), undefined);
});

Deno.test("Link.run() hands the frames to the reader that it is given", async () => {
  const duplex = new PickyDuplex();
  const { link, owner } = linkOn(duplex);
  const reader = new RecordingOwner();
  duplex.send(numberFrame(7));
  duplex.end();
  await link.run(reader);
  assertEquals([owner.numbers, reader.numbers], [[], [7]]);
  link.close();
  assertEquals([owner.closedCount, reader.closedCount], [1, 0]);
});

// One write at a time.

Deno.test("Link never begins a write before the one before it has settled, and sends all in order (random)", async () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 8 });
  const step = fc.record({
    frames: fc.array(fc.nat(600), { maxLength: 5 }),
    then: fc.constantFrom("flush", "flush", "microtask", "turn", "drain"),
  });
  await fc.assert(
    fc.asyncProperty(
      pieces,
      fc.array(step, { maxLength: 25, size: "max" }),
      async (pieces, steps) => {
        const duplex = new PickyDuplex({ pieces });
        const { link } = linkOn(duplex);
        let written = 0;
        for (const { frames, then } of steps) {
          for (const moreBytes of frames) writeNumber(link, ++written, moreBytes);
          link.flush();
          if (then === "microtask") await Promise.resolve();
          if (then === "turn") await turn();
          if (then === "drain") {
            await link.drain();
            assertEquals(link.outboundBytes, 0);
          }
        }
        await link.drain();
        assertEquals(duplex.mistakes, []);
        assertEquals(numbersIn(duplex.written), Array.from({ length: written }, (_, i) => i + 1));
        link.close();
      },
    ),
    fuzz(25),
  );
});

Deno.test("Link sends the first frames of a turn at once, and those that follow in it together", async () => {
  const duplex = new PickyDuplex();
  const { link } = linkOn(duplex);
  writeNumber(link, 1);
  link.flush();
  assertFalse(link.isReady);
  await Promise.resolve();
  assertEquals(duplex.writeCount, 1);
  for (let number = 2; number <= 50; number++) {
    writeNumber(link, number);
    link.flush();
    await Promise.resolve();
  }
  assertEquals(duplex.writeCount, 1);
  await link.drain();
  assertEquals(duplex.writeCount, 2);
  assertEquals(numbersIn(duplex.written).length, 50);
  link.close();
});

Deno.test("Link goes on by itself with what was written during a write", async () => {
  const duplex = new PickyDuplex({ isHeld: true });
  const { link } = linkOn(duplex);
  writeNumber(link, 1);
  link.flush();
  await turn();
  writeNumber(link, 2);
  await turn();
  assertEquals(duplex.writeCount, 1);
  duplex.accept();
  await turn();
  assertEquals(duplex.writeCount, 2);
  duplex.accept();
  await turn();
  assertEquals([numbersIn(duplex.written), duplex.mistakes], [[1, 2], []]);
  link.close();
});

Deno.test("Link.outboundBytes counts what is not accepted yet, in the writer and under way", async () => {
  const duplex = new PickyDuplex({ pieces: [100, 1000], isHeld: true });
  const { link } = linkOn(duplex);
  assertEquals(link.outboundBytes, 0);
  writeNumber(link, 1, 291);
  assertEquals(link.outboundBytes, 300);
  link.flush();
  await turn();
  writeNumber(link, 2, 91);
  assertEquals(link.outboundBytes, 400);
  duplex.accept();
  await turn();
  assertEquals(link.outboundBytes, 300);
  duplex.accept();
  await turn();
  assertEquals(link.outboundBytes, 100);
  duplex.accept();
  await turn();
  assertEquals(link.outboundBytes, 0);
  assertEquals(duplex.mistakes, []);
  link.close();
});

Deno.test("Link tells its owner when it takes more again", async () => {
  const duplex = new PickyDuplex({ isHeld: true });
  const { link, owner } = linkOn(duplex);
  writeNumber(link, 1);
  link.flush();
  await turn();
  assertEquals(owner.readyCount, 0);
  owner.onReady = () => {
    if (owner.readyCount === 1) writeNumber(link, 2);
  };
  duplex.accept();
  await turn();
  // What the owner wrote when it was told has been sent without a flush of its own.
  assertEquals(duplex.writeCount, 2);
  duplex.accept();
  await turn();
  assertEquals(numbersIn(duplex.written), [1, 2]);
  link.close();
});

Deno.test("Link is quiet when there is nothing more to send", async () => {
  const duplex = new PickyDuplex();
  const { link, owner } = linkOn(duplex);
  writeNumber(link, 1);
  await link.drain();
  await turn();
  const { readyCount } = owner;
  for (let left = 3; left > 0; left--) await turn();
  assertEquals([owner.readyCount, duplex.writeCount], [readyCount, 1]);
  link.close();
});

Deno.test("Link.sendHeartbeat() sends a frame without fields", async () => {
  const duplex = new PickyDuplex();
  const { link } = linkOn(duplex);
  link.sendHeartbeat();
  await link.drain();
  assertEquals(duplex.written, [...frameOf(FrameType.heartbeat)]);
  link.close();
});

// Draining.

Deno.test("Link.drain() resolves when all has been accepted, also for several who wait", async () => {
  const duplex = new PickyDuplex({ isHeld: true });
  const { link } = linkOn(duplex);
  await link.drain();
  writeNumber(link, 1);
  let drainedCount = 0;
  const drains = [1, 2].map(() => link.drain().then(() => drainedCount++));
  await turn();
  writeNumber(link, 2);
  duplex.accept();
  await turn();
  assertEquals(drainedCount, 0);
  duplex.accept();
  await Promise.all(drains);
  assertEquals(numbersIn(duplex.written), [1, 2]);
  link.close();
});

Deno.test("Link.drain() resolves when the link is closed, or was", async () => {
  const duplex = new PickyDuplex({ isHeld: true });
  const { link } = linkOn(duplex);
  writeNumber(link, 1);
  const draining = link.drain();
  await turn();
  writeNumber(link, 2);
  link.close();
  await draining;
  await link.drain();
});

// Closing.

Deno.test("Link.close() while writing ends it: nothing more is written, and nobody is left waiting", async () => {
  const duplex = new PickyDuplex({ pieces: [3], isHeld: true });
  const { link, owner } = linkOn(duplex);
  const running = link.run();
  writeNumber(link, 1, 100);
  link.flush();
  await turn();
  duplex.accept();
  await turn();
  assert(duplex.isWriting);
  link.close();
  link.close();
  writeNumber(link, 2);
  link.flush();
  await turn();
  await running;
  assertEquals([duplex.writeCount, duplex.mistakes], [2, []]);
  assertEquals([link.isClosed, owner.closedCount, owner.readyCount], [true, 1, 0]);
});

Deno.test("Link.close() between flush() and its write: nothing is written", async () => {
  const duplex = new PickyDuplex();
  const { link } = linkOn(duplex);
  writeNumber(link, 1);
  link.flush();
  link.close();
  await turn();
  assertEquals([duplex.writeCount, duplex.mistakes], [0, []]);
});

Deno.test("Link.close() by the owner, in the middle of what has come: no frame is handled after it", async () => {
  const duplex = new PickyDuplex();
  const { link, owner } = linkOn(duplex);
  owner.onFrame = (number) => number === 2 && link.close();
  duplex.send(new Uint8Array([1, 2, 3].flatMap((number) => [...numberFrame(number)])));
  await link.run();
  assertEquals(owner.numbers, [1, 2]);
});

Deno.test("Link.run() and readPreface() of a closed link end at once", async () => {
  const duplex = new PickyDuplex();
  const { link, owner } = linkOn(duplex);
  link.close();
  duplex.send(numberFrame(1));
  assertEquals(await link.readPreface(4), undefined);
  await link.run();
  assertEquals(owner.numbers, []);
});

// The other side.

Deno.test("Link.run() returns when the other side ends the connection", async () => {
  const duplex = new PickyDuplex();
  const { link, owner } = linkOn(duplex);
  duplex.send(numberFrame(1));
  duplex.send(numberFrame(2).subarray(0, 5));
  duplex.end();
  await link.run();
  assertEquals(owner.numbers, [1]);
  link.close();
});

for (
  const error of [
    new Deno.errors.ConnectionReset("reset"),
    new Deno.errors.ConnectionAborted("aborted"),
    new Deno.errors.BrokenPipe("broken"),
    new Deno.errors.TimedOut("timed out"),
    new Deno.errors.UnexpectedEof("cut off"),
  ]
) {
  Deno.test(`Link.run() returns when a peer vanishes with ${error.name}, at a read or a write`, async () => {
    const reading = new PickyDuplex();
    reading.end(error);
    await linkOn(reading).link.run();
    // What it said before that is still heard.
    const duplex = new PickyDuplex({ isHeld: true });
    const { link, owner } = linkOn(duplex);
    const running = link.run();
    writeNumber(link, 1);
    const draining = link.drain();
    await turn();
    duplex.fail(error);
    await draining;
    writeNumber(link, 2, 100);
    link.flush();
    await link.drain();
    assertEquals([link.isCut, link.outboundBytes], [true, 0]);
    duplex.send(numberFrame(7));
    duplex.end(error);
    await running;
    assertEquals([owner.numbers, duplex.writeCount, link.isClosed], [[7], 1, false]);
  });
}

Deno.test("Link.run() rejects with what is not just the end of a connection, at a read or a write", async () => {
  const fault = new Error("something else");
  const reading = new PickyDuplex();
  reading.end(fault);
  const atRead = await assertRejects(() => linkOn(reading).link.run());
  assertEquals(atRead, fault);

  const duplex = new PickyDuplex({ isHeld: true });
  const { link } = linkOn(duplex);
  const running = link.run();
  writeNumber(link, 1);
  link.flush();
  await turn();
  duplex.fail(fault);
  assertEquals(await assertRejects(() => running), fault);
});

Deno.test("Link.run() rejects with what the owner throws, and with malformed frames", async () => {
  const throwing = new PickyDuplex();
  const { link, owner } = linkOn(throwing);
  owner.onFrame = () => {
    throw new BrokerError("UNKNOWN_FRAME", "no");
  };
  throwing.send(numberFrame(1));
  await assertCodeLater("UNKNOWN_FRAME", () => link.run());

  const malformed = new PickyDuplex();
  malformed.send(new Uint8Array([...numberFrame(1), 0, 0, 0, 0]));
  const second = linkOn(malformed);
  await assertCodeLater("BAD_FRAME", () => second.link.run());
  assertEquals(second.owner.numbers, [1]);

  const tooLarge = new PickyDuplex();
  tooLarge.send(filledFrame(FrameType.publish, FRAME_BYTES_MAX, 0));
  await assertCodeLater("FRAME_TOO_LARGE", () => linkOn(tooLarge).link.run());
});

Deno.test("Link handles no frame while its owner wants to wait, and says so", async () => {
  const duplex = new PickyDuplex();
  const { link, owner } = linkOn(duplex);
  const { promise, resolve } = Promise.withResolvers<void>();
  owner.gate = promise;
  duplex.send(new Uint8Array([...numberFrame(1), ...numberFrame(2)]));
  duplex.send(numberFrame(3));
  duplex.end();
  const running = link.run();
  await turn();
  assertEquals([owner.numbers, link.isHeldBack], [[1], true]);
  owner.gate = undefined;
  resolve();
  await running;
  assertEquals([owner.numbers, link.isHeldBack], [[1, 2, 3], false]);
});

Deno.test("Link notes that it has received and sent, for the heartbeat to look at", async () => {
  const duplex = new PickyDuplex({ isHeld: true });
  const { link } = linkOn(duplex);
  const running = link.run();
  assertEquals([link.hasReceived, link.hasSent], [false, false]);
  duplex.send(new Uint8Array([0]));
  await turn();
  assertEquals([link.hasReceived, link.hasSent], [true, false]);
  writeNumber(link, 1);
  link.flush();
  await turn();
  assertFalse(link.hasSent);
  duplex.accept();
  await turn();
  assert(link.hasSent);
  link.close();
  await running;
});

Deno.test("Link holds little memory when nothing is under way", async () => {
  const duplex = new PickyDuplex();
  const { link } = linkOn(duplex);
  writeNumber(link, 1, 5_000);
  await link.drain();
  link.writer.shrink();
  assertLess(link.decoder.buffer.length, 64 * 1024);
  assertEquals(link.writer.take().buffer.byteLength, 0);
  link.close();
});
