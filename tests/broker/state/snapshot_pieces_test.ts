/**
 * Whatever a broker remembers is told in small pieces, and is the same when it is read again.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { BrokerError } from "../../../protocol.ts";
import type { SnapshotPiece } from "../../../src/broker/state/snapshot.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { codePoint } from "../../support/wire/arbitraries.ts";
import { describeStreams, TestBroker } from "../../support/broker/test_broker.ts";
import { describePublishers } from "./restoration_run.ts";

/** What one publisher has sent: batches, some of them refused, to streams as they were then. */
interface Sent {
  readonly count: number;
  readonly skip: number;
  readonly streams: number;
  readonly id: number;
  readonly isRefused: boolean;
}

const name = fc.tuple(fc.nat(999), fc.nat(120)).map(([number, length]) =>
  `s${number}`.padEnd(1 + length, "-x")
);
const messageIds = fc.oneof(
  fc.constant(["one", "two", "three"]),
  fc.uniqueArray(fc.string({ unit: codePoint, minLength: 1, maxLength: 40 }), {
    maxLength: 12,
  }),
);
const sent: fc.Arbitrary<Sent> = fc.record({
  count: fc.integer({ min: 1, max: 4096 }),
  skip: fc.constantFrom(0, 0, 0, 1, 5),
  streams: fc.integer({ min: 0, max: 6 }),
  id: fc.nat(1000),
  isRefused: fc.boolean(),
});

/** A stream's name, the dedup ids that it has seen, and the id of the first of them. */
type ToldStream = readonly [name: string, messageIds: readonly string[], firstId: number];

/** Makes a broker that remembers something. */
function fill(streams: readonly ToldStream[], publishers: Sent[][]) {
  const test = new TestBroker();
  const { state } = test.broker;
  for (const [name, ids, shift] of streams) {
    if (state.router.getStream(name) !== undefined) continue;
    test.create(name);
    const { dedupIds, options } = state.router.getStream(name)!;
    ids.forEach((dedupId, id) =>
      dedupIds.add(dedupId, { id: id + shift, at: 1000, isStored: true }, options.dedupWindowMs)
    );
  }
  publishers.forEach((batches, index) => {
    const record = state.publishers.open(`p${index}`);
    record.number = index + 1;
    for (const { count, skip, streams, id, isRefused } of batches) {
      const batch = record.note(record.lastSequence + 1 + skip, count);
      const storedIn = Array.from({ length: streams }, (_, at) => ({
        stream: `s${at}`,
        firstId: id + at * 100,
      }));
      const error = new BrokerError("MEMORY_FULL", "full");
      record.conclude(batch, isRefused ? { storedIn: [], error } : { storedIn });
    }
    if (batches.length > 2) record.forgetBelow(1 + batches[0]!.count);
  });
  return test;
}

/** Makes a broker of pieces as they are read. */
function restore(pieces: readonly SnapshotPiece[]): TestBroker {
  const test = new TestBroker();
  const { state } = test.broker;
  state.beginRestoration();
  for (const piece of pieces) state.restorePiece(JSON.parse(JSON.stringify(piece)));
  state.finishRestoration(test.now);
  return test;
}

/** Everything that a snapshot is to keep. */
function describe(test: TestBroker): unknown {
  const { router, nextStreamNumber } = test.broker.state;
  return {
    nextStreamNumber,
    streams: [...router.streams].map(({ number, name, intake, dedupIds }) => [
      number,
      name,
      intake.storedNextId,
      dedupIds.takeSnapshot(1000, 1000),
    ]),
    publishers: describePublishers(test),
  };
}

Deno.test("a snapshot in pieces, however small, is what it was taken of (random)", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, messageIds, fc.nat(5)), { maxLength: 8 }),
      fc.array(fc.array(sent, { maxLength: 12 }), { maxLength: 5 }),
      fc.constantFrom(1, 50, 200, 2000, undefined),
      (streams, publishers, bytesMax) => {
        const test = fill(streams, publishers);
        const pieces = [...test.broker.state.takeSnapshot(test.now, bytesMax)];
        for (const piece of pieces) {
          const bytes = new TextEncoder().encode(JSON.stringify(piece)).length;
          // One thing may be larger than a piece: a name, a dedup id.
          assert(bytes <= 1000 + 3 * (bytesMax ?? 64 * 1024), `${bytes} bytes: ${piece.piece}`);
        }
        const restored = restore(pieces);
        assertEquals(describe(restored), describe(test));
        for (const record of restored.broker.state.publishers.records) {
          for (const { from, to } of record.listGaps()) {
            assertEquals([record.hasSeen(from), record.hasSeen(to - 1)], [false, false]);
          }
          for (const { sequence } of record.stored) assert(record.hasSeen(sequence));
          assert(record.hasSeen(record.lastStoredSequence) || record.lastStoredSequence === 0);
        }
      },
    ),
    fuzz(300),
  );
});

