import type { DeadLetterCause } from "../../../protocol.ts";
import { Alarm, type AlarmClock } from "../collections/alarm_clock.ts";
import { Ring } from "../collections/ring.ts";
import type { ReadyRun } from "../ready/ready_run.ts";
import type { Share } from "../share/share.ts";
import type { Turns } from "./turns.ts";

/** The pause before messages that could not be stored are tried again, in milliseconds. */
const RETRY_MS = 1000;

/** Messages that are to be dead letters, in none of the lists of their share. */
export interface Burial {
  readonly share: Share;
  readonly run: ReadyRun;
  readonly cause: DeadLetterCause;
  readonly now: number;
  /** What is written of them if there was no room before: they are given up. */
  readonly stuck?: ReadyRun;
}

export interface BurialQueueOptions {
  readonly clock: AlarmClock;
  readonly turns: Turns;
  /** How many messages are carried at a time. */
  readonly pieceMax: number;
  /** Whether so many are about to be stored that others have to wait for that. */
  readonly isBusy: () => boolean;
  /** Whether a share is that of a stream that is there. */
  readonly isThere: (share: Share) => boolean;
  readonly bury: (burial: Burial) => void;
}

/**
 * Messages for which there was no room among the dead letters. They are tried again after a pause, in the order
 * in which they came, as many in a turn of the event loop as there is time for: a start finds all of them.
 */
export class BurialQueue {
  readonly #options: BurialQueueOptions;
  /** Those that are tried now. */
  readonly #due = new Ring<Burial>();
  /** Those that are due after a pause. */
  #stuck: Burial[] = [];
  #isWorking = false;
  readonly #alarm = new Alarm(() => this.#retry());

  constructor(options: BurialQueueOptions) {
    this.#options = options;
  }

  /** Adds messages that could not be stored: they are tried again after a pause. */
  add(burial: Burial): void {
    note(burial);
    this.#stuck.push(burial);
    this.#options.clock.hasten(this.#alarm, burial.now + RETRY_MS);
  }

  #retry(): void {
    for (const burial of this.#stuck) this.#due.push(burial);
    this.#stuck = [];
    this.#work();
  }

  #work(): void {
    if (this.#isWorking || this.#due.length === 0) return;
    this.#isWorking = true;
    void this.#options.turns.work(() => {
      if (this.#due.length === 0) {
        // Not when the work has ended, which is a moment later: more may be due until then.
        this.#isWorking = false;
        return "done";
      }
      if (this.#options.isBusy()) return "later";
      this.#carry();
      return "more";
    });
  }

  /** Carries the first messages, some of a run. */
  #carry(): void {
    const burial = this.#due.at(0)!;
    const { share, run } = burial;
    const count = this.#options.isThere(share)
      ? Math.min(run.count, this.#options.pieceMax)
      : run.count;
    forget(burial);
    if (count < run.count) {
      const rest = cut(burial, run.firstId + count, run.count - count);
      note(rest);
      this.#due.replaceFirst(rest);
    } else this.#due.shift();
    if (this.#options.isThere(share)) this.#options.bury(cut(burial, run.firstId, count));
  }
}

/** A part of some messages. */
function cut(burial: Burial, firstId: number, count: number): Burial {
  const { run: { attempts }, stuck } = burial;
  return {
    ...burial,
    run: { firstId, count, attempts },
    ...stuck !== undefined && { stuck: { ...stuck, firstId, count } },
  };
}

/** Has what is written of live messages tell of these: they are in no list. */
function note({ share: { notes }, run, cause, stuck }: Burial): void {
  if (stuck !== undefined) notes.stuck.add(stuck);
  else if (cause === "expired") notes.expired.add(run);
}

function forget({ share: { notes }, run, stuck }: Burial): void {
  if (stuck !== undefined) notes.stuck.delete(stuck);
  else notes.expired.delete(run);
}
