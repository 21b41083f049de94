import { BrokerError, type DeadLetterCause, type MessageBatch } from "../../../protocol.ts";
import { findEntries } from "../../protocol/messages/batch.ts";
import { keepRedrives, type Redriven } from "../../protocol/messages/dead_letter.ts";
import { readProperties } from "../../protocol/messages/properties.ts";
import { StoryCopies } from "../../protocol/messages/story.ts";
import { deadNameOf, DELIVERIES_MAX } from "../../protocol/messages/stream_options.ts";
import { type Burial, BurialQueue } from "../pacing/burial_queue.ts";
import type { RuleContext } from "./rule_context.ts";
import type { RedriveCount } from "../engine.ts";
import { addFailure } from "../failures/failure.ts";
import {
  byFirstId,
  countIds,
  divideRanges,
  findRange,
  type IdRange,
  joinRanges,
} from "../collections/id_ranges.ts";
import { LogBusyError } from "../backlog/pager.ts";
import type { ReadyRun } from "../ready/ready_runs.ts";
import { MovingRoom } from "../pacing/moving_room.ts";
import { STREAMS_MAX } from "../state/router.ts";
import type { Removal } from "./removal.ts";
import { groupByFailure } from "../share/pending_ranges.ts";
import type { Share, UnheldRun } from "../share/share.ts";
import type { Stream } from "../stream/stream.ts";
import { readRedrives, tellStory } from "../stream/story.ts";
import { findFull } from "../stream/stream_limits.ts";

/** The most bytes that one event moves to another stream, unless a single message is larger. */
const TRANSFER_BYTES_MAX = 128 * 1024;

/** How many messages make an event, at most. */
const PIECE_MAX = 128;

/** A dead letter that goes back to its stream, if that is still there. */
interface Letter {
  readonly id: number;
  /** Where its entry is. */
  readonly buffer: Uint8Array;
  readonly offset: number;
  /** What it keeps of its story. */
  readonly left: Redriven | undefined;
  readonly target: Stream | undefined;
}

interface RedriveOutcome {
  count: number;
  error: BrokerError | undefined;
}

/**
 * Carries messages to the dead letters, and back.
 *
 * One event stores a message in the new stream and removes it from the old one: after a crash it is in
 * exactly one of the two. Until the event is durable, the message is in no list of its share.
 */
export class DeadLetters {
  readonly #parts: RuleContext;
  readonly #removal: Removal;
  readonly #room = new MovingRoom();
  readonly #waiting: BurialQueue;