Deno.test("a snapshot of a broker with much to remember is many pieces, none of them large", () => {
  const test = new TestBroker();
  const { state } = test.broker;
  for (let number = 0; number < 5; number++) {
    const name = `s${number}`.padEnd(128, "-");
    test.create(name);
    const { dedupIds, options } = state.router.getStream(name)!;
    for (let id = 0; id < 3000; id++) {
      const message = { id, at: 1000, isStored: true };
      dedupIds.add(`${id}`.padEnd(128, "."), message, options.dedupWindowMs);
    }
  }
  const names = [...state.router.streams].map(({ name }) => name);
  for (let number = 1; number <= 3; number++) {
    const record = state.publishers.open(`p${number}`);
    record.number = number;
    for (let sequence = 1; sequence <= 3000; sequence++) {
      const storedIn = names.map((stream) => ({ stream, firstId: 3 * sequence + number }));
      record.conclude(record.note(sequence, 1), { storedIn });
    }
  }
  const sizes = [...state.takeSnapshot(test.now)].map((piece) => JSON.stringify(piece).length);
  assert(Math.max(...sizes) < 100_000, `${Math.max(...sizes)}`);
  assert(sizes.length > 30, `${sizes.length}`);
  // Of the names of streams there is one copy for each publisher, and not one for each batch.
  const outcomes = [...state.takeSnapshot(test.now)].filter(({ piece }) => piece === "outcomes");
  assertEquals(JSON.stringify(outcomes).includes("s0-"), false);
});

/** What somebody does while a snapshot is taken: nothing of it is durable before the snapshot is. */
const actions: Record<string, (test: TestBroker, pick: number) => void> = {
  create: (test, pick) => test.create(`new${pick % 4}`),
  remove: (test, pick) => {
    const streams = describeStreams(test.broker);
    const stream = streams[pick % Math.max(1, streams.length)];
    if (stream !== undefined) test.broker.deleteStream(stream.name);
  },
  update: (test, pick) => {
    const [stream] = describeStreams(test.broker);
    if (stream) test.broker.updateStream(stream.name, { maxDeliveries: 1 + pick });
  },
  pause: (test, pick) => {
    const stream = describeStreams(test.broker).at(-1);
    if (stream) test.broker.pauseStream(stream.name, pick % 2 === 0);
  },
  publish: (test, pick) => test.publisher(/./, `p${pick % 6}`).publishAs(1 + pick, "x", "y"),
  end: (test, pick) => test.publisher(/./, `p${pick % 6}`).publisher.close(),
};

Deno.test("what is decided between two pieces of a snapshot is told by what is written behind it (random)", () => {
  const action = fc.tuple(fc.constantFrom(...Object.keys(actions)), fc.nat(50));
  const between = fc.array(fc.array(action, { maxLength: 3 }), { maxLength: 30 });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 15 }), between, (before, between) => {
      const test = new TestBroker("a", "b", "c");
      for (const [what, pick] of before) actions[what]!(test, pick);
      const at = test.events.length;
      test.isSlow = true;
      const pieces: SnapshotPiece[] = [];
      let step = 0;
      for (const piece of test.broker.state.takeSnapshot(test.now, 1)) {
        pieces.push(JSON.parse(JSON.stringify(piece)));
        for (const [what, pick] of between[step++] ?? []) actions[what]!(test, pick);
      }
      test.sync();
      const again = new TestBroker();
      const { state } = again.broker;
      state.beginRestoration();
      for (const piece of pieces) state.restorePiece(piece);
      for (const event of test.events.slice(at)) state.apply(event);
      state.finishRestoration(again.now);
      const look = ({ broker }: TestBroker) => ({
        streams: describeStreams(broker).map(({ name, nextId, options, isPaused }) => {
          return { name, nextId, maxDeliveries: options.maxDeliveries, isPaused };
        }),
        numbers: [broker.state.nextStreamNumber, broker.state.nextPublisherNumber],
        publishers: [...broker.state.publishers.records]
          .filter(({ number }) => number > 0)
          .map(({ number, identity, lastStoredSequence }) => [number, identity, lastStoredSequence])
          .sort(),
      });
      assertEquals(look(again), look(test));
    }),
    fuzz(300),
  );
});
