import type { BrokerError, DeadLetterCause } from "../../../protocol.ts";
import { deadNameOf } from "../../protocol/messages/stream_options.ts";
import { Alarm, type AlarmClock } from "../collections/alarm_clock.ts";
import type { Breaker } from "../breaker/breaker.ts";
import type { FollowerState } from "../share/follower_state.ts";
import type { Router } from "../state/router.ts";
import type { Share } from "../share/share.ts";
import type { Store } from "../store/store.ts";

/** Takes a sentence and its fields. */
export type Warn = (message: string, fields: Readonly<Record<string, unknown>>) => void;

/** The least interval between two notices about one stream, in milliseconds. */
const INTERVAL_MS = 10 * 60 * 1000;

/** Messages that became dead letters or were discarded. */
export interface GivenUp {
  readonly id: number;
  readonly count: number;
  /** How often they were delivered. */
  readonly attempts: number;
  readonly cause: DeadLetterCause;
  readonly now: number;
}

/** Reports a count. */
type Tell = (count: number) => void;

/** Counts events of one kind after the first, and reports the count after each interval with some. */
class Tally {
  readonly #clock: AlarmClock;
  readonly #alarm = new Alarm((now) => this.#goOn(now));
  readonly #isOver: () => void;
  #tell: Tell;
  #count = 0;

  /** @param isOver Is called after an interval without an event: the next one is a first one. */
  constructor(clock: AlarmClock, now: number, tell: Tell, isOver: () => void) {
    this.#clock = clock;
    this.#tell = tell;
    this.#isOver = isOver;
    clock.set(this.#alarm, now + INTERVAL_MS);
  }

  add(count: number, tell: Tell): void {
    this.#count += count;
    this.#tell = tell;
  }

  /** Reports what is left. */
  end(): void {
    this.#clock.set(this.#alarm, Infinity);
    if (this.#count > 0) this.#tell(this.#count);
  }

  #goOn(now: number): void {
    if (this.#count === 0) return this.#isOver();
    this.#tell(this.#count);
    this.#count = 0;
    this.#clock.set(this.#alarm, now + INTERVAL_MS);
  }
}

/** Stands for all publishers among the subjects of counts. */
const PUBLISHERS = {};

/**
 * Reports events to the operator that are no errors but would go unnoticed: dead letters, missing
 * streams, forgotten publishers. The first of a kind is reported at once; the others are counted, and
 * the count is reported later.
 */
export class Notices {
  readonly #clock: AlarmClock;
  readonly #report: Warn | undefined;
  /** By the share of a stream, or {@linkcode PUBLISHERS}. */
  readonly #tallies = new Map<object, Tally>();

  /** @param report Takes the notices; without it there are none. */
  constructor(clock: AlarmClock, report?: Warn) {
    this.#clock = clock;
    this.#report = report;
  }

  /** Reports a new follower if it is the first that waits for a stream that does not exist. */
  noteFollower({ name, bind }: FollowerState, router: Router): void {
    if (router.findWaiting(bind.routeString).length !== 1) return;
    this.#report?.("a follower waits for a stream that does not exist", {
      stream: bind.routeString,
      follower: name,
    });
  }

  /** Reports a stream that is no longer served, since some of it cannot be read. */
  noteDamage({ name }: Store, error: BrokerError): void {
    this.#report?.("a stream is not served", { stream: name, error: error.message });
  }

  /** Reports a publisher that was forgotten early: more are lost than can be remembered. */
  notePushedOut(countMax: number, now: number): void {
    const tell = (count: number) =>
      this.#report?.(
        `more than ${countMax} publishers have lost their connections: those that were lost first ` +
          "are forgotten, and what they send again is refused with PUBLISHER_FORGOTTEN",
        { count },
      );
    if (this.#isFirst(PUBLISHERS, 1, now, tell)) tell(1);
  }

  /** Reports messages that became dead letters, or were discarded if the stream keeps none. */
  noteGivenUp(share: Share, givenUp: GivenUp): void {
    const report = this.#report;
    if (report === undefined) return;
    const { id, count, attempts, cause, now } = givenUp;
    const { store: { name: stream, options }, notes: { failures } } = share;
    const to = cause === "expired" || options.deadLetter ? deadNameOf(stream) : undefined;
    const tell = (count: number) => {
      const what = to === undefined ? "were given up" : "went to the dead letters";
      report(`more messages ${what}`, { stream, to, count });
    };
    if (!this.#isFirst(share, count, now, tell)) return;
    const what = to === undefined ? "was given up" : "went to the dead letters";
    const reason = failures.get(id)?.reasons.at(-1);
    report(`a message ${what}`, { stream, id, to, cause, attempts, reason });
  }

  /** Reports a breaker that has opened. */
  noteBreaker({ store: { name: stream } }: Share, breaker: Breaker, now: number): void {
    const report = this.#report;
    if (report === undefined || breaker.open === undefined) return;
    const tell = (count: number) => report("a breaker has opened again", { stream, count });
    if (!this.#isFirst(breaker, 1, now, tell)) return;
    const { failed, ended, reason } = breaker.open;
    report("a breaker has opened: only probes are delivered", { stream, failed, ended, reason });
    breaker.isTold = true;
  }

  /** Reports that a breaker has closed, if its opening was reported. */
  noteBreakerClosed({ store: { name: stream } }: Share, breaker: Breaker, why: string): void {
    if (!breaker.isTold) return;
    breaker.isTold = false;
    this.#report?.("a breaker has closed", { stream, why });
  }

  /** Reports what is left of a stream that is deleted. */
  endStream(share: Share): void {
    this.#tallies.get(share)?.end();
    this.#tallies.delete(share);
  }

  /** Reports what is left: nothing is reported later. */
  end(): void {
    for (const tally of this.#tallies.values()) tally.end();
    this.#tallies.clear();
  }

  /** Whether an event is the first of its kind; otherwise, and for all but one of several, it counts. */
  #isFirst(subject: object, count: number, now: number, tell: Tell): boolean {
    const known = this.#tallies.get(subject);
    if (known !== undefined) {
      known.add(count, tell);
      return false;
    }
    const tally = new Tally(this.#clock, now, tell, () => this.#tallies.delete(subject));
    tally.add(count - 1, tell);
    this.#tallies.set(subject, tally);
    return true;
  }
}
