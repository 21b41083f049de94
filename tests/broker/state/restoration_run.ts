/**
 * A broker in use, and others that are made again of what it has written down.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { BrokerError, type StreamOptionsInput } from "../../../protocol.ts";
import { PRIORITY_DEFAULT } from "../../../src/protocol/messages/entry.ts";
import { readProperties } from "../../../src/protocol/messages/properties.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import type { Event } from "../../../src/broker/event.ts";
import type { Segment } from "../../../src/broker/backlog/pager.ts";
import { Residency } from "../../../src/broker/backlog/residency.ts";
import { readPieceHead } from "../../../src/broker/events/piece_head.ts";
import type { SnapshotPiece } from "../../../src/broker/state/snapshot.ts";
import { peek } from "../../../src/broker/view/peeking.ts";
import type { Stream } from "../../../src/broker/stream/stream.ts";
import type { TimedRun } from "../../../src/broker/collections/timed_runs.ts";
import { textsOf } from "../../support/wire/batches.ts";
import { MemoryPager } from "../../support/disk/memory_pager.ts";
import {
  describeStreams,
  TestBroker,
  type TestFollower,
  type TestPublisher,
} from "../../support/broker/test_broker.ts";

export const STREAMS: readonly string[] = ["a1", "a2", "b1"];
export const BINDS: readonly (string | RegExp)[] = ["a1", "b1", /^a/, /1$/, /./];
export const SLOT_COUNT: number = 4;

/** What is set for all streams: no message is given up unless it is rejected. */
export const OPTIONS: StreamOptionsInput = {
  maxDeliveries: 65_535,
  ttlMs: 900_000,
  backoffMs: [0, 60_000],
};

/** A snapshot on its way through the journal. */
export interface Checkpoint {
  /** What was written before it: so many events. */
  readonly at: number;
  readonly snapshot: readonly SnapshotPiece[];
  /** Whether what is behind it is enough. */
  isComplete: boolean;
  /** Behind which event it is so, if everything in between is written. */
  completeAt: number;
}

/** A publisher that numbers its messages over all its connections. */
export interface PublisherSlot {
  port: TestPublisher | undefined;
  nextSequence: number;
  readonly sent: { readonly sequence: number; readonly texts: readonly string[] }[];
}

/** A broker in use that keeps little in memory, and writes everything down. */
export class Run {
  readonly pager: MemoryPager = new MemoryPager();
  readonly test: TestBroker = new TestBroker(new Residency({ bytesMax: 0, pager: this.pager }));
  readonly segments: Segment[] = [];
  readonly checkpoints: Checkpoint[] = [];
  readonly followers: (TestFollower | undefined)[] = [];
  readonly publishers: PublisherSlot[] = BINDS.map(() => ({
    port: undefined,
    nextSequence: 1,
    sent: [],
  }));
  /** Whether messages may have keys. */
  readonly hasKeys: boolean;
  #textCount = 0;

  constructor(hasKeys: boolean) {
    this.hasKeys = hasKeys;
    for (const stream of STREAMS) this.test.create(stream, OPTIONS);
    this.beginSegment();
  }

  get broker(): Broker {
    return this.test.broker;
  }

  beginSegment(): void {
    const segment = this.pager.begin();
    this.segments.push(segment);
    this.test.write = (batch) => this.pager.store(segment, batch);
  }

  /** Messages of many sizes, so that slabs of some are full soon. */
  makeTexts(count: number): string[] {
    return Array.from({ length: count }, () => {
      const number = ++this.#textCount;
      return `${number}`.padEnd(number % 5 === 0 ? 400 : number % 50, ".");
    });
  }

  open(who: number): PublisherSlot {
    const slot = this.publishers[who % BINDS.length]!;
    slot.port ??= this.test.publisher(BINDS[who % BINDS.length]!, `p${who % BINDS.length}`);
    return slot;
  }

  /** Begins a segment with a snapshot. */
  checkpoint(): Checkpoint {
    // Pieces of a few bytes: whatever there is comes in many of them.
    const taken = [...this.broker.state.takeSnapshot(this.test.now, 60)];
    const snapshot = JSON.parse(JSON.stringify(taken)) as SnapshotPiece[];
    const at = this.test.durableCount;
    const checkpoint = { at, snapshot, isComplete: false, completeAt: Infinity };
    this.checkpoints.push(checkpoint);
    this.beginSegment();
    return checkpoint;
  }

