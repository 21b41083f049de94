/**
 * Frames that no client would send, in sessions that begin as they should: the broker must answer in
 * good frames, stay alive, keep its books, and keep its memory.
 *
 * ```sh
 * FUZZ_SEED=12345 deno test -A tests/server/frames/fuzz_test.ts       # the same frames again
 * FUZZ_FRAMES=10000000 deno test -A tests/server/frames/fuzz_test.ts  # as many as one likes
 * ```
 *
 * @module
 */

import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connect } from "../../../client.ts";
import { ERROR_CODES, FrameDecoder, FrameType, readBatch, readDeliver } from "../../../protocol.ts";
import { findEntries } from "../../../src/protocol/messages/batch.ts";
import { readProperties } from "../../../src/protocol/messages/properties.ts";
import { isDeadName } from "../../../src/protocol/messages/stream_options.ts";
import { Listener } from "../../../src/server/front_door/listener.ts";
import { Log } from "../../../src/server/log.ts";
import type { Duplex } from "../../../src/transport/duplex.ts";
import { chooseLength } from "../../support/length.ts";
import { contentsOf } from "../../support/wire/batches.ts";
import { turn, until, WellBehavedPair } from "../../support/broker/broker.ts";
import { Mutator, Random, type ScriptFrame } from "../../support/wire/frame_mutator.ts";
import { readBrokerFrame } from "../../support/wire/broker_frames.ts";
import { Sessions } from "../../support/wire/sessions.ts";

const seed = readNumber("FUZZ_SEED", crypto.getRandomValues(new Uint32Array(1))[0]!);
const frameCount = readNumber(
  "FUZZ_FRAMES",
  chooseLength({ short: 5_000, long: 100_000 }),
);

/** How many of the frames go through sockets; they cost more, and find less. */
const SOCKET_SHARE = 0.05;

/** How many sessions are open at a time. */
const SESSION_COUNT = 8;

/** How many frames a session has, most of them mutated; half of the sessions end before the last. */
const SCRIPT_LENGTH = 16;

/** A session that takes longer has got stuck, in milliseconds. */
const PATIENCE_MS = 20_000;

/** How much what is in use may grow, from a fifth of the frames to the last. */
const USED_BYTES_MAX = 16 * 1024 * 1024;

