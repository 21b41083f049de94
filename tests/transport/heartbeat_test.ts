/**
 * Which links are given up, and which are spoken to: told with numbers only.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { FrameType } from "../../protocol.ts";
import { Heartbeat, type LinkFault, type Watch } from "../../src/transport/heartbeat.ts";
import { Link } from "../../src/transport/link.ts";
import { frameOf, u64 } from "../support/wire/frames.ts";
import { PickyDuplex } from "../support/wire/picky_duplex.ts";

const LIMITS = { heartbeatMs: 15, heartbeatTimeoutMs: 40, slowReaderTimeoutMs: 10 };

/** A link under watch from the time 0 on. */
class Watched {
  readonly duplex = new PickyDuplex({ isHeld: true });
  readonly link: Link = new Link(this.duplex, { handleFrame: () => {} }, 1000);
  readonly faults: LinkFault[] = [];
  readonly watch: Watch;

  constructor(heartbeat: Heartbeat, deadline?: number) {
    const options = { limits: LIMITS, onFault: (fault: LinkFault) => this.faults.push(fault) };
    this.watch = heartbeat.watch(
      this.link,
      deadline === undefined ? options : { ...options, deadline },
      0,
    );
  }

  /** The heartbeats that wait to be sent. */
  get heartbeatCount(): number {
    return this.link.outboundBytes / frameOf(FrameType.heartbeat).length;
  }

  /** Puts bytes in front of the peer that it does not take. */
  hold(): void {
    this.link.writer.bytes(new Uint8Array(100));
  }

  /** Takes all that waits away, as if the peer had. */
  take(): void {
    this.link.forget();
  }
}

Deno.test("Heartbeat gives up a link that is silent for too long, once", () => {
  const heartbeat = new Heartbeat();
  const watched = new Watched(heartbeat);
  heartbeat.sweep(39);
  assertEquals(watched.faults, []);
  heartbeat.sweep(40);
  heartbeat.sweep(41);
  assertEquals(watched.faults, ["silent"]);
  watched.link.close();
});

Deno.test("Heartbeat counts silence from the last sweep that found something received", () => {
  const heartbeat = new Heartbeat();
  const watched = new Watched(heartbeat);
  for (const now of [30, 60, 90]) {
    watched.link.hasReceived = true;
    heartbeat.sweep(now);
    assertEquals(watched.link.hasReceived, false);
    watched.take();
  }
  heartbeat.sweep(129);
  assertEquals(watched.faults, []);
  watched.take();
  heartbeat.sweep(130);
  assertEquals(watched.faults, ["silent"]);
  watched.link.close();
});

Deno.test("Heartbeat does not blame a link for silence while nothing is read from it", () => {
  const heartbeat = new Heartbeat();
  const watched = new Watched(heartbeat);
  watched.link.isHeldBack = true;
  for (const now of [30, 60, 90]) {
    heartbeat.sweep(now);
    watched.take();
  }
  assertEquals(watched.faults, []);
  watched.link.isHeldBack = false;
  heartbeat.sweep(129);
  watched.take();
  assertEquals(watched.faults, []);
  heartbeat.sweep(130);
  assertEquals(watched.faults, ["silent"]);
  watched.link.close();
});

Deno.test("Heartbeat gives up a link that takes nothing for too long while something waits", () => {
  const heartbeat = new Heartbeat();
  const watched = new Watched(heartbeat);
  heartbeat.sweep(1);
  watched.hold();
  heartbeat.sweep(5);
  heartbeat.sweep(14);
  assertEquals(watched.faults, []);
  heartbeat.sweep(15);
  assertEquals(watched.faults, ["slow"]);
  watched.link.close();
});

Deno.test("Heartbeat leaves a slow reader alone as long as it takes something", () => {
  const heartbeat = new Heartbeat();
  const watched = new Watched(heartbeat);
  watched.hold();
  for (let now = 5; now <= 200; now += 5) {
    watched.link.hasSent = now % 10 === 0;
    watched.link.hasReceived = true;
    heartbeat.sweep(now);
    assertEquals(watched.link.hasSent, false);
  }
  assertEquals(watched.faults, []);
  watched.link.close();
});

