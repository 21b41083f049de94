/**
 * The same story of three brokers again and again, on a disk that fails at some point; and what was
 * promised in it, to be compared with what is there afterwards.
 *
 * @module
 */

import { BrokerError } from "../../../../protocol.ts";
import type { EngineFollower, EnginePublisher } from "../../../../src/broker/engine.ts";
import type { Disk } from "../../../../src/engine/journal/disk/disk.ts";
import type { LocalEngine } from "../../../../src/engine/local_engine.ts";
import { batchOf } from "../../../support/wire/batches.ts";
import { turn } from "../../../support/broker/broker.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import {
  RecordingFollowerSink,
  RecordingPublisherSink,
} from "../../../support/broker/recording_sinks.ts";
import { bindOf, type TestBind } from "../../../support/broker/test_broker.ts";

/** So many turns of the event loop may pass until something that was asked for is done. */
const TURNS_MAX = 60;

/** Thrown when the broker has said that it cannot go on. */
export class BrokerFailed extends Error {}

/** Something that was not as it must be. */
export class BrokenPromise extends Error {}

/** What was promised, by the names of streams. */
export class Promises {
  /** Streams that are there for sure, and their messages: texts by id. */
  readonly streams: Map<string, Map<number, string>> = new Map();
  /** Streams of which is not known whether they are there. */
  readonly unsureStreams: Set<string> = new Set();
  /** Texts whose fate is not known. */
  readonly unsure: Set<string> = new Set();
  /** Texts that were refused. */
  readonly refused: Set<string> = new Set();
  /** Messages that somebody has asked to acknowledge, as `stream:id`; they may be gone or not. */
  readonly asked: Set<string> = new Set();
  /** How much was confirmed. */
  confirmedCount = 0;

  confirm(stored: readonly string[], text: string): void {
    this.confirmedCount++;
    for (const place of stored) {
      const [stream, id] = place.split(":");
      this.streams.get(stream!)?.set(Number(id), text);
    }
  }

  forget(stream: string, id: number): void {
    this.streams.get(stream)?.delete(id);
  }
}

/** One broker of the story. */
class Life {
  readonly promises: Promises;
  readonly failures: unknown[] = [];
  readonly #disk: Disk;
  #engine: LocalEngine | undefined;
  #now: number;

  constructor(disk: Disk, promises: Promises, now: number) {
    this.#disk = disk;
    this.promises = promises;
    this.#now = now;
  }

  get engine(): LocalEngine {
    return this.#engine!;
  }

  async open(): Promise<void> {
    this.#engine = await openJournal(this.#disk, {
      segmentBytes: 700,
      memoryLimit: 1,
      reserveBytes: 600,
      now: () => this.#now,
      fail: (error) => void this.failures.push(error),
    });
  }

  /** Lets so much time pass that all that is due is done. */
  async pass(): Promise<void> {
    await turn();
    this.#engine!.tick(this.#now += 2000);
    this.#engine!.tend(this.#now);
    await turn();
    await turn();
  }

  /** Waits until something is done; throws if the broker has failed, or it is never done. */
  async until(isDone: () => boolean): Promise<void> {
    for (let count = 0; count < TURNS_MAX; count++) {
      if (isDone()) return;
      if (this.failures.length > 0) throw new BrokerFailed();
      if (count > 3) await this.pass();
      else await turn();
    }
    throw new BrokenPromise("something is never done, and nothing has failed");
  }

  async wait<T>(promise: Promise<T>): Promise<T> {
    let outcome: PromiseSettledResult<T> | undefined;
    promise.then(
      (value) => outcome = { status: "fulfilled", value },
      (reason) => outcome = { status: "rejected", reason },
    );
    await this.until(() => outcome !== undefined);
    if (outcome!.status === "rejected") throw outcome!.reason;
    return outcome!.value;
  }

  /** Creates a stream; without room there is none. */
  async create(stream: string): Promise<void> {
    const { unsureStreams, streams } = this.promises;
    unsureStreams.add(stream);
    try {
      await this.wait(this.engine.createStream(stream));
      streams.set(stream, new Map());
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== "DISK_FULL") throw error;
    }
    unsureStreams.delete(stream);
  }

  async delete(stream: string): Promise<void> {
    const { unsureStreams, streams } = this.promises;
    if (!streams.has(stream)) return;
    streams.delete(stream);
    unsureStreams.add(stream);
    await this.wait(this.engine.deleteStream(stream));
    unsureStreams.delete(stream);
  }

  publisher(bind: TestBind, identity: string): Publishing {
    return new Publishing(this, bind, identity);
  }

  follower(stream: string): Following {
    return new Following(this, stream);
  }
}

/** A publisher of the story. */
class Publishing {
  readonly #life: Life;
  readonly #port: EnginePublisher;
  readonly #sink = new RecordingPublisherSink();
  #sequence = 1;

  constructor(life: Life, bind: TestBind, identity: string) {
    this.#life = life;
    this.#port = life.engine.openPublisher({ identity, bind: bindOf(bind) }, this.#sink);
  }

  /** Sends messages, one in a batch, and waits for all of their outcomes. */
  async send(...texts: readonly string[]): Promise<void> {
    const { promises } = this.#life;
    const { outcomes } = this.#sink;
    for (const text of texts) {
      const batch = batchOf(text);
      const sequence = this.#sequence++;
      promises.unsure.add(text);
      this.#port.publish({ ...batch, sequence, settled: sequence, bytes: batch.end });
    }
    for (const text of texts) {
      const index = this.#sequence - 1 - texts.length + texts.indexOf(text);
      await this.#life.until(() => outcomes.length > index);
      const { code, stored } = outcomes[index]!;
      promises.unsure.delete(text);
      if (code === undefined) promises.confirm(stored, text);
      else if (code === "DISK_FULL" || code.startsWith("STREAM_NOT")) promises.refused.add(text);
      else if (code === "NO_MATCHING_STREAM") promises.refused.add(text);
      else throw new BrokenPromise(`"${text}" was refused with ${code}`);
    }
  }
}

