/**
 * What publishing does: to whom a batch goes, whether it was there before, whether there is room for
 * it, and what its publisher hears.
 *
 * @module
 */

import { BrokerError } from "../../../protocol.ts";
import { PropertyFlag, readProperties } from "../../protocol/messages/properties.ts";
import { resolveSpans } from "../../protocol/messages/spans.ts";
import type { BrokerParts } from "./broker_parts.ts";
import type { RememberedMessage } from "../store/dedup_window.ts";
import type { NumberedBatch, PublisherOptions, PublisherSink } from "../engine.ts";
import type { StoredAt } from "../event.ts";
import { SentBatch } from "../state/outcome_log.ts";
import type { PublisherRecord } from "../state/publisher_record.ts";
import type { Route } from "../state/route.ts";
import type { Stream } from "../stream/stream.ts";
import { findFull } from "../stream/stream_limits.ts";
import type { Removal } from "./removal.ts";

const SPAN_FLAGS = PropertyFlag.isDelay | PropertyFlag.isTtl;

/** A publisher of one session. */
export interface Publisher {
  readonly record: PublisherRecord;
  readonly route: Route;
  readonly sink: PublisherSink;
}

/** A message that was stored before under the same dedup id, in one of the streams. */
interface Duplicate {
  readonly stream: string;
  readonly message: RememberedMessage;
}

/** What is decided about a batch, until it is stored or not. */
interface Decision {
  readonly record: PublisherRecord;
  readonly sent: SentBatch;
  readonly streams: readonly Stream[];
  readonly storedIn: readonly StoredAt[];
  readonly batch: NumberedBatch;
  /** The dedup id of its only message, if that has one. */
  readonly dedupId: string | undefined;
}

/** Stores what publishers send. */
export class Publishing {
  readonly #parts: BrokerParts;
  readonly #removal: Removal;

  constructor(parts: BrokerParts, removal: Removal) {
    this.#parts = parts;
    this.#removal = removal;
  }

  /** Opens a publisher. */
  open(options: PublisherOptions, sink: PublisherSink, now: number): Publisher {
    const { router, publishers } = this.#parts.state;
    const route = router.makeRoute(options.bind);
    const { identity, sentUntil: until = 0, sentMs = now } = options;
    const sent = until > 0 ? { until, since: now - sentMs } : undefined;
    return { record: publishers.open(identity, sent), route, sink };
  }

  /** Stores a batch, unless it has been stored before; the publisher's sink hears what became of it. */
  publish(publisher: Publisher, batch: NumberedBatch, now: number): void {
    const { record } = publisher;
    record.settle(batch.settled);
    if (record.isDoubtful(batch.sequence)) return refuseDoubtful(publisher, batch);
    if (record.hasSeen(batch.sequence)) return repeatOutcome(publisher, batch);
    const streams = publisher.route.resolve(this.#parts.state.router);
    const { flags = 0 } = batch;
    let dedupId: string | undefined;
    if (flags !== 0) {
      if (flags & SPAN_FLAGS) resolveSpans(batch, now, this.#parts.state.calendar.aheadMs);
      dedupId = readDedupId(batch, flags);
    }
    const duplicates = dedupId === undefined ? [] : findDuplicates(streams, dedupId, now);
    if (duplicates.length > 0) return this.#answerDuplicate(publisher, batch, duplicates);
    const obstacle = this.#findObstacle(publisher, batch, streams) ??
      findFullStream(record, batch, streams, now);
    if (obstacle !== undefined) return this.refuse(publisher, batch, obstacle);
    this.#store(publisher, batch, { streams, dedupId, now });
  }

  /** Does not store a batch, and says why. */
  refuse(publisher: Publisher, batch: NumberedBatch, error: BrokerError): void {
    const { record } = publisher;
    if (record.isDoubtful(batch.sequence)) return refuseDoubtful(publisher, batch);
    if (record.hasSeen(batch.sequence)) return repeatOutcome(publisher, batch);
    refuseNew(publisher, batch, error);
  }

  #store(
    publisher: Publisher,
    batch: NumberedBatch,
    { streams, dedupId, now }: {
      readonly streams: readonly Stream[];
      readonly dedupId: string | undefined;
      readonly now: number;
    },
  ): void {
    const { record } = publisher;
    const { count, sequence, bytes, flags = 0 } = batch;
    const storedAt = Math.floor(now);
    const storedIn: StoredAt[] = [];
    for (const stream of streams) {
      const { name, number, options: { ttlMs } } = stream;
      const firstId = stream.intake.reserve(count, bytes);
      storedIn.push({
        stream: name,
        number,
        firstId,
        ...ttlMs !== null && { expiresAt: storedAt + ttlMs },
      });
      if (dedupId === undefined) continue;
      const message = { id: firstId, at: storedAt, isStored: false };
      stream.dedupIds.add(dedupId, message, stream.options.dedupWindowMs);
    }
    const sent = record.note(sequence, count);
    record.answer(sent, ({ error }) => {
      if (error === undefined) publisher.sink.confirm(batch, storedIn, false, false);
      else publisher.sink.refuse(batch, error);
    });
    const decision = { record, sent, streams, storedIn, batch, dedupId };
    this.#parts.store(
      {
        type: "published",
        publisher: this.#numberOf(record),
        sequence,
        settled: record.settledSequence,
        storedIn,
        storedAt,
        flags,
        batch,
      },
      {
        stored: (event) => {
          this.#parts.state.apply(event);
          this.#noteStored(decision);
        },
        failed: (error) => this.#takeBack(decision, error),
      },
    );
  }

