import { BrokerError } from "../../../protocol.ts";
import { COALESCE_FLAG } from "../../protocol/messages/batch.ts";
import { resolveSpans, SPAN_FLAGS } from "../../protocol/messages/spans.ts";
import type {
  Allowance,
  EnginePublisher,
  NumberedBatch,
  PublisherInit,
  PublisherSink,
  StoredIn,
  StreamFilter,
} from "../engine.ts";
import type { CoalescePlan } from "../coalescing/coalesce_plan.ts";
import type { Coalescing } from "../coalescing/coalescing.ts";
import type { StoredAt } from "../event.ts";
import { SentBatch } from "../state/outcome_log.ts";
import type { PublisherRecord } from "../state/publisher_record.ts";
import { Route } from "../state/route.ts";
import {
  type Duplicate,
  explainNotStored,
  findDuplicates,
  readDedupId,
} from "../stream/dedup_check.ts";
import type { Stream } from "../stream/stream.ts";
import { findFull, findFullLane, reserveLanes } from "../stream/stream_limits.ts";
import type { RuleContext } from "./rule_context.ts";
import type { Removal } from "./removal.ts";

/** A decision about a batch that is not stored or refused yet. */
interface Decision {
  readonly record: PublisherRecord;
  readonly sent: SentBatch;
  readonly streams: readonly Stream[];
  readonly storedIn: readonly StoredAt[];
  /** What its publisher is told. */
  readonly told: readonly StoredIn[];
  readonly batch: NumberedBatch;
  /** The dedup id of its only message, if that has one. */
  readonly dedupId: string | undefined;
  /** What becomes of others, if its only message has a coalescing id. */
  readonly plan: CoalescePlan | undefined;
}

/** The streams of a batch that are stored in about the time of a step. */
const STREAMS_PER_STEP = 8;

/** How a publisher is opened. */
export interface BrokerPublisherSetup {
  readonly context: RuleContext;
  readonly removal: Removal;
  readonly coalescing: Coalescing;
  readonly init: PublisherInit;
  readonly sink: PublisherSink;
}

/**
 * A publisher of one session: decides which streams a batch goes to, whether it was stored before, and
 * whether there is room; reports the outcome to its sink.
 */
export class BrokerPublisher implements EnginePublisher {
  readonly #context: RuleContext;
  readonly #removal: Removal;
  readonly #coalescing: Coalescing;
  readonly #record: PublisherRecord;
  readonly #route: Route;
  readonly #sink: PublisherSink;
  readonly #ended: (() => void) | undefined;
  #allowance: Allowance | undefined;

  /** Throws `BAD_STREAM_NAME`, `BAD_PATTERN` or `FORBIDDEN`. */
  constructor({ context, removal, coalescing, init, sink }: BrokerPublisherSetup) {
    const { router, publishers } = context.state;
    const now = context.now();
    const { identity, bind, owner, filter, sentUntil: until = 0, sentMs = now } = init;
    const isNew = publishers.checkOwner(identity, owner);
    this.#context = context;
    this.#removal = removal;
    this.#coalescing = coalescing;
    this.#sink = sink;
    this.#ended = init.ended;
    this.#route = new Route(bind, router, filter);
    this.#record = publishers.open(
      identity,
      until > 0 ? { until, since: now - sentMs } : undefined,
      owner,
    );
    if (isNew && this.#record.number > 0) this.#writeOpened();
  }

