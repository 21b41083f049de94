/**
 * A journal of a few KiB in three segments that has some of everything in it: regex publishes, acks,
 * attempts, failures, dead letters, a purge, options, expiries, a deletion, a stream of a name that was there before, a message that was moved. What must
 * be read from it is known for the end of each group of the last segment.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import type { Engine, EnginePublisher } from "../../../src/broker/engine.ts";
import type { LocalEngine } from "../../../src/engine/local_engine.ts";
import {
  decodeSegmentHead,
  GROUP_HEAD_BYTES,
  SEGMENT_HEAD_BYTES,
  type SegmentHead,
} from "../../../src/engine/journal/segments/format.ts";
import { readSegmentName } from "../../../src/engine/journal/segments/segment_file.ts";
import { EngineUse } from "../../engine/engine_use.ts";
import { batchOf } from "../wire/batches.ts";
import { turn } from "../broker/broker.ts";
import { type JournalState, readState } from "./journal_state.ts";
import { openJournal, type TestJournalOptions } from "./journals.ts";
import { RecordingPublisherSink } from "../broker/recording_sinks.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { bindOf, type TestBind } from "../broker/test_broker.ts";
import { WatchedDisk } from "./watched_disk.ts";

/** A segment takes no more once it has so many bytes, or four times as many as its checkpoint. */
const SEGMENT_BYTES = 1200;

/** The time passes in steps after which everything is flushed. */
const STEP_MS = 10_000;

/** So long messages live in one of the streams: longer than any test. */
const TTL_MS = 1_000_000_000;

/** A segment of the journal. */
export interface SmallSegment {
  readonly name: string;
  readonly base: number;
  readonly size: number;
}

/** What must be read when so much of the last segment is there. */
export interface Mark {
  /** The offset behind a group. */
  readonly offset: number;
  readonly state: JournalState;
  /** How many batches are in it and before it. */
  readonly sentCount: number;
}

/** A batch that was confirmed. */
export interface SentText {
  readonly identity: string;
  readonly bind: TestBind;
  readonly sequence: number;
  readonly text: string;
  /** Where it was stored, as `stream:id`. */
  readonly stored: readonly string[];
}

/** A small journal after the end of its broker. */
export interface SmallJournal {
  /** The disk, as the end of the process left it. */
  readonly disk: SimulatedDisk;
  /** The segments, oldest first. */
  readonly segments: readonly SmallSegment[];
  readonly last: SmallSegment;
  /** What the head of the last one says. */
  readonly head: SegmentHead;
  /** What there was after each group of the last segment, the checkpoint first. */
  readonly marks: readonly Mark[];
  /** All that was confirmed, in order. */
  readonly sent: readonly SentText[];
}

/** Opens a small journal: its messages are read back from the disk, and nobody hears of trouble. */
export function openSmall(
  disk: SimulatedDisk | WatchedDisk,
  options: TestJournalOptions = {},
): Promise<LocalEngine> {
  return openJournal(disk, {
    level: "interval",
    segmentBytes: SEGMENT_BYTES,
    memoryLimit: 1,
    reserveBytes: 16,
    fail: () => {},
    ...options,
  });
}

/** Tells what a broker finds on a disk that is begun now and killed then. */
export async function readJournal(disk: SimulatedDisk): Promise<JournalState> {
  const state = await readState(await openSmall(disk));
  disk.processKill();
  // What the dead broker was about to do must not pile up.
  await turn();
  return state;
}

/** The segments on a disk, oldest first. */
export function listSegments(disk: SimulatedDisk): SmallSegment[] {
  const segments = disk.list().flatMap(({ name, size }) => {
    const base = readSegmentName(name);
    return base === undefined ? [] : [{ name, base, size }];
  });
  return segments.sort((one, other) => one.base - other.base);
}

/** Makes a journal whose broker was closed, or whose process was killed. */
export async function makeSmallJournal(end: "closed" | "killed"): Promise<SmallJournal> {
  const disk = new SimulatedDisk({ seed: 1 });
  const copies: Copy[] = [];
  const sent: SentText[] = [];
  const watched = new WatchedDisk(disk, (name, end) => {
    const base = readSegmentName(name.replace(/\.tmp$/, ""));
    // A segment that is being made has no group that counts yet.
    if (base === undefined || disk.list().some((entry) => entry.name === name)) return;
    copies.push({ position: base + end, copy: disk.clone(1), sentBefore: sent.length });
  });
  const story = new Story(disk, watched, sent);
  await story.fill();
  const first = copies.length - 1;
  await story.tell();
  if (end === "closed") await story.close();
  disk.processKill();
  const segments = listSegments(disk);
  const last = segments.at(-1)!;
  const bytes = disk.readAll(last.name);
  const checkpointBytes = new DataView(bytes.buffer).getUint32(SEGMENT_HEAD_BYTES + 4);
  const marks: Mark[] = [];
  for (const [index, { position, copy }] of copies.entries()) {
    if (index < first) continue;
    marks.push({
      offset: index === first
        ? SEGMENT_HEAD_BYTES + GROUP_HEAD_BYTES + checkpointBytes
        : position - last.base,
      state: await readJournal(copy),
      sentCount: copies[index + 1]?.sentBefore ?? sent.length,
    });
  }
  const head = decodeSegmentHead(bytes) as SegmentHead;
  return { disk, segments, last, head, marks, sent };
}