  #noteStored({ record, sent, streams, storedIn, batch, dedupId }: Decision): void {
    const { count, bytes } = batch;
    for (let index = 0; index < streams.length; index++) {
      const stream = streams[index]!;
      const { firstId } = storedIn[index]!;
      stream.intake.conclude(count, bytes);
      if (dedupId !== undefined) markStored(stream, dedupId, firstId);
      this.#removal.makeRoom(stream, { firstId, count });
    }
    record.conclude(sent, { storedIn });
  }

  /** Takes back what was decided about a batch that could not be stored. */
  #takeBack(
    { record, sent, streams, storedIn, batch, dedupId }: Decision,
    error: BrokerError,
  ): void {
    streams.forEach((stream, index) => {
      const { firstId } = storedIn[index]!;
      stream.intake.conclude(batch.count, batch.bytes);
      stream.intake.returnIds(firstId);
      if (dedupId !== undefined) stream.dedupIds.delete(dedupId, firstId);
    });
    record.conclude(sent, { storedIn: [], error });
  }

  /** Answers a message that was stored before, under the same dedup id, as it was answered then. */
  #answerDuplicate(
    publisher: Publisher,
    batch: NumberedBatch,
    duplicates: readonly Duplicate[],
  ): void {
    const { record, sink } = publisher;
    const { sequence, count } = batch;
    const sent = record.note(sequence, count);
    const storedIn = duplicates.map(({ stream, message }) => ({ stream, firstId: message.id }));
    record.answer(sent, ({ error }) => {
      if (error === undefined) sink.confirm(batch, storedIn, true, true);
      else sink.refuse(batch, error);
    });
    sent.hasSameId = true;
    // The first one may not be durable yet, or it may turn out that there is no room for it.
    this.#parts.settle(() => {
      const isStored = duplicates.every(({ message }) => message.isStored);
      const error = this.#parts.findObstacle(batch.bytes) ?? explainNotStored();
      record.conclude(sent, isStored ? { storedIn } : { storedIn: [], error });
    });
  }

  /** Why a batch cannot be stored, if it cannot. */
  #findObstacle(
    publisher: Publisher,
    batch: NumberedBatch,
    streams: readonly Stream[],
  ): BrokerError | undefined {
    if (streams.length === 0) return publisher.route.explainNoStream();
    for (const { damage } of streams) if (damage !== undefined) return damage;
    return this.#parts.findObstacle(batch.bytes * streams.length);
  }

  /** The number of a publisher, which it gets when it stores something for the first time. */
  #numberOf(record: PublisherRecord): number {
    if (record.number === 0) {
      const { identity, doubtfulUntil } = record;
      record.number = this.#parts.state.nextPublisherNumber;
      const { number } = record;
      const doubt = doubtfulUntil > 0 && { doubtfulUntil };
      this.#parts.commit({ type: "publisherOpened", number, identity, ...doubt });
    }
    return record.number;
  }
}