Deno.test("Heartbeat leaves a slow reader alone as long as it says that it receives something", () => {
  const heartbeat = new Heartbeat();
  const watched = new Watched(heartbeat);
  const { link } = watched;
  watched.hold();
  for (let now = 5; now <= 200; now += 5) {
    link.hasReceived = true;
    link.noteProgress(now);
    heartbeat.sweep(now);
  }
  assertEquals(watched.faults, []);
  for (const now of [205, 210, 215]) {
    link.hasReceived = true;
    // It says so again, and nothing more.
    link.noteProgress(200);
    heartbeat.sweep(now);
  }
  assertEquals(watched.faults, ["slow"]);
  link.close();
});

Deno.test("Heartbeat does not blame a link for taking nothing while it cannot be heard", () => {
  const heartbeat = new Heartbeat();
  const duplex = new PickyDuplex({ isHeld: true });
  const link = new Link(duplex, { handleFrame: () => {} }, 1000);
  const faults: LinkFault[] = [];
  let isDeaf = true;
  const onFault = (fault: LinkFault) => faults.push(fault);
  heartbeat.watch(link, { limits: LIMITS, onFault, isDeaf: () => isDeaf }, 0);
  link.writer.bytes(new Uint8Array(100));
  for (let now = 5; now <= 200; now += 5) {
    link.hasReceived = true;
    heartbeat.sweep(now);
  }
  assertEquals(faults, []);
  isDeaf = false;
  for (const now of [205, 210, 215]) {
    link.hasReceived = true;
    heartbeat.sweep(now);
  }
  assertEquals(faults, ["slow"]);
  link.close();
});

Deno.test("Heartbeat looks into the system's queue before it blames a link for taking nothing", () => {
  const heartbeat = new Heartbeat();
  const duplex = new PickyDuplex({ isHeld: true });
  const link = new Link(duplex, { handleFrame: () => {} }, 1000);
  const faults: LinkFault[] = [];
  const onFault = (fault: LinkFault) => faults.push(fault);
  let queued: number | undefined = 5000;
  let askedCount = 0;
  const countQueued = () => {
    askedCount++;
    return queued;
  };
  heartbeat.watch(link, { limits: LIMITS, onFault, countQueued }, 0);
  const sweep = (now: number) => {
    link.hasReceived = true;
    heartbeat.sweep(now);
  };
  sweep(2);
  link.writer.bytes(new Uint8Array(100));
  sweep(4);
  sweep(8);
  assertEquals(askedCount, 0, "nothing is stuck for long yet");
  for (let now = 10; now <= 200; now += 2) {
    queued -= 1;
    sweep(now);
  }
  assertEquals(faults, []);
  for (let now = 202; now <= 206; now += 2) sweep(now);
  assertEquals([faults, askedCount > 50], [["slow"], true]);
  link.close();
});

Deno.test("Heartbeat tells how much was received, and does not answer heartbeats with it", () => {
  const heartbeat = new Heartbeat();
  const duplex = new PickyDuplex();
  const link = new Link(duplex, { handleFrame: () => {} }, 1000);
  const onFault = () => {};
  heartbeat.watch(link, { limits: LIMITS, onFault, tellsProgress: true }, 0);
  const told: string[] = [];
  for (const [now, bytes] of [[1, 1023], [2, 1024], [3, 1024], [4, 5000], [5, 5005]] as const) {
    link.receivedBytes = bytes;
    link.hasReceived = true;
    heartbeat.sweep(now);
    const said = link.writer.take();
    if (said.length > 0) told.push(`${now}: ${said}`);
  }
  assertEquals(told, [
    `2: ${frameOf(FrameType.progress, ...u64(1024))}`,
    `4: ${frameOf(FrameType.progress, ...u64(5000))}`,
  ]);
  link.close();
});

Deno.test("Heartbeat does not count the time before something waited as slowness", () => {
  const heartbeat = new Heartbeat();
  const watched = new Watched(heartbeat);
  for (let now = 5; now <= 100; now += 5) {
    watched.link.hasReceived = true;
    heartbeat.sweep(now);
    watched.take();
  }
  watched.hold();
  watched.link.hasReceived = true;
  heartbeat.sweep(105);
  watched.take();
  heartbeat.sweep(114);
  watched.hold();
  heartbeat.sweep(116);
  assertEquals(watched.faults, []);
  watched.link.close();
});

