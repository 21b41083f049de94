import type { BrokerError, DeadLetterCause } from "../../../protocol.ts";
import { deadNameOf } from "../../protocol/messages/stream_options.ts";
import { Alarm, type AlarmClock } from "../collections/alarm_clock.ts";
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

/** Messages of one stream that were given up and not reported one by one. */
interface Tally {
  untoldCount: number;
  /** The dead-letter stream, if that is where they went. */
  to: string | undefined;
  /** Rings when the count may be reported. */
  readonly alarm: Alarm;
}

/**
 * Reports events to the operator that are no errors but would go unnoticed: dead letters, missing
 * streams, forgotten publishers. The first of a kind is reported at once; the others are counted, and
 * the count is reported later.
 */
export class Notices {
  readonly #clock: AlarmClock;
  readonly #report: Warn | undefined;
  readonly #tallies = new Map<Share, Tally>();
  /** The count of publishers that were forgotten early. */
  #pushedOut: { untoldCount: number; toldAt: number } | undefined;

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
    const tally = this.#pushedOut ??= { untoldCount: 0, toldAt: -Infinity };
    tally.untoldCount++;
    if (now < tally.toldAt + INTERVAL_MS) return;
    this.#report?.(
      `more than ${countMax} publishers have lost their connections: those that were lost first are ` +
        "forgotten, and what they send again is refused with PUBLISHER_FORGOTTEN",
      { count: tally.untoldCount },
    );
    tally.untoldCount = 0;
    tally.toldAt = now;
  }

  /** Reports messages that became dead letters, or were discarded if the stream keeps none. */
  noteGivenUp(share: Share, givenUp: GivenUp): void {
    if (this.#report === undefined) return;
    const { id, count, attempts, cause, now } = givenUp;
    const { store: { name, options }, notes: { failures } } = share;
    const to = cause === "expired" || options.deadLetter ? deadNameOf(name) : undefined;
    const tally = this.#tallies.get(share);
    if (tally !== undefined) {
      tally.untoldCount += count;
      tally.to = to;
      return;
    }
    const what = to === undefined ? "was given up" : "went to the dead letters";
    const reason = failures.get(id)?.reasons.at(-1);
    this.#report(`a message ${what}`, { stream: name, id, to, cause, attempts, reason });
    const alarm = new Alarm((now) => this.#goOn(share, now));
    this.#tallies.set(share, { untoldCount: count - 1, to, alarm });
    this.#clock.set(alarm, now + INTERVAL_MS);
  }

  /** Reports what is left of a stream that is deleted. */
  endStream(share: Share): void {
    const tally = this.#tallies.get(share);
    if (tally === undefined) return;
    this.#clock.set(tally.alarm, Infinity);
    this.#tallies.delete(share);
    this.#tell(share, tally);
  }

  /** Reports what is left, for nothing is reported later. */
  end(): void {
    for (const share of [...this.#tallies.keys()]) this.endStream(share);
  }

  /** Reports the count of an interval; after one without any, the next message is a first one. */
  #goOn(share: Share, now: number): void {
    const tally = this.#tallies.get(share)!;
    if (tally.untoldCount === 0) return void this.#tallies.delete(share);
    this.#tell(share, tally);
    this.#clock.set(tally.alarm, now + INTERVAL_MS);
  }

  #tell({ store: { name } }: Share, tally: Tally): void {
    const { untoldCount: count, to } = tally;
    if (count === 0) return;
    const what = to === undefined ? "were given up" : "went to the dead letters";
    this.#report?.(`more messages ${what}`, { stream: name, to, count });
    tally.untoldCount = 0;
  }
}
