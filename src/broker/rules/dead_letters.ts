/**
 * What takes messages out of a stream other than a follower that has done its work: they go to the
 * dead letters and come back from there, expire, make room for others, or are purged.
 *
 * A message that goes from one stream to another is stored there and gone from here in one event: in
 * a crash it is in one of the two. Until that is durable, it is in no list of its stream.
 *
 * @module
 */

import {
  BrokerError,
  type DeadLetter,
  type DeadLetterCause,
  type MessageBatch,
  readProperties,
} from "../../../protocol.ts";
import { findEntries } from "../../protocol/frames/stream_info.ts";
import { STREAMS_MAX } from "../../protocol/limits.ts";
import { copyWithStory, joinBytes } from "../../protocol/messages/properties.ts";
import { deadNameOf } from "../../protocol/messages/stream_options.ts";
import { Alarm } from "../collections/alarm_clock.ts";
import type { BrokerParts } from "./broker_parts.ts";
import type { RedriveCount } from "../engine.ts";
import type { Failure } from "../share/failure.ts";
import { countIds, type IdRange, joinRanges, subtractRanges } from "../collections/id_ranges.ts";
import { StoreBusyError } from "../backlog/pager.ts";
import type { ReadyRun } from "../ready/ready_list.ts";
import type { Stream, UnheldRun } from "../stream/stream.ts";
import { findExcess, findFull } from "../stream/stream_limits.ts";

/** So many bytes go from one stream to another in one event, unless a single message is larger. */
const TRANSFER_BYTES_MAX = 128 * 1024;

/** What could not be stored is tried again after so long, in milliseconds. */
const RETRY_MS = 1000;

/** Messages on their way to the dead letters. */
interface Burial {
  readonly stream: Stream;
  readonly run: ReadyRun;
  readonly cause: DeadLetterCause;
  readonly now: number;
}

/** What became of dead letters that were to be sent back. */
interface Redriven {
  count: number;
  /** Why no more are sent back. */
  error: BrokerError | undefined;
}

/** Takes messages out of streams. */
export class Transfers {
  readonly #parts: BrokerParts;
  /** What there was no room for. */
  #stuck: Burial[] = [];
  readonly #alarm = new Alarm((now) => this.#retry(now));

  constructor(parts: BrokerParts) {
    this.#parts = parts;
  }

  /**
   * Brings messages to the dead letters, or lets go of them if the stream has none.
   *
   * @param run Messages that are in none of the stream's lists.
   */
  bury(stream: Stream, run: ReadyRun, cause: DeadLetterCause, now: number): void {
    const { deadLetter, deadLetterExpired } = stream.options;
    const isKept = cause === "expired" ? deadLetterExpired : deadLetter;
    if (!stream.isDead && isKept) return this.#bury({ stream, run, cause, now });
    // That something expires is what was asked for.
    if (cause !== "expired") this.#noteGivenUp({ stream, run, cause, now }, run);
    this.#forget(stream, run);
  }

  /** Lets go of messages that nobody holds. */
  drop(stream: Stream, range: IdRange): void {
    for (const run of stream.takeUnheld([range])) this.#forget(stream, run);
  }

  /** Lets the oldest go, if a stream holds more than it may after messages were added. */
  makeRoom(stream: Stream, added: IdRange): void {
    if (stream.options.overflow !== "drop-oldest") return;
    for (let old = findExcess(stream, added); old; old = findExcess(stream, added)) {
      this.drop(stream, old);
    }
  }

  /** Lets go of all messages that nobody holds; returns how many. */
  purge(stream: Stream): number {
    const taken = stream.takeAllUnheld();
    for (const run of joinRanges(taken)) this.#forget(stream, run);
    return countIds(taken);
  }

  /**
   * Lets go of what is overdue, or brings it to the dead letters.
   *
   * @returns What followers still hold of it; it is noted as overdue.
   */
  expire(stream: Stream, now: number): IdRange[] {
    const due: IdRange[] = [];
    for (let run = stream.expiries.takeDue(now); run; run = stream.expiries.takeDue(now)) {
      const { firstId, count } = run;
      due.push(...stream.backlog.findRuns({ fromId: firstId, toId: firstId + count }));
    }
    if (due.length === 0) return [];
    const ranges = joinRanges(due);
    const taken = stream.takeUnheld(ranges);
    const unheld = joinRanges(taken);
    const held = ranges.flatMap((range) => subtractRanges(range, unheld));
    for (const { firstId, count } of held) {
      for (let id = firstId; id < firstId + count; id++) stream.overdue.add(id);
    }
    for (const run of taken) this.bury(stream, run, "expired", now);
    return held;
  }