/** A follower of the story. */
class Following {
  readonly #life: Life;
  readonly #stream: string;
  readonly #port: EngineFollower | undefined;
  readonly #sink = new RecordingFollowerSink();

  constructor(life: Life, stream: string) {
    this.#life = life;
    this.#stream = stream;
    if (!life.promises.streams.has(stream)) return;
    const options = { name: stream, bind: bindOf(stream), messages: 4096, bytes: 2 ** 20 };
    this.#port = life.engine.openFollower(options, this.#sink);
  }

  /** Waits for what there is, and acknowledges all but the first, with a confirm or without. */
  async takeAllButFirst(isConfirmed: boolean, alreadyTaken = 0): Promise<number> {
    const { promises } = this.#life;
    const there = promises.streams.get(this.#stream)?.size ?? 0;
    if (this.#port === undefined || there === 0) return alreadyTaken;
    await turn();
    const messages = this.#sink.messages.slice(alreadyTaken);
    for (const { id, tag } of messages) {
      if (tag === 1) continue;
      promises.asked.add(`${this.#stream}:${id}`);
      const done = this.#port.ack([{ firstTag: tag, count: 1 }], isConfirmed);
      promises.forget(this.#stream, id);
      if (done !== undefined) await this.#life.wait(Promise.resolve(done));
      // Without a confirm it may come again.
      if (isConfirmed) promises.asked.delete(`${this.#stream}:${id}`);
    }
    return alreadyTaken + messages.length;
  }

  begin(tag: number): void {
    if (this.#sink.messages.length >= tag) this.#port?.begin([{ firstTag: tag, count: 1 }]);
  }

  close(): void {
    this.#port?.close();
  }
}

/** How the story went. */
export interface Told {
  /** How far it came, in words. */
  readonly end: "the end" | "failed" | "not opened";
  /** With what the broker has failed, each time. */
  readonly failures: readonly unknown[];
}

/** Tells the story until its end, or until a broker fails or cannot be opened. */
export async function tellStory(
  disk: Disk,
  promises: Promises,
  endLife: () => void,
): Promise<Told> {
  const chapters = [tellFirst, tellSecond, tellThird];
  for (const [index, chapter] of chapters.entries()) {
    const life = new Life(disk, promises, 1000 + index * 1e6);
    try {
      await life.open();
    } catch (error) {
      if (error instanceof BrokenPromise) throw error;
      return { end: "not opened", failures: [error] };
    }
    try {
      await chapter(life);
    } catch (error) {
      if (!(error instanceof BrokerFailed)) throw error;
      await checkFailed(life);
      return { end: "failed", failures: life.failures };
    }
    const { failures } = life;
    endLife();
    await turn();
    if (failures.length > 0) return { end: "failed", failures };
  }
  return { end: "the end", failures: [] };
}

/** Nothing is confirmed any more by a broker that has failed, whatever one asks of it. */
async function checkFailed(life: Life): Promise<void> {
  const told: string[] = [];
  const sink = new RecordingPublisherSink();
  const port = life.engine.openPublisher({ identity: "late", bind: bindOf("a") }, sink);
  const batch = batchOf("late");
  life.promises.unsure.add("late");
  port.publish({ ...batch, sequence: 1, settled: 1, bytes: batch.end });
  life.engine.createStream("late").then(() => told.push("created"), () => {});
  life.promises.unsureStreams.add("late");
  for (let round = 0; round < 3; round++) await life.pass();
  const confirmed = sink.outcomes.filter(({ code }) => code === undefined);
  if (told.length + confirmed.length > 0) {
    throw new BrokenPromise("it confirms after it has failed");
  }
  if (life.failures.length !== 1) throw new BrokenPromise("it fails more than once");
}

/** Fills segments, so that some are removed and a message is moved; then it is closed. */
async function tellFirst(life: Life): Promise<void> {
  for (const stream of ["a", "ab", "b"]) await life.create(stream);
  const all = life.publisher(/^a/, "all");
  await all.send("stuck");
  const follower = life.follower("a");
  const other = life.follower("ab");
  let taken = 0;
  let otherTaken = 0;
  for (let round = 1; round <= 5; round++) {
    await all.send(`${round}.1`, `${round}.2`, `${round}.3`);
    taken = await follower.takeAllButFirst(round % 2 === 0, taken);
    otherTaken = await other.takeAllButFirst(round % 3 !== 0, otherTaken);
    if (round % 2 === 0) await life.pass();
  }
  follower.begin(1);
  await life.delete("b");
  await life.create("b");
  const one = life.publisher("b", "one");
  await one.send("in b");
  follower.close();
  other.close();
  await life.pass();
  await life.wait(life.engine.close());
}

/** Goes on where the first one ended, and is killed. */
async function tellSecond(life: Life): Promise<void> {
  await life.create("c");
  await life.publisher("c", "c").send("in c", "also in c");
  const follower = life.follower("ab");
  await follower.takeAllButFirst(true);
  await life.publisher(/./, "everywhere").send("everywhere");
  await life.pass();
}

/** Finds a torn end, perhaps, and is killed as well. */
async function tellThird(life: Life): Promise<void> {
  await life.publisher("a", "last").send("the last one");
  await life.delete("c");
  await life.pass();
}
