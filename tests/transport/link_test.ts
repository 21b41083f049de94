/**
 * A connection as frames: in order, one write at a time, and an end that is noticed.
 *
 * @module
 */

import { assert, assertEquals, assertFalse, assertLess } from "@std/assert";
import fc from "fast-check";
import { FrameType, MAGIC } from "../../protocol.ts";
import { createPipe } from "../../src/transport/duplex.ts";
import { frameOf } from "../support/wire/frames.ts";
import { fuzz } from "../support/wire/fuzz.ts";
import {
  linkOn,
  numberFrame,
  numbersIn,
  RecordingOwner,
  turn,
  writeNumber,
} from "./recorded_link.ts";
import { PickyDuplex } from "../support/wire/picky_duplex.ts";

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

Deno.test("Link sends no heartbeat beside what shows as much, and all links may send one at once", async () => {
  const duplexes = [new PickyDuplex(), new PickyDuplex({ pieces: [2, 1] }), new PickyDuplex()];
  const links = duplexes.map((duplex) => linkOn(duplex).link);
  for (const link of links) link.sendHeartbeat();
  assertEquals(links.map(({ outboundBytes }) => outboundBytes), [5, 5, 5]);
  writeNumber(links[2]!, 7);
  links[2]!.flush();
  await Promise.all(links.map((link) => link.drain()));
  const heartbeat = [...frameOf(FrameType.heartbeat)];
  assertEquals(duplexes.slice(0, 2).map(({ written }) => written), [heartbeat, heartbeat]);
  assertEquals(numbersIn(duplexes[2]!.written), [7]);
  assertEquals(links.map(({ outboundBytes }) => outboundBytes), [0, 0, 0]);
  for (const link of links) link.close();
});

Deno.test("Link: one owner that throws when it is told of a turn's end keeps no other from sending", async () => {
  const failing = linkOn(new PickyDuplex());
  const duplex = new PickyDuplex();
  const { link } = linkOn(duplex);
  failing.owner.onReady = () => {
    throw new Error("an owner's fault");
  };
  const faults: string[] = [];
  const listen = (event: ErrorEvent) => {
    event.preventDefault();
    faults.push(event.error.message);
  };
  globalThis.addEventListener("error", listen);
  for (const each of [failing.link, link]) {
    writeNumber(each, 1);
    each.flush();
  }
  await turn();
  writeNumber(link, 2);
  link.flush();
  await turn();
  globalThis.removeEventListener("error", listen);
  assertEquals([faults, numbersIn(duplex.written)], [["an owner's fault"], [1, 2]]);
  for (const each of [failing.link, link]) each.close();
});

Deno.test("Link sends lent frames in their order, each as it is, and gives them back when they have left", async () => {
  for (const pieces of [[Infinity], [3, 1]]) {
    const duplex = new PickyDuplex({ pieces });
    const { link } = linkOn(duplex);
    const released: number[] = [];
    const lend = (number: number) =>
      link.writer.lend(numberFrame(number), () => released.push(number));
    writeNumber(link, 1);
    lend(2);
    lend(3);
    writeNumber(link, 4);
    link.flush();
    assertEquals([link.outboundBytes, released], [36, []]);
    await link.drain();
    assertEquals([numbersIn(duplex.written), duplex.mistakes], [[1, 2, 3, 4], []]);
    assertEquals([released, link.outboundBytes], [[2, 3], 0]);
    link.close();
  }
});

Deno.test("Link does not give back a lent frame that may still leave, but those that cannot", async () => {
  const duplex = new PickyDuplex({ pieces: [3], isHeld: true });
  const { link } = linkOn(duplex);
  const released: number[] = [];
  for (const number of [1, 2]) {
    link.writer.lend(numberFrame(number), () => released.push(number));
  }
  link.flush();
  await turn();
  duplex.accept();
  await turn();
  assertEquals([released, duplex.isWriting], [[], true]);
  assertFalse(link.forget());
  assertEquals(released, [2]);
  link.close();
  await turn();
  assertEquals([released, duplex.mistakes], [[2], []]);
});

// Draining.

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