  /**
   * Sends dead letters back to where they came from, until there is no room; `done` hears how many,
   * or why not even one.
   */
  redrive(
    stream: Stream,
    ids: readonly number[],
    { now, done }: {
      readonly now: number;
      readonly done: (result: RedriveCount | BrokerError) => void;
    },
  ): void {
    const wanted = joinRanges(ids.map((firstId) => ({ firstId, count: 1 })));
    const sent: Redriven = { count: 0, error: undefined };
    for (const run of stream.takeUnheld(wanted)) this.#redriveRun(stream, run, now, sent);
    this.#parts.dispatcher.noteReady(stream);
    this.#parts.settle(() => {
      const { count, error } = sent;
      done(
        count === 0 && error !== undefined ? error : { count, skipped: countIds(wanted) - count },
      );
    });
  }

  /** Sends back what of a run can be. */
  #redriveRun(stream: Stream, run: UnheldRun, now: number, sent: Redriven): void {
    const later = (rest: IdRange) => this.#putBackAll(stream, run, rest);
    for (const { batch, firstId } of this.#readPieces(stream, run, later)) {
      findEntries(batch).forEach((offset, index) => {
        const id = firstId + index;
        const target = this.#findOrigin(batch, offset);
        const entry = copyWithStory(batch.buffer, offset, undefined);
        const copy = { count: 1, buffer: entry, start: 0, end: entry.length };
        if (target !== undefined) sent.error ??= this.#findObstacle(target, copy, now);
        if (target === undefined || sent.error !== undefined) {
          return this.#putBack(stream, run, id);
        }
        sent.count++;
        this.#transfer(stream, { target, fromId: id, batch: copy, now }, (error) => {
          sent.count--;
          sent.error ??= error;
          this.#putBack(stream, run, id);
        });
      });
    }
  }

  /** Puts a message of a run back to where it was. */
  #putBack(stream: Stream, run: UnheldRun, firstId: number): void {
    this.#putBackAll(stream, run, { firstId, count: 1 });
  }

  #putBackAll(stream: Stream, run: UnheldRun, range: IdRange): void {
    const { attempts, dueAt, priority, isDated } = run;
    stream.delay({ ...range, attempts, priority, isDated }, dueAt);
    if (dueAt > 0) this.#parts.clock.hasten(stream.alarm, dueAt);
    else this.#parts.dispatcher.noteReady(stream);
  }

  #findObstacle(target: Stream, batch: MessageBatch, now: number): BrokerError | undefined {
    return target.damage ?? findFull(target, batch, now) ?? this.#parts.findObstacle(0);
  }

  /** The stream that a dead letter came from, if it is there. */
  #findOrigin(batch: MessageBatch, offset: number): Stream | undefined {
    const { deadLetter } = readProperties(batch.buffer, offset);
    return deadLetter && this.#parts.state.router.getStream(deadLetter.stream);
  }

  #bury(burial: Burial): void {
    const { stream, run, cause, now } = burial;
    const target = this.#requireDead(stream);
    if (target === undefined) return this.#keepForLater(burial);
    const later = ({ firstId, count }: IdRange) =>
      this.#keepForLater({ ...burial, run: { firstId, count, attempts: run.attempts } });
    for (const { batch, firstId } of this.#readPieces(stream, run, later)) {
      const entries = findEntries(batch).map((offset, index) => {
        const story = tellStory(stream, {
          id: firstId + index,
          attempts: run.attempts,
          cause,
          now,
        });
        return copyWithStory(batch.buffer, offset, story);
      });
      const { count } = batch;
      this.#transfer(stream, {
        target,
        fromId: firstId,
        batch: joinEntries(entries),
        now,
        stored: () => this.#noteGivenUp(burial, { firstId, count }),
      }, () => later({ firstId, count }));
    }
  }

  #noteGivenUp({ stream, run, cause, now }: Burial, { firstId: id, count }: IdRange): void {
    const { attempts } = run;
    this.#parts.notices.noteGivenUp(stream, { id, count, attempts, cause, now });
  }

  /** Stores messages of a stream in another one, which is the end of them here. */
  #transfer(
    stream: Stream,
    { target, fromId, batch, now, stored }: {
      readonly target: Stream;
      readonly fromId: number;
      readonly batch: MessageBatch;
      readonly now: number;
      /** Hears that they are there, while they are still known here. */
      readonly stored?: () => void;
    },
    failed: (error: BrokerError) => void,
  ): void {
    const { count } = batch;
    const bytes = batch.end - batch.start;
    const { ttlMs } = target.options;
    const firstId = target.reserveIds(count, bytes);
    const leaving = { firstId: fromId, count };
    stream.leaving.add(leaving);
    const storedAt = Math.floor(now);
    const end = () => {
      target.endReservation(count, bytes);
      stream.leaving.delete(leaving);
    };
    this.#parts.store({
      type: "transferred",
      from: stream.number,
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
        this.#parts.state.apply(event);
        this.makeRoom(target, { firstId, count });
      },
      failed: (error) => {
        end();
        target.returnIds(firstId);
        failed(error);
      },
    });
  }

  /** The stream that a stream's dead letters go to; none if there may be no more streams. */
  #requireDead(stream: Stream): Stream | undefined {
    const { router, nextStreamNumber: number, unwritten } = this.#parts.state;
    const name = deadNameOf(stream.name);
    const known = router.getStream(name);
    if (known !== undefined || router.streamCount >= STREAMS_MAX) return known;
    this.#parts.commit({ type: "streamCreated", number, name }, unwritten.create(number));
    return router.getStream(name);
  }

  /** Lets go of messages that are in none of the stream's lists. */
  #forget(stream: Stream, { firstId, count }: IdRange): void {
    this.#parts.commit({ type: "dropped", number: stream.number, firstId, count });
  }

  /**
   * Messages as they lie together in a stream, in pieces; no more of them if some cannot be read.
   * `later` hears of those that cannot be read at this moment.
   */
  *#readPieces(
    stream: Stream,
    { firstId, count }: IdRange,
    later: (rest: IdRange) => void,
  ): Generator<{ batch: MessageBatch; firstId: number }> {
    const endId = firstId + count;
    for (let id = firstId; id < endId;) {
      let batch: MessageBatch;
      try {
        batch = stream.backlog.read(id, endId - id, TRANSFER_BYTES_MAX);
      } catch (error) {
        if (error instanceof StoreBusyError) return later({ firstId: id, count: endId - id });
        if (!(error instanceof BrokerError)) throw error;
        return this.#parts.noteDamage(stream, error);
      }
      yield { batch, firstId: id };
      id += batch.count;
    }
  }

  #keepForLater(burial: Burial): void {
    this.#stuck.push(burial);
    this.#parts.clock.hasten(this.#alarm, burial.now + RETRY_MS);
  }

  #retry(now: number): void {
    const stuck = this.#stuck;
    this.#stuck = [];
    for (const burial of stuck) {
      const { stream } = burial;
      if (this.#parts.state.router.getNumbered(stream.number) !== stream) continue;
      this.#bury({ ...burial, now });
    }
  }
}

function joinEntries(entries: readonly Uint8Array[]): MessageBatch {
  const buffer = joinBytes(entries);
  return { count: entries.length, buffer, start: 0, end: buffer.length };
}

/** What a dead letter tells. */
function tellStory(
  stream: Stream,
  { id, attempts, cause, now }: {
    readonly id: number;
    readonly attempts: number;
    readonly cause: DeadLetterCause;
    readonly now: number;
  },
): DeadLetter {
  const { calendar } = stream;
  const at = Math.floor(now);
  const failure: Failure | undefined = stream.failures.get(id);
  const { firstAt = at, reasons = [], follower = "" } = failure ?? {};
  return {
    stream: stream.name,
    id,
    attempts,
    cause,
    firstAt: calendar.dateOf(firstAt),
    lastAt: calendar.dateOf(at),
    reasons,
    ...follower !== "" && { follower },
  };
}