  /** Moves all messages that there are behind a snapshot: what is before it is not needed. */
  compact(): void {
    const checkpoint = this.checkpoint();
    for (const segment of this.segments.slice(0, -1)) {
      for (const run of this.broker.findLive(segment).next(Infinity)) {
        const { number, firstId, count, read, listTimes, listFacts } = run;
        const facts = listFacts({ firstId, count });
        for (let id = firstId; id < firstId + count;) {
          const batch = read({ firstId: id, count: firstId + count - id }, 2000);
          const storedAt = listTimes({ firstId: id, count: batch.count });
          this.test.move({ type: "moved", number, firstId: id, storedAt, batch });
          id += batch.count;
        }
        for (const fact of facts) this.test.commit(fact);
      }
    }
    checkpoint.isComplete = true;
    checkpoint.completeAt = this.test.events.length;
  }

  /** Has no room for what is not written yet. */
  fail(): void {
    for (const checkpoint of this.checkpoints) {
      if (checkpoint.completeAt > this.test.durableCount) checkpoint.isComplete = false;
    }
    this.test.fail(new BrokerError("DISK_FULL", "full"));
  }

  /** Makes a broker again of the events from one on, and of a snapshot that stands among them. */
  restore(from: number, checkpoint?: Checkpoint): TestBroker {
    const test = new TestBroker(new Residency({ bytesMax: 0, pager: this.pager }));
    const segments = new Map(this.segments.map((one) => [one, this.pager.copy(one)]));
    test.broker.state.beginRestoration();
    for (let index = from; index <= this.test.events.length; index++) {
      // Later ones, too: most of what they repeat is known by then.
      for (const { at, snapshot } of this.checkpoints) {
        if (at === index && at >= (checkpoint?.at ?? from)) replayPieces(test, snapshot);
      }
      const event = this.test.events[index];
      if (event !== undefined) test.broker.apply(relocate(event, segments));
    }
    test.broker.state.finishRestoration(this.test.now);
    checkLiveCounts(test.broker, segments.values());
    return test;
  }
}

/** Has pieces taken over as a journal does that reads them: what is known is passed. */
function replayPieces({ broker: { state } }: TestBroker, snapshot: readonly SnapshotPiece[]): void {
  const read = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as SnapshotPiece;
  for (const piece of snapshot) {
    const bytes = new TextEncoder().encode(JSON.stringify(piece));
    const head = readPieceHead(bytes, read);
    if (head === undefined || !state.passPiece(head)) state.restorePiece(read(bytes));
  }
}

/** The same event with its messages in another segment. */
function relocate(event: Event, segments: ReadonlyMap<Segment, Segment>): Event {
  if (!("place" in event) || event.place === undefined) return event;
  const { segment, offset } = event.place;
  return { ...event, place: { segment: segments.get(segment)!, offset } };
}

/** What is in segments must be what is in streams, or they would never be free. */
export function checkLiveCounts(broker: Broker, segments: Iterable<Segment>): void {
  const live = [...segments].reduce((sum, { liveCount, liveBytes }) => [
    sum[0]! + liveCount,
    sum[1]! + liveBytes,
  ], [0, 0]);
  const streams = describeStreams(broker);
  const count = streams.reduce(
    (sum, { ready, delayed, pending }) => sum + ready + delayed + pending,
    0,
  );
  assertEquals(live, [count, broker.bytes], "live messages and bytes in all segments");
}

/**
 * Everything that a broker knows and somebody can see. Nobody holds anything, before and behind.
 *
 * @param isOrdered Whether the order counts in which messages are delivered. With keys it does not: a
 * message that was delivered once holds its key, and only a broker that was made again has forgotten.
 */
export function describe(test: TestBroker, isOrdered: boolean): unknown {
  const { state } = test.broker;
  // What has happened is counted from the start; a start knows nothing of parked messages.
  const infos = describeStreams(test.broker).map(({ totals: _, parked: _parked, ...info }) => info);
  assert(infos.every(({ pending, followers }) => pending + followers === 0));
  const messages = isOrdered ? observe(test) : infos.flatMap(({ name }) => look(test, name));
  return {
    numbers: [state.nextStreamNumber, state.nextPublisherNumber],
    streams: [...state.takeSnapshot(test.now)].flatMap((piece) =>
      piece.piece === "stream" ? [[piece.number, piece.name, piece.nextId]] : []
    ).sort(),
    infos,
    messages: infos.map(({ name }) => messages.filter((one) => one.startsWith(`${name}:`))),
    times: [...test.broker.state.router.streams].map((stream) => describeTimes(stream, test.now)),
    bytes: test.broker.bytes,
    publishers: describePublishers(test),
  };
}