Deno.test("Heartbeat speaks for a link that has said nothing for a while, and again after it", () => {
  const heartbeat = new Heartbeat();
  const watched = new Watched(heartbeat);
  const spoken: number[] = [];
  for (let now = 1; now <= 35; now++) {
    heartbeat.sweep(now);
    if (watched.heartbeatCount > 0) spoken.push(now);
    watched.take();
  }
  assertEquals(spoken, [15, 30]);
  watched.link.close();
});

Deno.test("Heartbeat does not speak for a link that speaks itself", () => {
  const heartbeat = new Heartbeat();
  const watched = new Watched(heartbeat);
  for (let now = 10; now <= 100; now += 10) {
    watched.link.hasSent = true;
    watched.link.hasReceived = true;
    heartbeat.sweep(now);
    assertEquals(watched.heartbeatCount, 0);
  }
  heartbeat.sweep(115);
  assertEquals(watched.heartbeatCount, 1);
  watched.link.close();
});

Deno.test("Heartbeat does not speak for a link where something waits to be sent", () => {
  const heartbeat = new Heartbeat();
  const watched = new Watched(heartbeat);
  heartbeat.sweep(14);
  watched.hold();
  heartbeat.sweep(20);
  assertEquals(watched.link.writer.length, 100);
  watched.link.close();
});

Deno.test("Heartbeat gives up a link that is not ready by its deadline, however busy it is", () => {
  const heartbeat = new Heartbeat();
  const late = new Watched(heartbeat, 20);
  const ready = new Watched(heartbeat, 20);
  for (const now of [5, 10, 19]) {
    for (const { link } of [late, ready]) link.hasReceived = true;
    heartbeat.sweep(now);
  }
  assertEquals([late.faults, late.heartbeatCount], [[], 0]);
  ready.watch.noteReady();
  heartbeat.sweep(20);
  assertEquals([late.faults, ready.faults], [["late"], []]);
  assertEquals([late.heartbeatCount, ready.heartbeatCount], [0, 1]);
  for (const { link } of [late, ready]) link.close();
});

Deno.test("Heartbeat looks at each link by itself, and not at one whose watch has ended", () => {
  const heartbeat = new Heartbeat();
  const [silent, ended, busy] = [1, 2, 3].map(() => new Watched(heartbeat));
  ended!.watch.end();
  busy!.link.hasReceived = true;
  heartbeat.sweep(40);
  assertEquals([silent, ended, busy].map((one) => one!.faults), [["silent"], [], []]);
  for (const one of [silent, ended, busy]) one!.link.close();
});

Deno.test("Heartbeat goes on with the others when a fault ends watches in the middle of a sweep", () => {
  const heartbeat = new Heartbeat();
  const faults: string[] = [];
  const watches: Watch[] = [];
  for (const name of ["a", "b", "c"]) {
    const link = new Link(new PickyDuplex(), { handleFrame: () => {} }, 1000);
    const onFault = () => {
      faults.push(name);
      for (const watch of watches.slice(0, 2)) watch.end();
    };
    watches.push(heartbeat.watch(link, { limits: LIMITS, onFault }, 0));
  }
  heartbeat.sweep(100);
  assertEquals(faults, ["a", "c"]);
});

Deno.test("Heartbeat lets go of buffers that an idle link does not need", () => {
  const heartbeat = new Heartbeat();
  const { link } = new Watched(heartbeat);
  link.writer.bytes(new Uint8Array(10_000));
  link.writer.recycle(link.writer.take());
  heartbeat.sweep(1);
  link.writer.take();
  link.writer.u8(1);
  assertEquals(link.writer.take().buffer.byteLength < 1000, true);
  link.close();
});

Deno.test("Heartbeat does not count the time in which this process stood still", () => {
  const heartbeat = new Heartbeat();
  const silent = new Watched(heartbeat);
  const late = new Watched(heartbeat, 30);
  heartbeat.sweep(5, 5);
  heartbeat.sweep(10, 5);
  // Stopped for 1,000: what came meanwhile has not been read yet.
  heartbeat.sweep(1015, 5);
  assertEquals([silent.faults, late.faults], [[], []]);
  heartbeat.sweep(1029, 15);
  assertEquals([silent.faults, late.faults], [[], []]);
  heartbeat.sweep(1030, 15);
  assertEquals(late.faults, ["late"]);
  heartbeat.sweep(1040, 15);
  assertEquals(silent.faults, ["silent"]);
  for (const { link } of [silent, late]) link.close();
});