/** The journal as it was when a group had been written. */
interface Copy {
  /** The position behind the group. */
  readonly position: number;
  readonly copy: SimulatedDisk;
  /** How many batches had been confirmed before it was written. */
  readonly sentBefore: number;
}

/** What happens in a small journal: the lives of two brokers. */
class Story {
  readonly #disk: SimulatedDisk;
  readonly #watched: WatchedDisk;
  readonly #sent: SentText[];
  readonly #clock = { now: STEP_MS };
  #engine: LocalEngine | undefined;

  constructor(disk: SimulatedDisk, watched: WatchedDisk, sent: SentText[]) {
    this.#disk = disk;
    this.#watched = watched;
    this.#sent = sent;
  }

  /** Fills segments until a message has been moved and the first segment is gone. */
  async fill(): Promise<void> {
    const use = await this.#begin(SEGMENT_BYTES);
    await use.create("a", "ab", "b");
    // What is stored in it has an expiry that is told again when it is moved.
    await use.engine.updateStream("a", { ttlMs: TTL_MS });
    const [one, all, other] = this.#openSenders();
    await one.store("stuck");
    one.close();
    const followers = [use.follower("a"), use.follower("ab")];
    for (let round = 1; listSegments(this.#disk)[0]!.base === 0; round++) {
      assertLess(round, 40, "at some time the first segment is gone");
      await all.store(`f${round}`);
      for (const [index, follower] of followers.entries()) {
        // The first message of "a" is held all the time.
        const tag = index === 0 ? round + 1 : round;
        await follower.received(tag);
        if (round % 5 !== 4) follower.port.ack([{ firstTag: tag, count: 1 }], false);
      }
      await this.#flush();
    }
    for (const { port } of followers) port.close(0);
    await other.store("t1");
    await all.store("t2");
    // Or all that they have sent would have to be remembered.
    for (const sender of [all, other]) sender.close();
    // What is flushed now is proven by a mark, and is not written anew by the next broker.
    for (let round = 0; round < 2; round++) await this.#flush();
    this.#disk.processKill();
    await turn();
  }

  /** Does a little of everything; some of it is proven to be flushed, and some is not. */
  async tell(): Promise<void> {
    // No segment is begun, and nothing is moved.
    const use = await this.#begin(64 * 1024);
    const [, all, other] = this.#openSenders();
    await all.store("t3");
    const follower = use.follower("a");
    await turn();
    const { tag } = follower.sink.messages.at(-1)!;
    follower.port.ack([{ firstTag: tag, count: 1 }], false);
    await turn();
    await use.engine.deleteStream("b");
    await use.create("b");
    await this.#flush();
    await other.store("t4");
    for (const text of ["dropped", "dead"]) await other.store(text);
    const failing = use.follower("b");
    await failing.received(3);
    await failing.nack([1], { delayMs: 0, reason: "failed" });
    await failing.reject([2], "rejected");
    await turn();
    await use.engine.purgeStream("b.dead");
    await failing.reject([3], "rejected");
    failing.port.close(0);
    await use.engine.updateStream("b", { maxDeliveries: 5 });
    await turn();
    follower.port.begin([{ firstTag: 2, count: 1 }]);
    await turn();
    await follower.port.ack([{ firstTag: 1, count: 1 }], true);
    await use.engine.deleteStream("b");
    await use.create("b");
    await all.store("t5");
    await turn();
  }

  async close(): Promise<void> {
    await this.#engine!.close();
  }

  async #begin(segmentBytes: number): Promise<EngineUse> {
    const now = () => this.#clock.now;
    this.#engine = await openSmall(this.#watched, { segmentBytes, now });
    return new EngineUse(this.#engine);
  }

  #openSenders(): readonly [one: Sender, all: Sender, other: Sender] {
    const open = (identity: string, bind: TestBind) =>
      new Sender(this.#engine!, this.#sent, { bind, identity });
    return [open("one", "a"), open("all", /^a/), open("other", "b")];
  }

  async #flush(): Promise<void> {
    await turn();
    await turn();
    this.#engine!.tick(this.#clock.now += STEP_MS);
    this.#engine!.tend(this.#clock.now);
    await turn();
  }
}

/** A publisher that waits for each confirm, and asks for no more to be remembered. */
class Sender {
  readonly #port: EnginePublisher;
  readonly #sink = new RecordingPublisherSink();
  readonly #options: { readonly bind: TestBind; readonly identity: string };
  readonly #sent: SentText[];
  #sequence: number;
  #batchCount = 0;

  constructor(
    engine: Engine,
    sent: SentText[],
    options: { readonly bind: TestBind; readonly identity: string },
  ) {
    const { bind, identity } = options;
    this.#options = options;
    this.#sent = sent;
    // One that comes back counts on.
    this.#sequence = sent.filter((one) => one.identity === identity).length + 1;
    this.#port = engine.openPublisher({ identity, bind: bindOf(bind) }, this.#sink);
  }

  async store(text: string): Promise<void> {
    const batch = batchOf(text);
    const sequence = this.#sequence++;
    this.#port.publish({ ...batch, sequence, settled: sequence, bytes: batch.end });
    const { code, stored } = (await this.#sink.waitFor(++this.#batchCount)).at(-1)!;
    assertEquals(code, undefined);
    this.#sent.push({ ...this.#options, sequence, text, stored });
  }

  close(): void {
    this.#port.close();
  }
}