  publish(batch: NumberedBatch): void {
    const record = this.#record;
    record.forgetBelow(batch.settled);
    if (this.#answerKnown(batch)) return;
    const now = this.#context.now();
    const { calendar } = this.#context.state;
    const streams = this.#route.resolve();
    if (streams.length >= STREAMS_PER_STEP) {
      this.#context.state.router.steps += Math.floor(streams.length / STREAMS_PER_STEP);
    }
    const { flags = 0 } = batch;
    let dedupId: string | undefined;
    if (flags !== 0) {
      if (flags & SPAN_FLAGS) resolveSpans(batch, now, calendar.aheadMs);
      dedupId = readDedupId(batch, flags);
    }
    const duplicates = dedupId === undefined ? [] : findDuplicates(streams, dedupId, now);
    if (duplicates.length > 0) return this.#answerDuplicate(batch, duplicates);
    const plan = flags & COALESCE_FLAG ? this.#coalescing.plan(batch, streams, now) : undefined;
    const storing = plan === undefined ? streams : plan.storing;
    const obstacle = this.#findObstacle(batch, streams) ??
      findFullStream(record, batch, storing, { now, allowance: this.#allowance });
    if (obstacle !== undefined) {
      if (plan !== undefined) this.#coalescing.undo(plan);
      return this.#refuseNew(batch, obstacle);
    }
    if (plan !== undefined && storing.length === 0) return this.#keep(batch, plan, dedupId);
    this.#store(batch, { streams: storing, dedupId, plan, now });
  }

  refuse(batch: NumberedBatch, error: BrokerError): void {
    if (!this.#answerKnown(batch)) this.#refuseNew(batch, error);
  }

  close(): void {
    const { publishers } = this.#context.state;
    this.#route.close();
    publishers.close(this.#record);
    this.#ended?.();
  }

  lose(): void {
    const { state: { publishers }, hasten, now } = this.#context;
    this.#route.close();
    const forgottenAt = publishers.lose(this.#record, now());
    hasten?.(forgottenAt);
    this.#ended?.();
  }

  setFilter(filter: StreamFilter | undefined): void {
    this.#route.setFilter(filter);
  }

  setAllowance(allowance: Allowance | undefined): void {
    this.#allowance = allowance;
  }

  forbid(error: BrokerError): void {
    this.#route.forbid(error);
    // The answers to batches under way come first.
    this.#context.log.whenDurable(() => this.#sink.end(error));
  }

  #store(
    batch: NumberedBatch,
    { streams, dedupId, plan, now }: Pick<Decision, "streams" | "dedupId" | "plan"> & {
      readonly now: number;
    },
  ): void {
    const record = this.#record;
    const { count, sequence, bytes, flags = 0 } = batch;
    const storedAt = Math.floor(now);
    const storedIn: StoredAt[] = [];
    for (const stream of streams) {
      const { name, number, options: { ttlMs } } = stream;
      const firstId = stream.intake.reserve(count, bytes);
      reserveLanes(stream, firstId, batch);
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
    plan?.begin(storedIn, storedAt);
    const sent = record.note(sequence, count);
    const told = plan === undefined ? storedIn : plan.tell(storedIn);
    record.answer(sent, ({ error }) => {
      if (error === undefined) this.#sink.confirm(batch, told, false, false);
      else this.#sink.refuse(batch, error);
    });
    const decision = { record, sent, streams, storedIn, told, batch, dedupId, plan };
    const notes = plan?.notes;
    this.#context.log.store(
      {
        type: "published",
        publisher: this.#requireNumber(),
        sequence,
        settled: record.settledSequence,
        storedIn,
        storedAt,
        flags,
        ...notes !== undefined && { notes },
        batch,
      },
      {
        stored: (event) => {
          this.#context.state.apply(event);
          this.#noteStored(decision);
        },
        failed: (error) => {
          this.#context.counters.noteRefused(error.code);
          takeBack(decision, error);
          plan?.undo(storedIn, (stream, other) => this.#coalescing.putBack(stream, other));
        },
      },
    );
  }

  #noteStored({ record, sent, streams, storedIn, told, batch, dedupId, plan }: Decision): void {
    const { count, bytes } = batch;
    for (let index = 0; index < streams.length; index++) {
      const stream = streams[index]!;
      const { firstId } = storedIn[index]!;
      stream.intake.conclude(count, bytes);
      stream.share.lanes?.conclude(firstId);
      stream.counters.notePublished(count);
      if (dedupId !== undefined) stream.dedupIds.markStored(dedupId, firstId);
      if (plan !== undefined) this.#coalescing.noteStored(stream, firstId);
      this.#removal.makeRoom(stream, { firstId, count });
    }
    record.conclude(sent, { storedIn: told });
  }

  /** Answers a batch that was seen before, or may have been; returns whether it did. */
  #answerKnown(batch: NumberedBatch): boolean {
    const { sequence } = batch;
    if (this.#record.isDoubtful(sequence)) this.#refuseNew(batch, explainDoubt(batch));
    else if (this.#record.hasSeen(sequence)) this.#repeatOutcome(batch);
    else return false;
    return true;
  }

  /** Answers a batch that was seen before with the same outcome. */
  #repeatOutcome(batch: NumberedBatch): void {
    const record = this.#record;
    const { lastSequence } = record;
    if (batch.sequence + batch.count - 1 > lastSequence) {
      // Confirming it would lose its end, storing it would store its beginning twice.
      throw new BrokerError(
        "BAD_FRAME",
        `Cannot publish messages ${batch.sequence} to ${batch.sequence + batch.count - 1} again: ` +
          `the last one seen is ${lastSequence}, and batches are repeated as they were cut`,
      );
    }
    record.answer(
      record.recall(batch.sequence) ?? forgottenBatch(batch),
      ({ storedIn, error, hasSameId }) => {
        if (error !== undefined) this.#sink.refuse(batch, error);
        else this.#confirmAgain(batch, storedIn, hasSameId);
      },
    );
  }

  #confirmAgain(batch: NumberedBatch, storedIn: readonly StoredIn[], hasSameId: boolean): void {
    this.#context.counters.duplicates += batch.count;
    this.#sink.confirm(batch, storedIn, true, hasSameId);
  }

  /** Notes that a batch is refused, and answers it. */
  #refuseNew(batch: NumberedBatch, error: BrokerError): void {
    this.#context.counters.noteRefused(error.code);
    const sent = this.#record.note(batch.sequence, batch.count);
    this.#record.conclude(sent, { storedIn: [], error });
    this.#record.answer(sent, () => this.#sink.refuse(batch, error));
  }

  /** Answers a message whose dedup id is known with the outcome of the first one. */
  #answerDuplicate(batch: NumberedBatch, duplicates: readonly Duplicate[]): void {
    const record = this.#record;
    const sent = record.note(batch.sequence, batch.count);
    const storedIn = duplicates.map(({ stream, message }) => ({ stream, firstId: message.id }));
    record.answer(sent, ({ error }) => {
      if (error === undefined) this.#confirmAgain(batch, storedIn, true);
      else this.#sink.refuse(batch, error);
    });
    sent.hasSameId = true;
    // The first one may not be durable yet, or may be refused for lack of room.
    this.#context.log.whenDurable(() => {
      const isStored = duplicates.every(({ message }) => message.isStored);
      const error = this.#context.findObstacle(batch.bytes) ?? explainNotStored();
      if (!isStored) this.#context.counters.noteRefused(error.code);
      record.conclude(sent, isStored ? { storedIn } : { storedIn: [], error });
    });
  }