function readNumber(name: string, otherwise: number): number {
  const value = Number(Deno.env.get(name) ?? otherwise);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${name} must be a whole number`);
  return value;
}

/**
 * Waits for something that may not take for ever. There are too many of them for `deadline`, whose
 * timers stay until their time has come.
 */
async function withPatience<Result>(promise: Promise<Result>): Promise<Result> {
  const stuck = Promise.withResolvers<never>();
  const timer = setTimeout(() => stuck.reject(new Error("A session is stuck")), PATIENCE_MS);
  try {
    return await Promise.race([promise, stuck.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads what a broker says; fails if that is not in good frames, or tells of a fault. */
class BrokerEar {
  /** How often each error code has come. */
  static readonly codes: Map<string, number> = new Map();
  readonly #decoder = new FrameDecoder(1 << 26);
  #hasEnded = false;

  hear(bytes: Uint8Array): void {
    this.#decoder.space(bytes.length).set(bytes);
    this.#decoder.received(bytes.length);
    while (this.#decoder.next()) {
      assert(!this.#hasEnded, `frame type ${this.#decoder.type} comes behind a fatal error`);
      if (this.#decoder.type === FrameType.deliver) {
        readDeliver(this.#decoder);
        // What is delivered may have flags that no client may send: it is decoded, not checked.
        const batch = readBatch(this.#decoder);
        assertEquals(contentsOf(batch).length, batch.count);
        for (const offset of findEntries(batch)) readProperties(batch.buffer, offset);
        continue;
      }
      const frame = readBrokerFrame(this.#decoder);
      if (frame.name !== "error" && frame.name !== "refuse") continue;
      const { code } = frame.content;
      BrokerEar.codes.set(code, (BrokerEar.codes.get(code) ?? 0) + 1);
      assert(code !== "INTERNAL_ERROR", JSON.stringify(frame.content));
      this.#hasEnded = ERROR_CODES[code].fatal;
    }
  }
}

/** A connection that says a script, a frame to a read, and then ends in one direction. */
class ScriptedConnection implements Duplex {
  readonly #random: Random;
  readonly #script: readonly ScriptFrame[];
  readonly #ear = new BrokerEar();
  readonly #closed = Promise.withResolvers<void>();
  #fault: unknown;
  #index = 0;
  #offset = 0;
  /** How many mutated frames have been taken. */
  takenCount = 0;

  constructor(random: Random, script: readonly ScriptFrame[]) {
    this.#random = random;
    this.#script = script;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    if (this.#random.once(4)) await turn();
    const frame = this.#script[this.#index];
    if (frame === undefined) return null;
    if (frame.isMutated && this.#offset === 0) this.takenCount++;
    const part = frame.bytes.subarray(this.#offset, this.#offset + buffer.length);
    buffer.set(part);
    this.#offset += part.length;
    if (this.#offset === frame.bytes.length) {
      this.#index++;
      this.#offset = 0;
    }
    return part.length;
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#random.once(16)) await turn();
    const count = this.#random.once(4) ? 1 + this.#random.below(bytes.length) : bytes.length;
    try {
      this.#ear.hear(bytes.subarray(0, count));
    } catch (error) {
      this.#fault ??= error;
    }
    return count;
  }

  close(): void {
    this.#closed.resolve();
  }

  /** Resolves when the broker has ended the connection. */
  async finish(): Promise<void> {
    await withPatience(this.#closed.promise);
    if (this.#fault !== undefined) throw this.#fault;
  }
}

/** Says scripts over pipes until so many mutated frames have been taken. */
async function fuzzInside(sessions: Sessions, random: Random, countMax: number): Promise<number> {
  const mutator = new Mutator(random);
  let takenCount = 0;
  while (takenCount < countMax) {
    await Promise.all(Array.from({ length: SESSION_COUNT }, async () => {
      const connection = new ScriptedConnection(random, mutator.makeScript(SCRIPT_LENGTH));
      sessions.take(connection);
      await connection.finish();
      takenCount += connection.takenCount;
    }));
    sessions.passTime(random.below(500));
  }
  return takenCount;
}

/** Says one script over a socket; resolves to how many mutated frames were sent. */
async function sayOverSocket(port: number, script: readonly ScriptFrame[]): Promise<number> {
  using socket = await Deno.connect({ hostname: "localhost", port });
  socket.setNoDelay(true);
  const ear = new BrokerEar();
  const heard = (async () => {
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const count = await socket.read(buffer);
      if (count === null) return;
      ear.hear(buffer.subarray(0, count));
    }
  })().catch(ignoreReset);
  let sentCount = 0;
  try {
    for (const { bytes, isMutated } of script) {
      if (isMutated) sentCount++;
      for (let sent = 0; sent < bytes.length;) sent += await socket.write(bytes.subarray(sent));
    }
    await socket.closeWrite();
  } catch (error) {
    // The broker has ended the session, and what was under way to it is lost.
    ignoreReset(error);
  }
  await withPatience(heard);
  return sentCount;
}

function ignoreReset(error: unknown): void {
  const { ConnectionReset, BrokenPipe, NotConnected } = Deno.errors;
  const isReset = error instanceof ConnectionReset || error instanceof BrokenPipe ||
    error instanceof NotConnected;
  if (!isReset) throw error;
}

/** Says scripts over sockets until so many mutated frames have been sent. */
async function fuzzSockets(port: number, random: Random, countMax: number): Promise<number> {
  const mutator = new Mutator(random);
  let sentCount = 0;
  while (sentCount < countMax) {
    const sayings = Array.from(
      { length: SESSION_COUNT },
      () => sayOverSocket(port, mutator.makeScript(SCRIPT_LENGTH)),
    );
    for (const count of await Promise.all(sayings)) sentCount += count;
  }
  return sentCount;
}

/**
 * The memory in use, without what is only waiting to be collected. It is this test's own: files that
 * are tested side by side share a process, and each has its own heap.
 */
async function measureMemory(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  for (let round = 0; round < 2; round++) {
    collect();
    await turn();
  }
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Takes what is ready out of all streams but those of dead letters. */
async function takeAll({ engine }: Sessions, port: number): Promise<void> {
  await using connection = await connect({ port });
  const follower = connection.follower(/./);
  const taking = (async () => {
    for await (const _message of follower.getMessages({ autoAck: true }));
  })();
  await until("all that is ready was taken", async () => {
    const streams = await engine.getStreams();
    return streams.every(({ name, ready, pending }) => isDeadName(name) || ready + pending === 0);
  });
  await follower.close();
  await taking;
}

/** Takes away what the sessions have left, and checks the books on the way. */
async function emptyStreams(sessions: Sessions, port: number): Promise<void> {
  await until("all sessions are over", () => sessions.table.count === 0);
  const { engine } = sessions;
  for (const { name, pending, followers } of await engine.getStreams()) {
    assertEquals([name, pending, followers], [name, 0, 0]);
    await engine.pauseStream(name, false);
  }
  assertEquals(await engine.getPels(), []);
  // What comes soon is there then, and what was to be taken soon is gone.
  sessions.passTime(60 * 60 * 1000);
  await takeAll(sessions, port);
  await until("all sessions are over", () => sessions.table.count === 0);
  // Nobody follows dead letters here, or waits for what comes in a thousand years.
  for (const { name } of await engine.getStreams()) await engine.purgeStream(name);
  for (const { name, ...counts } of await engine.getStreams()) {
    const { ready, delayed, pending, bytes } = counts;
    assertEquals([ready, delayed, pending, bytes], [0, 0, 0, 0]);
    await engine.deleteStream(name);
  }
  assertEquals(sessions.budget.bytes, 0);
}

Deno.test("mutated frames leave the broker as it was (random)", async () => {
  const random = new Random(seed);
  // deno-lint-ignore no-console
  console.log(`FUZZ_SEED=${seed} FUZZ_FRAMES=${frameCount}`);
  // A first byte may become a `{`, and lines are no frames.
  await using sessions = new Sessions({ logLevel: "error", jsonLines: false });
  const listener = new Listener({
    hostname: "localhost",
    port: 0,
    log: new Log({ level: "error" }),
    onConnection: (connection) => sessions.take(connection),
  });
  try {
    const { port } = listener.address;
    const insideCount = Math.ceil(frameCount * (1 - SOCKET_SHARE));
    let takenCount = await fuzzInside(sessions, random, insideCount / 5);
    await emptyStreams(sessions, port);
    const before = await measureMemory();
    for (let round = 1; round < 5; round++) {
      takenCount += await fuzzInside(sessions, random, insideCount / 5);
      await emptyStreams(sessions, port);
    }
    takenCount += await fuzzSockets(port, random, frameCount - insideCount);
    await emptyStreams(sessions, port);
    const after = await measureMemory();
    assertGreaterOrEqual(takenCount, frameCount);
    assertEquals(sessions.faults, []);
    assertLess(after - before, USED_BYTES_MAX);

    await using pair = await WellBehavedPair.start(port);
    await pair.finish();
  } finally {
    await listener.close();
  }
});
