import type { Failure } from "./failure.ts";
import { listReasons, type Reason, type ReasonPool } from "./reason_pool.ts";

/** The rough size of a kind with its places in lists, in bytes. */
const KIND_BYTES = 200;

/** How many kinds with the same reasons are looked at for one that fits. */
const LOOKS_MAX = 8;

/** What failures have in common beside their times. */
class FailureKind {
  readonly number: number;
  readonly reason: Reason;
  readonly follower: string;
  readonly losses: number | undefined;
  readonly postponements: number | undefined;
  /** How many messages have it. */
  uses = 1;
  /** The kinds with the same reasons that came before and after it. */
  older: FailureKind | undefined = undefined;
  newer: FailureKind | undefined = undefined;

  constructor(number: number, reason: Reason, { follower, losses, postponements }: Failure) {
    this.number = number;
    this.reason = reason;
    this.follower = follower;
    this.losses = losses;
    this.postponements = postponements;
  }

  fits({ follower, losses, postponements }: Failure): boolean {
    return this.losses === losses && this.postponements === postponements &&
      this.follower === follower;
  }
}

/**
 * What is said of failed messages, by number: very many of them fail for few reasons at few followers. Equal kinds
 * are shared as far as they are found at once.
 */
export class FailureKinds {
  readonly #pool: ReasonPool;
  readonly #kinds: (FailureKind | undefined)[] = [];
  /** Numbers that are free again. */
  readonly #free: number[] = [];
  /** The newest kind of those with the same reasons. */
  readonly #newest = new Map<Reason, FailureKind>();

  constructor(pool: ReasonPool) {
    this.#pool = pool;
  }

  /** The number of a failure's kind, for one message. */
  hold(failure: Failure, isLeaving: boolean): number {
    const reason = this.#pool.hold(failure.reasons, isLeaving);
    let kind = this.#newest.get(reason);
    for (let looks = 0; kind !== undefined && looks < LOOKS_MAX; looks++, kind = kind.older) {
      if (!kind.fits(failure)) continue;
      this.#pool.release(reason);
      return this.holdAgain(kind.number);
    }
    return this.#begin(reason, failure);
  }

  /** The same number for another message. */
  holdAgain(number: number): number {
    this.#kinds[number]!.uses++;
    return number;
  }

  /** Counts one message less; returns whether it was the last one. */
  release(number: number): boolean {
    const kind = this.#kinds[number]!;
    if (--kind.uses > 0) return false;
    const { reason, older, newer } = kind;
    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    else if (older !== undefined) this.#newest.set(reason, older);
    else this.#newest.delete(reason);
    this.#kinds[number] = undefined;
    this.#free.push(number);
    this.#pool.release(reason);
    this.#pool.book(-KIND_BYTES);
    return true;
  }

  /** A failure as it was noted. */
  tell(number: number, firstAt: number, lastAt: number): Failure {
    const { reason, follower, losses, postponements } = this.#kinds[number]!;
    const failure = { firstAt, lastAt, reasons: listReasons(reason), follower };
    if (losses === undefined && postponements === undefined) return failure;
    return {
      ...failure,
      ...losses !== undefined && { losses },
      ...postponements !== undefined && { postponements },
    };
  }

  #begin(reason: Reason, failure: Failure): number {
    const number = this.#free.pop() ?? this.#kinds.length;
    const kind = new FailureKind(number, reason, failure);
    this.#kinds[number] = kind;
    const older = kind.older = this.#newest.get(reason);
    if (older !== undefined) older.newer = kind;
    this.#newest.set(reason, kind);
    this.#pool.book(KIND_BYTES);
    return number;
  }
}