  constructor(parts: RuleContext, removal: Removal) {
    this.#parts = parts;
    this.#removal = removal;
    this.#waiting = new BurialQueue({
      clock: parts.clock,
      turns: parts.turns,
      pieceMax: PIECE_MAX,
      isBusy: () => this.isBusy,
      isThere: ({ store }) => parts.state.router.getNumbered(store.number) === store,
      bury: (burial) => this.#bury({ ...burial, now: parts.now() }),
    });
  }

  /** Whether so many messages are about to be stored elsewhere that those which expire should wait for that. */
  get isBusy(): boolean {
    return this.#room.isFull("bury");
  }

  /**
   * Carries messages to the dead letters, or drops them if the stream has none.
   *
   * @param run Messages that are in none of the lists of their share.
   */
  bury(share: Share, run: ReadyRun, cause: DeadLetterCause, now: number): void {
    const { options: { deadLetter, deadLetterExpired }, isDead, counters } = share.store;
    if (cause === "expired") counters.noteExpired(run.count);
    const isKept = cause === "expired" ? deadLetterExpired : deadLetter;
    if (!isDead && isKept) return this.#bury({ share, run, cause, now });
    // Expiry was asked for, so the operator is not told.
    if (cause === "expired") return this.#removal.forgetExpired(share.store, run);
    this.#noteGivenUp({ share, run, cause, now }, run);
    this.#removal.forget(share.store, run);
  }

  /** Carries the first ready messages there: they were delivered as often as they may be. */
  exhaust(share: Share, run: ReadyRun, now: number): void {
    // The run is cut where it stands as messages leave it.
    const taken = { ...run };
    share.takeReady(taken.count);
    this.bury(share, taken, "maxDeliveries", now);
  }

  /**
   * Sends dead letters back to their streams, as many in a turn as there is time for, until there is no room;
   * rejects if not even one has room.
   */
  async redrive(share: Share, ids: readonly number[]): Promise<RedriveCount> {
    const wanted = joinRanges(ids.map((firstId) => ({ firstId, count: 1 })));
    const sent: RedriveOutcome = { count: 0, error: undefined };
    const { router } = this.#parts.state;
    const stream = router.getNumbered(share.store.number);
    const parts = divideRanges(wanted, PIECE_MAX);
    let leaveWaiting: (() => void) | undefined;
    let at = 0;
    await this.#parts.turns.work(() => {
      leaveWaiting?.();
      leaveWaiting = undefined;
      const isThere = router.getNumbered(share.store.number) === stream;
      if (at === parts.length || sent.error !== undefined || !isThere) return "done";
      if (this.#room.isFull("redrive")) {
        leaveWaiting = this.#room.wait();
        return "later";
      }
      const runs = share.takeUnheld(parts[at++]!).sort(byFirstId);
      for (const range of joinRanges(runs)) this.#redriveRange(share, runs, range, sent);
      this.#parts.dispatcher.noteReady(share);
      return "more";
    });
    await this.#parts.whenDurable();
    const { count, error } = sent;
    if (count === 0 && error !== undefined) throw error;
    return { count, skipped: countIds(wanted) - count };
  }

  /** Sends dead letters back, which were in some runs. */
  #redriveRange(
    share: Share,
    runs: readonly UnheldRun[],
    range: IdRange,
    sent: RedriveOutcome,
  ): void {
    const putBack = (rest: IdRange) => this.#putBack(share, runs, rest);
    const send = (letters: readonly Letter[]) => this.#send(share, letters, sent, putBack);
    for (const { batch, firstId } of this.#readPieces(share, range, putBack)) {
      let letters: Letter[] = [];
      findEntries(batch).forEach((offset, index) => {
        const { deadLetter } = readProperties(batch.buffer, offset);
        const target = deadLetter && this.#parts.state.router.getStream(deadLetter.stream);
        const left = deadLetter && keepRedrives(deadLetter);
        if (letters.length > 0 && letters[0]!.target !== target) {
          send(letters);
          letters = [];
        }
        letters.push({ id: firstId + index, buffer: batch.buffer, offset, left, target });
      });
      send(letters);
    }
  }

  /** Sends consecutive dead letters of one stream back together, or one by one where there is no room for all. */
  #send(
    share: Share,
    letters: readonly Letter[],
    sent: RedriveOutcome,
    putBack: (range: IdRange) => void,
  ): void {
    const { id: fromId, target } = letters[0]!;
    const count = letters.length;
    const range = { firstId: fromId, count };
    if (target === undefined || sent.error !== undefined) return putBack(range);
    const copies = new StoryCopies();
    for (const { buffer, offset, left } of letters) copies.add(buffer, offset, left);
    const batch = copies.finish();
    const now = this.#parts.now();
    const error = this.#findObstacle(target, batch, now);
    if (error !== undefined && count > 1) {
      for (const letter of letters) this.#send(share, [letter], sent, putBack);
      return;
    }
    sent.error = error;
    if (error !== undefined) return putBack(range);
    sent.count += count;
    this.#transfer(share, { target, fromId, batch, now }, (error) => {
      sent.count -= count;
      sent.error ??= error;
      putBack(range);
    });
  }

  /** Puts messages back that were in some runs, which are in order. */
  #putBack(
    share: Share,
    runs: readonly UnheldRun[],
    { firstId: fromId, count: all }: IdRange,
  ): void {
    for (let firstId = fromId; firstId < fromId + all; firstId++) {
      const { attempts, dueAt, priority, isDated } = findRange(runs, firstId)!;
      // The lane may have been forgotten meanwhile.
      const lane = share.findLane(firstId);
      share.delay({ firstId, count: 1, attempts, priority, lane, isDated }, dueAt);
      if (dueAt > 0) this.#parts.clock.hasten(share.store.alarm, dueAt);
      else this.#parts.dispatcher.noteReady(share);
    }
  }

  #findObstacle(target: Stream, batch: MessageBatch, now: number): BrokerError | undefined {
    return target.damage ?? findFull(target, batch, now) ?? this.#parts.findObstacle(0);
  }

  #bury(burial: Burial): void {
    const { share, run, cause, now } = burial;
    const target = this.#requireDead(share.store.name);
    if (target === undefined) return this.#keepForLater(burial);
    const later = ({ firstId, count }: IdRange) => {
      const stuck = burial.stuck && { ...burial.stuck, firstId, count };
      const left = { firstId, count, attempts: run.attempts };
      this.#keepForLater({ ...burial, run: left, ...stuck !== undefined && { stuck } });
    };
    for (const { batch, firstId } of this.#readPieces(share, run, later)) {
      const copies = new StoryCopies();
      findEntries(batch).forEach((offset, index) => {
        const story = tellStory(share, {
          id: firstId + index,
          attempts: run.attempts,
          cause,
          now,
          redrives: readRedrives(batch, offset),
        });
        copies.add(batch.buffer, offset, story);
      });
      const { count } = batch;
      this.#transfer(share, {
        target,
        fromId: firstId,
        batch: copies.finish(),
        now,
        stored: () => {
          share.store.counters.noteDead(count, cause);
          // An operator knows what he has cancelled.
          if (cause !== "cancelled") this.#noteGivenUp(burial, { firstId, count });
        },
      }, () => later({ firstId, count }));
    }
  }

  #noteGivenUp({ share, run, cause, now }: Burial, { firstId: id, count }: IdRange): void {
    const { attempts } = run;
    this.#parts.notices.noteGivenUp(share, { id, count, attempts, cause, now });
  }

  /** Stores messages in another stream, and removes them from this one. */
  #transfer(
    { store, notes }: Share,
    { target, fromId, batch, now, stored }: {
      readonly target: Stream;
      readonly fromId: number;
      readonly batch: MessageBatch;
      readonly now: number;
      /** Given up: called when they are durable, before they are removed from this one. Undefined if they go back. */
      readonly stored?: () => void;
    },
    failed: (error: BrokerError) => void,
  ): void {
    const { count } = batch;
    const bytes = batch.end - batch.start;
    const { ttlMs } = target.options;
    const firstId = target.intake.reserve(count, bytes);
    const leaving = { firstId: fromId, count };
    notes.leaving.add(leaving);
    const leaveRoom = this.#room.take(count, stored === undefined ? "redrive" : "bury");
    const storedAt = Math.floor(now);
    const end = () => {
      target.intake.conclude(count, bytes);
      notes.leaving.delete(leaving);
      leaveRoom();
    };
    this.#parts.log.store({
      type: "transferred",
      from: store.number,
      fromId,
      to: target.number,
      firstId,
      storedAt,
      ...ttlMs !== null && { expiresAt: storedAt + ttlMs },
      batch,
    }, {
      stored: (event) => {
        end();
        stored?.();
        target.counters.notePublished(count);
        this.#parts.state.apply(event);
        this.#removal.makeRoom(target, { firstId, count });
      },
      failed: (error) => {
        end();
        target.intake.returnIds(firstId);
        failed(error);
      },
    });
  }

  /** The dead-letter stream of a stream; undefined if the limit of streams does not allow it. */
  #requireDead(origin: string): Stream | undefined {
    const { router, nextStreamNumber: number, unwritten } = this.#parts.state;
    const name = deadNameOf(origin);
    const known = router.getStream(name);
    if (known !== undefined || router.streamCount >= STREAMS_MAX) return known;
    this.#parts.commit({ type: "streamCreated", number, name }, unwritten.create(number));
    return router.getStream(name);
  }

  /**
   * Reads messages in pieces, up to the first ones that cannot be read; `later` gets the rest if they can
   * be read another time.
   */
  *#readPieces(
    { store }: Share,
    { firstId, count }: IdRange,
    later: (rest: IdRange) => void,
  ): Generator<{ batch: MessageBatch; firstId: number }> {
    const endId = firstId + count;
    for (let id = firstId; id < endId;) {
      let batch: MessageBatch;
      try {
        batch = store.backlog.read(id, endId - id, TRANSFER_BYTES_MAX);
      } catch (error) {
        if (error instanceof LogBusyError) return later({ firstId: id, count: endId - id });
        if (!(error instanceof BrokerError)) throw error;
        return this.#parts.noteDamage(store, error);
      }
      yield { batch, firstId: id };
      id += batch.count;
    }
  }

  #keepForLater(burial: Burial): void {
    const { share: { store: { coalesced } }, run: { firstId, count }, cause } = burial;
    if (coalesced !== undefined) {
      for (let id = firstId; id < firstId + count; id++) {
        const message = coalesced.get(id);
        if (message !== undefined) message.isGivenUp = true;
      }
    }
    // What has expired is still expired after a crash.
    const stuck = burial.stuck ?? (cause === "expired" ? undefined : this.#giveUp(burial));
    this.#waiting.add({ ...burial, ...stuck !== undefined && { stuck } });
  }

  /**
   * Writes that messages are delivered no more, although they are no dead letters yet: after a crash they are in
   * no list either, whoever empties their stream. Who waits until they are given up, waits for that.
   */
  #giveUp({ share, run, now }: Burial): ReadyRun {
    const { firstId, count } = run;
    const { number } = share.store;
    const attempts = DELIVERIES_MAX;
    const none = addFailure(undefined, { now, reason: "", follower: "" });
    // A disk that is full has room for few events.
    for (const { failure = none, ...ids } of groupByFailure({ share, firstId, count })) {
      // Here they stay in no list. This is written behind the attempts, which a failure is not.
      this.#parts.log.commit({ type: "postponed", number, ...ids, attempts, dueAt: 0, failure });
    }
    this.#parts.noteLate();
    return { firstId, count, attempts };
  }

  /** After recovery, messages that were given up before are to be dead letters: soon, if there is room. */
  noteRecovered(): void {
    const now = this.#parts.now();
    for (const { share } of this.#parts.state.router.streams) {
      for (const run of [...share.notes.stuck]) {
        this.#keepForLater({ share, run, cause: "maxDeliveries", now, stuck: run });
      }
    }
  }
}
