import { BrokerError } from "../../../protocol.ts";
import { DELIVERIES_MAX } from "../../protocol/messages/stream_options.ts";
import { GatheredCursor, type GatheredRuns } from "./gathered_runs.ts";
import { RangeCursor } from "../collections/id_ranges.ts";
import type { NotedRun } from "../collections/run_part.ts";
import type { Keys } from "../ready/keys.ts";
import { clip, type NotedMessages } from "./noted_messages.ts";
import type { Stream } from "./stream.ts";

/** How many ids are looked at in a step. */
const STEP_IDS = 4096;

/** Whether a time is one of the calendar, as gathered. */
export const IS_DATED = 1;

/** What was gathered of the messages of a stream. */
export interface Gathered {
  /** What the log says of them after they were stored. */
  readonly noted: NotedMessages;
  /** Their own delays; the traits are {@linkcode IS_DATED} or 0, and then the time is the machine's. */
  readonly delayed: GatheredRuns | undefined;
  /** Their priorities, if they are not the default. */
  readonly priorities: GatheredRuns | undefined;
  /** The numbers of their lanes. */
  readonly lanes: GatheredRuns | undefined;
  /** Those that wait for a quiet time, and until when. */
  readonly waiting: GatheredRuns;
}

/** The notes about the messages of one step. */
interface StepNotes {
  readonly attempts: RangeCursor<NotedRun>;
  readonly dueAts: RangeCursor<NotedRun>;
}

/**
 * Goes through all messages of a stream once, by id: those that wait for a time are held back until then, all
 * others are ready, unless they were given up. What was gathered is looked up on the way, in the same order.
 */
export class RestorationSweep {
  readonly #stream: Stream;
  readonly #gathered: Gathered;
  readonly #now: number;
  readonly #delayed: GatheredCursor;
  readonly #priorities: GatheredCursor;
  readonly #lanes: GatheredCursor;
  readonly #waiting: GatheredCursor;
  /** Whether nothing was gathered of any message. */
  readonly #isPlain: boolean;

  constructor(stream: Stream, gathered: Gathered, now: number) {
    this.#stream = stream;
    this.#gathered = gathered;
    this.#now = now;
    this.#delayed = new GatheredCursor(gathered.delayed);
    this.#priorities = new GatheredCursor(gathered.priorities);
    this.#lanes = new GatheredCursor(gathered.lanes);
    this.#waiting = new GatheredCursor(gathered.waiting);
    const { noted, delayed, priorities, lanes, waiting } = gathered;
    const all = [delayed, priorities, lanes, waiting];
    this.#isPlain = all.every((runs) => runs === undefined || runs.size === 0) &&
      noted.attempts.count === 0;
  }

  /** Goes through them, some thousand in a step; gives the number of each step. */
  *go(): Generator<number> {
    const { share: { ready }, backlog } = this.#stream;
    for (const { firstId, count } of backlog.findRuns()) {
      if (this.#isPlain) {
        ready.append(firstId, count);
        yield count;
        continue;
      }
      const endId = firstId + count;
      for (let id = firstId; id < endId; id += STEP_IDS) {
        const toId = Math.min(endId, id + STEP_IDS);
        this.#step(id, toId);
        yield toId - id;
      }
    }
  }

  #step(fromId: number, toId: number): void {
    const { attempts, dueAts } = this.#gathered.noted;
    if (attempts.count === 0) {
      for (let id = fromId; id < toId;) id = this.#place(id, Math.min(toId, this.#findEnd(id)));
      return;
    }
    const notes = {
      attempts: new RangeCursor(clip(attempts, fromId, toId)),
      dueAts: new RangeCursor(dueAts.count === 0 ? [] : clip(dueAts, fromId, toId)),
    };
    for (let id = fromId; id < toId;) {
      const endId = Math.min(toId, this.#findEnd(id), endOf(notes.attempts, id));
      id = this.#place(id, Math.min(endId, endOf(notes.dueAts, id)), notes);
    }
  }

  /** Up to where messages from an id on have the same times, priority and lane, as they were stored. */
  #findEnd(id: number): number {
    return Math.min(
      this.#delayed.seek(id),
      this.#priorities.seek(id),
      this.#lanes.seek(id),
      this.#waiting.seek(id),
    );
  }

  /** Puts messages where they belong that are alike; returns the id behind them. */
  #place(firstId: number, endId: number, notes?: StepNotes): number {
    const { share, calendar } = this.#stream;
    const count = endId - firstId;
    const priority = this.#priorities.traits;
    const lane = this.#lanes.traits;
    const noted = notes && noteAt(notes.attempts, firstId);
    const attempts = noted ?? 0;
    const own = { firstId, count, attempts, priority, lane };
    if (noted !== undefined) {
      this.#holdKeys(firstId, endId);
      const dueAt = noteAt(notes!.dueAts, firstId) ?? 0;
      if (isGivenUp(this.#stream, attempts)) share.noteStuck({ firstId, count, attempts });
      else if (dueAt > this.#now) share.holdBack({ ...own, at: dueAt });
      else if (attempts > 0) share.ready.giveBack(own);
      else share.ready.append(firstId, count, priority, lane);
      return endId;
    }
    if (this.#delayed.isHere) {
      const isDated = this.#delayed.traits === IS_DATED;
      const at = isDated ? calendar.timeOf(this.#delayed.at) : this.#delayed.at;
      if (at > this.#now) {
        share.holdBack({ ...own, at, isDated });
        return endId;
      }
    }
    if (this.#waiting.isHere) share.holdBack({ ...own, at: this.#waiting.at });
    else {
      share.ready.append(firstId, count, priority, lane);
    }
    return endId;
  }

  /** Messages that were delivered before hold their keys. By id: that is the order on the disk. */
  #holdKeys(firstId: number, endId: number): void {
    const { keys } = this.#stream.share;
    if (keys === undefined) return;
    for (let id = firstId; id < endId; id++) holdKey(this.#stream, keys, id);
  }
}

/** Whether messages with so many attempts were given up, and are to be dead letters once there is room. */
function isGivenUp({ options, isDead }: Stream, attempts: number): boolean {
  return attempts >= DELIVERIES_MAX && options.deadLetter && !isDead;
}

/** Gives a message its key, so that no other message of the key overtakes it. */
function holdKey(stream: Stream, keys: Keys, id: number): void {
  try {
    keys.restore(id, stream.backlog.read(id, 1, 0));
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    stream.noteDamage(error);
  }
}

/** Up to where ids are in the same range, or in none. */
function endOf(cursor: RangeCursor<NotedRun>, id: number): number {
  const range = cursor.seek(id);
  if (range === undefined) return Infinity;
  return range.firstId > id ? range.firstId : range.firstId + range.count;
}

function noteAt(cursor: RangeCursor<NotedRun>, id: number): number | undefined {
  const run = cursor.seek(id);
  return run !== undefined && run.firstId <= id ? run.note : undefined;
}
