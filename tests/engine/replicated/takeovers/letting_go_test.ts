/**
 * A broker that has let go, and goes on since nobody has taken over: not before the log has something behind what it
 * let go with.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { readHeadOf } from "../../../../src/engine/replicated/following/own_files.ts";
import { RefusedError } from "../../../../src/engine/replicated/log.ts";
import { LogRoom } from "../../../../src/engine/replicated/log_room.ts";
import { RECORD_TYPES } from "../../../../src/engine/replicated/record.ts";
import { Reign } from "../../../../src/engine/replicated/reign.ts";
import { SimulatedHost } from "../../../support/log/simulated_host.ts";
import { VirtualTime } from "../../../support/log/virtual_time.ts";
import { activeBroker, LEASE_MS, settle } from "../window/window_use.ts";

/** Longer than a heartbeat is waited for. */
const BEAT_MS = LEASE_MS / 3;

const PLENTY = { bytes: 0, bytesMax: 1_000_000_000 };
const NOTHING = { bytes: 1_000_000, bytesMax: 1_000_000 };

/** A broker that reigns, on a log that answers when the test says so. */
async function reigningBroker() {
  const time = new VirtualTime();
  const host = new SimulatedHost(time);
  const { log, window, lease } = await activeBroker({ timing: host });
  const room = new LogRoom();
  const failures: unknown[] = [];
  const heard = { looked: () => {} };
  const reign = new Reign({
    log,
    window,
    room,
    lease,
    timing: host,
    leaseMs: LEASE_MS,
    logId: "L",
    now: host.now,
    changed: () => {},
    looked: () => heard.looked(),
    fail: (error) => failures.push(error),
  });
  /** What was sent and is not answered. */
  const sent = () => log.open.map(({ record }) => nameOf(record));
  const answer = async () => {
    log.open[0]!.answer();
    await settle();
  };
  return { time, log, room, reign, failures, heard, sent, answer };
}

function nameOf(record: Uint8Array): string | undefined {
  const type = readHeadOf(record)?.type;
  return Object.entries(RECORD_TYPES).find(([, one]) => one === type)?.[0];
}

Deno.test("letting go: a heartbeat in front of the release has nobody go on", async () => {
  const { time, reign, failures, sent, answer } = await reigningBroker();
  await time.pass(BEAT_MS);
  const released = reign.release();
  const resumed = reign.resume();
  await settle();
  assertEquals(sent(), ["heartbeat", "release", "heartbeat"]);
  await answer();
  assertEquals(reign.isHeld, false);
  await answer();
  await released;
  assertEquals(reign.isHeld, false);
  await answer();
  await resumed;
  assertEquals([reign.isHeld, failures], [true, []]);
  reign.end();
});

Deno.test("letting go: who goes on after a release does not after a later one", async () => {
  const { reign, sent, answer } = await reigningBroker();
  const releases = [reign.release()];
  const resumed = reign.resume();
  releases.push(reign.release());
  await settle();
  assertEquals(sent(), ["release", "heartbeat", "release"]);
  await answer();
  await answer();
  await resumed;
  assertEquals(reign.isHeld, false);
  await answer();
  await Promise.all(releases);
  assertEquals(reign.isHeld, false);
  const last = reign.resume();
  await settle();
  await answer();
  await last;
  assertEquals(reign.isHeld, true);
  reign.end();
});

Deno.test("letting go: a log without room for a heartbeat has nobody go on until it has some", async () => {
  const { time, log, reign, failures, sent, answer } = await reigningBroker();
  const released = reign.release();
  await settle();
  await answer();
  await released;
  log.isPrompt = true;
  log.isFull = true;
  const resumed = reign.resume();
  await time.pass(2 * LEASE_MS);
  assertEquals([reign.gate === undefined, nameOf(log.records.at(-1)!)], [false, "release"]);
  log.isFull = false;
  await time.until(resumed, LEASE_MS);
  assertEquals([reign.isHeld, sent(), failures], [true, [], []]);
  assertEquals(log.records.slice(-2).map(nameOf), ["release", "heartbeat"]);
  reign.end();
});

Deno.test("letting go: the room that is kept for the release is there for the heartbeat behind it", async () => {
  const { time, log, room, reign } = await reigningBroker();
  log.isPrompt = true;
  room.note(NOTHING, room.counted);
  // What makes room is not written before it goes on.
  await reign.release();
  await time.until(reign.resume(), LEASE_MS);
  assertEquals([reign.isHeld, reign.gate], [true, undefined]);
  assertEquals(log.records.slice(-2).map(nameOf), ["release", "heartbeat"]);
  reign.end();
});

Deno.test("letting go: a heartbeat that has waited for room is not written behind the release", async () => {
  const { time, log, room, reign, heard } = await reigningBroker();
  log.isPrompt = true;
  room.note(NOTHING, room.counted);
  let released: Promise<void> | undefined;
  heard.looked = () => {
    room.note(PLENTY, room.counted);
    released ??= reign.release();
  };
  await time.pass(BEAT_MS);
  await released;
  assertEquals(log.records.map(nameOf), ["epoch", "release"]);
  reign.end();
});

Deno.test("letting go: what ends meanwhile is not waited for", async () => {
  const { time, log, reign } = await reigningBroker();
  const released = reign.release();
  const resumed = reign.resume();
  await settle();
  reign.end();
  await Promise.all([released, resumed].map((one) => assertRejects(() => one)));
  assertEquals([reign.isHeld, log.records.length], [false, 1]);
  await time.pass(LEASE_MS);
});

Deno.test("letting go: what the log has refused is followed by a heartbeat, too", async () => {
  const { time, log, reign } = await reigningBroker();
  log.isPrompt = true;
  log.isFull = true;
  await assertRejects(() => time.until(reign.release(), LEASE_MS), RefusedError);
  const resumed = reign.resume();
  await time.pass(LEASE_MS);
  log.isFull = false;
  await time.until(resumed, LEASE_MS);
  assertEquals(log.records.map(nameOf), ["epoch", "heartbeat"]);
  reign.end();
});