/**
 * Tells why a batch has no room in one of its streams, if it has not. What its publisher had sent
 * before it could know that has none either, or it would overtake what was sent first.
 */
function findFullStream(
  record: PublisherRecord,
  batch: NumberedBatch,
  streams: readonly Stream[],
  now: number,
): BrokerError | undefined {
  const { refusedFull } = record;
  if (refusedFull !== undefined) {
    if (batch.settled <= refusedFull.sequence) return refusedFull.error;
    record.refusedFull = undefined;
  }
  for (const stream of streams) {
    const error = findFull(stream, batch, now);
    if (error === undefined) continue;
    record.refusedFull = { sequence: batch.sequence, error };
    return error;
  }
  return undefined;
}

/** The dedup id of a batch's only message, if it has one. */
function readDedupId(batch: NumberedBatch, flags: number): string | undefined {
  if ((flags & PropertyFlag.dedupId) === 0) return undefined;
  if (batch.count === 1) return readProperties(batch.buffer, batch.start).dedupId;
  throw new BrokerError(
    "BAD_FRAME",
    `Cannot publish: a message with a dedup id is the only one of its batch, found ${batch.count}`,
  );
}

function findDuplicates(
  streams: readonly Stream[],
  dedupId: string,
  now: number,
): Duplicate[] {
  return streams.flatMap(({ name, dedupIds, options }) => {
    const message = dedupIds.find(dedupId, now, options.dedupWindowMs);
    return message === undefined ? [] : [{ stream: name, message }];
  });
}

function markStored({ dedupIds, options }: Stream, dedupId: string, id: number): void {
  const message = dedupIds.find(dedupId, -Infinity, options.dedupWindowMs);
  if (message?.id === id) message.isStored = true;
}

function explainNotStored(): BrokerError {
  return new BrokerError("DISK_FULL", "Cannot publish: there was no room for the same message");
}

/** Answers a batch that has been seen before as it was answered then. */
function repeatOutcome(publisher: Publisher, batch: NumberedBatch): void {
  const { lastSequence } = publisher.record;
  if (batch.sequence + batch.count - 1 > lastSequence) {
    // To confirm it would lose its end, to store it would store its beginning twice.
    throw new BrokerError(
      "BAD_FRAME",
      `Cannot publish messages ${batch.sequence} to ${batch.sequence + batch.count - 1} again: ` +
        `the last one seen is ${lastSequence}, and batches are repeated as they were cut`,
    );
  }
  const { record, sink } = publisher;
  record.answer(
    record.recall(batch.sequence) ?? forgottenBatch(batch),
    ({ storedIn, error, hasSameId }) => {
      if (error !== undefined) sink.refuse(batch, error);
      else sink.confirm(batch, storedIn, true, hasSameId);
    },
  );
}

/** Notes a batch that is not stored, and answers it. */
function refuseNew({ record, sink }: Publisher, batch: NumberedBatch, error: BrokerError): void {
  const sent = record.note(batch.sequence, batch.count);
  record.conclude(sent, { storedIn: [], error });
  record.answer(sent, () => sink.refuse(batch, error));
}

/** Refuses a batch that may have been stored before: nobody knows. */
function refuseDoubtful(publisher: Publisher, batch: NumberedBatch): void {
  const { sequence, count } = batch;
  const what = count === 1
    ? `message ${sequence}`
    : `messages ${sequence} to ${sequence + count - 1}`;
  const error = new BrokerError(
    "PUBLISHER_FORGOTTEN",
    `Cannot publish ${what} of this publisher again: it was away for so long, or so many others were, ` +
      "that the broker has forgotten whether it was stored",
  );
  refuseNew(publisher, batch, error);
}

/** A batch that was stored; which ids its messages have got is not remembered. */
function forgottenBatch({ sequence, count }: NumberedBatch): SentBatch {
  const batch = new SentBatch(sequence, count);
  batch.isConcluded = true;
  return batch;
}
