/**
 * Which broker was the active one when, and which sessions clients had with it.
 *
 * @module
 */

import type { Reign } from "./history.ts";

/** A client's session with a broker. */
export interface Session {
  readonly session: number;
  readonly reign: Reign;
  readonly openedAt: number;
  lostAt: number | undefined;
}

/** What is known of a reign. */
interface ReignState {
  epoch: number | undefined;
  endedAt: number | undefined;
  readonly silencedAt: number[];
}

/** All reigns and sessions. */
export class Reigns {
  readonly #reigns = new Map<Reign, ReignState>();
  readonly #sessions = new Map<number, Session>();
  #lastEpoch = 0;

  /** How many reigns have begun. */
  get count(): number {
    return [...this.#reigns.values()].filter(({ epoch }) => epoch !== undefined).length;
  }

  /** How many sessions there were. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** A reign has begun. */
  begin(reign: Reign, epoch: number): void {
    this.#find(reign).epoch = epoch;
    this.#lastEpoch = Math.max(this.#lastEpoch, epoch);
  }

  /** Its broker is gone. */
  end(reign: Reign, at: number): void {
    this.#find(reign).endedAt ??= at;
  }

  /** From its broker's side, clients may have looked silent. */
  silence(reign: Reign, at: number): void {
    this.#find(reign).silencedAt.push(at);
  }

  /** Whether that was so in a time. */
  wasSilenced(reign: Reign, from: number, to: number): boolean {
    return this.#find(reign).silencedAt.some((at) => at >= from && at <= to);
  }

  /** A session has been opened. */
  open(session: number, reign: Reign, openedAt: number): void {
    this.#sessions.set(session, { session, reign, openedAt, lostAt: undefined });
    this.#find(reign);
  }

  /** A session is over. */
  lose(session: number, at: number): void {
    const found = this.#sessions.get(session);
    if (found !== undefined) found.lostAt ??= at;
  }

  /** A session that has been opened before. */
  session(session: number): Session {
    const found = this.#sessions.get(session);
    if (found === undefined) throw new Error(`There is no session ${session} in this history`);
    return found;
  }

  /** Whether what is sent over a session can still have an effect. */
  isAlive({ lostAt, reign }: Session): boolean {
    return lostAt === undefined && this.#find(reign).endedAt === undefined && !this.isPast(reign);
  }

  /** Whether a reign is over in which a later one has begun. */
  isPast(reign: Reign): boolean {
    const { epoch } = this.#find(reign);
    return epoch !== undefined && epoch < this.#lastEpoch;
  }

  /** Whether one reign was before another; one of which nothing is known was not. */
  isBefore(reign: Reign, other: Reign): boolean {
    const [epoch, otherEpoch] = [this.#find(reign).epoch, this.#find(other).epoch];
    return epoch !== undefined && otherEpoch !== undefined && epoch < otherEpoch;
  }

  #find(reign: Reign): ReignState {
    let state = this.#reigns.get(reign);
    if (state === undefined) {
      state = { epoch: undefined, endedAt: undefined, silencedAt: [] };
      this.#reigns.set(reign, state);
    }
    return state;
  }
}