/** What is remembered of publishers that have stored something, by number. */
export function describePublishers({ broker }: TestBroker): unknown[] {
  return [...broker.state.publishers.records]
    .filter(({ number }) => number > 0)
    .sort((one, other) => one.number - other.number)
    .map((record) => ({
      number: record.number,
      identity: record.identity,
      lastSequence: record.lastStoredSequence,
      gaps: record.listGaps(),
      stored: record.stored.map(({ sequence, count, storedIn }) => [
        sequence,
        count,
        ...storedIn.map(({ stream, firstId }) => `${stream}:${firstId}`),
      ]),
    }));
}

/** Has everything delivered that is ready; tells of it in its order. */
function observe(test: TestBroker): string[] {
  const follower = test.follower(/.|dead/, { name: "observer", bytes: Infinity });
  test.dispatch();
  follower.close(0);
  const { messages, times } = follower.sink;
  return messages.map(({ stream, id, attempts, text }, index) =>
    `${stream}:${id}×${attempts} ${times[index]} ${text}`
  );
}

/** Looks at all messages of a stream, by id. */
function look({ broker }: TestBroker, name: string): string[] {
  const messages: string[] = [];
  const stream = broker.state.router.requireStream(name);
  for (let from = 1;;) {
    const { infos, entries } = peek(stream, from, 1000);
    const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
    const texts = textsOf(batch);
    messages.push(
      ...infos.map(({ id, attempts, state, storedAt }, index) =>
        `${name}:${id}×${attempts} ${state} ${storedAt} ${texts[index]}`
      ),
    );
    if (infos.length === 0) return messages;
    from = infos.at(-1)!.id + 1;
  }
}

/**
 * Works everything off that can be: of each key there is one message out at a time, and in the end
 * all is gone but what is held back, and what waits behind that.
 */
export function workOff(test: TestBroker): void {
  const follower = test.follower(/.|dead/, { name: "worker", bytes: Infinity });
  const { messages } = follower.sink;
  const seen = new Set<string>();
  for (let done = 0;;) {
    test.dispatch();
    if (messages.length === done) break;
    const out = new Set<string>();
    for (; done < messages.length; done++) {
      const { stream, id, tag } = messages[done]!;
      const what = `${stream}:${id}`;
      assert(!seen.has(what), `${what} came twice`);
      seen.add(what);
      const key = readKey(test, stream, id);
      const isAlone = key === undefined || !out.has(`${stream} ${key}`);
      assert(isAlone, `${what} came while another message of ${key} was out`);
      out.add(`${stream} ${key}`);
      follower.ack(tag);
    }
  }
  for (const { name, share } of test.broker.state.router.streams) {
    const { ready, keys, delayed } = share;
    assertEquals(ready.count, 0, name);
    for (const { holder } of keys?.listWaits() ?? []) {
      assertEquals(delayed.find(holder, holder + 1).length, 1, `${name}:${holder} is held back`);
    }
  }
}

function readKey({ broker }: TestBroker, stream: string, id: number): string | undefined {
  const { buffer, start } = broker.state.router.getStream(stream)!.backlog.read(id, 1, 0);
  return readProperties(buffer, start).key;
}

/** What of a stream is held back, what expires, and which message ids it recognises. */
function describeTimes(
  { name, share: { delayed }, expiries, backlog, dedupIds, options }: Stream,
  now: number,
) {
  const spread = (runs: readonly TimedRun[]) =>
    runs.flatMap(({ firstId, count, at, attempts, priority = PRIORITY_DEFAULT }) =>
      backlog.findRuns({ fromId: firstId, toId: firstId + count }).flatMap((run) =>
        Array.from(
          { length: run.count },
          (_, index) => `${run.firstId + index} ${at} ${attempts} ${priority}`,
        )
      )
    );
  const recent = dedupIds.takeSnapshot(now, options.dedupWindowMs);
  return {
    name,
    delayed: spread(delayed.find(0, Infinity)).sort(),
    // A message that was moved may have been told of twice.
    expiries: [...new Set(spread(expiries.list()))].sort(),
    streamExpiries: [...new Set(spread(expiries.listOfStream()))].sort(),
    messageIds: recent.map(({ dedupId, id, at }) => `${dedupId} ${id} ${at}`).sort(),
  };
}

/** What went wrong with messages, by stream. */
export function listFailures({ broker }: TestBroker): unknown[] {
  return [...broker.state.router.streams].map((
    { name, share: { notes: { failures } } },
  ) => [
    name,
    // As it is written.
    JSON.parse(JSON.stringify([...failures].sort(([one], [other]) => one - other))),
  ]);
}
