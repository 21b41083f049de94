/** A connection as frames: its end, from one side or the other. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { BrokerError, FrameType } from "../../protocol.ts";
import { assertCodeLater, filledFrame } from "../support/wire/frames.ts";
import {
  FRAME_BYTES_MAX,
  linkOn,
  numberFrame,
  numbersIn,
  turn,
  writeNumber,
} from "./recorded_link.ts";
import { PickyDuplex } from "../support/wire/picky_duplex.ts";

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