  /** Lets a message go: others of its coalescing id stay. */
  #keep(batch: NumberedBatch, plan: CoalescePlan, dedupId: string | undefined): void {
    const record = this.#record;
    const { sequence } = batch;
    const sent = record.note(sequence, batch.count);
    const storedIn = plan.tell([]);
    record.answer(sent, ({ error }) => {
      if (error === undefined) this.#sink.confirm(batch, storedIn, false, false);
      else this.#sink.refuse(batch, error);
    });
    this.#coalescing.keep(
      plan,
      {
        publisher: this.#requireNumber(),
        sequence,
        settled: record.settledSequence,
        ...dedupId !== undefined && { dedupId },
      },
      (error) =>
        record.conclude(sent, error === undefined ? { storedIn } : { storedIn: [], error }),
    );
  }

  /** The reason why a batch cannot be stored, if there is one. */
  #findObstacle(batch: NumberedBatch, streams: readonly Stream[]): BrokerError | undefined {
    if (streams.length === 0) return this.#route.explainNoStream();
    for (const { damage } of streams) if (damage !== undefined) return damage;
    return this.#context.findObstacle(batch.bytes * streams.length);
  }

  /** The publisher's number, assigned when it first stores something. */
  #requireNumber(): number {
    const record = this.#record;
    if (record.number === 0) {
      record.number = this.#context.state.nextPublisherNumber;
      this.#writeOpened();
    }
    return record.number;
  }

  #writeOpened(): void {
    const { number, identity, owner, doubtfulUntil } = this.#record;
    const doubt = doubtfulUntil > 0 && { doubtfulUntil };
    const whose = owner !== undefined && { owner };
    this.#context.commit({ type: "publisherOpened", number, identity, ...whose, ...doubt });
  }
}

/** Reverts the decision about a batch that could not be stored. */
function takeBack(
  { record, sent, streams, storedIn, batch, dedupId }: Decision,
  error: BrokerError,
): void {
  streams.forEach((stream, index) => {
    const { firstId } = storedIn[index]!;
    stream.intake.conclude(batch.count, batch.bytes);
    stream.share.lanes?.conclude(firstId);
    stream.intake.returnIds(firstId);
    if (dedupId !== undefined) stream.dedupIds.delete(dedupId, firstId);
  });
  record.conclude(sent, { storedIn: [], error });
}

/**
 * The error for a batch without room in one of its streams, or in what its user may still store, if there
 * is one. Batches that its publisher sent before it could know are refused, too, or they would overtake
 * this one.
 */
function findFullStream(
  record: PublisherRecord,
  batch: NumberedBatch,
  streams: readonly Stream[],
  { now, allowance }: { readonly now: number; readonly allowance: Allowance | undefined },
): BrokerError | undefined {
  const { refusedFull } = record;
  if (refusedFull !== undefined) {
    if (batch.settled <= refusedFull.sequence) return refusedFull.error;
    record.refusedFull = undefined;
  }
  let error: BrokerError | undefined;
  const { flags = 0 } = batch;
  for (const stream of streams) {
    error ??= findFull(stream, batch, now) ?? findFullLane(stream, batch, flags);
  }
  error ??= allowance?.take(batch.bytes * streams.length);
  if (error !== undefined) record.refusedFull = { sequence: batch.sequence, error };
  return error;
}

/** The error for a batch of which it is unknown whether it was stored. */
function explainDoubt({ sequence, count }: NumberedBatch): BrokerError {
  const what = count === 1
    ? `message ${sequence}`
    : `messages ${sequence} to ${sequence + count - 1}`;
  return new BrokerError(
    "PUBLISHER_FORGOTTEN",
    `Cannot publish ${what} again: the publisher was away too long, or too many others were; ` +
      "the broker no longer knows what was stored",
  );
}

/** A stored batch whose messages' ids are no longer remembered. */
function forgottenBatch({ sequence, count }: NumberedBatch): SentBatch {
  const batch = new SentBatch(sequence, count);
  batch.isConcluded = true;
  return batch;
}
