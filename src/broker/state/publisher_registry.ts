import { BrokerError } from "../../../protocol.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { TextMap } from "../collections/text_map.ts";
import { LostPublishers } from "./lost_publishers.ts";
import { OutcomeBudget } from "./outcome_log.ts";
import { PublisherRecord } from "./publisher_record.ts";
import type { CountersPiece } from "./snapshot.ts";

/** How long a publisher is remembered after its connection was lost, in milliseconds. */
const RETURN_MS_MAX = 10 * 60 * 1000;

/** How many lost publishers are remembered; of the user with most of them the longest lost is forgotten. */
export const LOST_COUNT_MAX = 100_000;

/** The most publishers that are forgotten at once, so that others have their turn in between. */
const FORGET_COUNT_MAX = 1000;

/** The longest time that bytes take from a client to here, in milliseconds; later they are lost. */
const TRAVEL_MS_MAX = 60_000;

/** The users of which it is known apart until when their publishers are forgotten; also of those long gone. */
const USERS_MAX = 10_000;

export interface PublisherRegistryOptions {
  /** Hears of each publisher that is forgotten, and when it was lost, if it was. */
  readonly forgotten?: (record: PublisherRecord, lostAt?: number) => void;
  /** Hears that a publisher is forgotten before its time, since too many are lost. */
  readonly pushedOut?: (now: number) => void;
  /** How many lost publishers are remembered; 100,000 by default. */
  readonly lostCountMax?: number;
  /** The hash of identities, which others may use too; without a secret key by default. */
  readonly hash?: KeyedHash | undefined;
}

/** The messages that a publisher sent over an earlier connection and may send again. */
export interface SentBefore {
  readonly until: number;
  /** When the first of those without an answer was sent, in milliseconds. */
  readonly since: number;
}

/** The publishers that are open, and for a while those that have lost their connection. */
export class PublisherRegistry {
  readonly #records: TextMap<PublisherRecord>;
  readonly #lost = new LostPublishers();
  readonly #options: PublisherRegistryOptions;
  readonly #budget = new OutcomeBudget();
  /** Until when lost publishers may be forgotten, by user. */
  readonly #forgotten = new Map<string | undefined, number>();

  constructor(options: PublisherRegistryOptions = {}) {
    this.#options = options;
    this.#records = new TextMap(options.hash);
  }

  /**
   * Publishers that were lost up to this time, in milliseconds, may be forgotten: it is unknown whether
   * they stored something.
   */
  get forgottenUntil(): number {
    return Math.max(0, ...this.#forgotten.values());
  }

  /** The same for a snapshot: for all, as earlier versions know it, and by user. */
  describeForgotten(): Pick<CountersPiece, "forgottenUntil" | "forgottenBy"> {
    const { forgottenUntil } = this;
    if (forgottenUntil === 0) return {};
    const list = [...this.#forgotten].map(([owner, until]) => [owner ?? null, until] as const);
    return list.some(([owner]) => owner !== null)
      ? { forgottenUntil, forgottenBy: list }
      : { forgottenUntil };
  }

  /**
   * Notes that a publisher lost at this time is forgotten.
   *
   * @param owner Its user, whose publishers alone are in doubt then; undefined if it may be anybody's.
   */
  noteForgotten(lostAt: number, owner?: string): void {
    const until = Math.max(lostAt, this.#forgotten.get(owner) ?? 0);
    if (until > 0) this.#forgotten.set(owner, until);
    if (this.#forgotten.size <= USERS_MAX) return;
    const latest = this.forgottenUntil;
    this.#forgotten.clear();
    this.#forgotten.set(undefined, latest);
  }

  get count(): number {
    return this.#records.size;
  }

  /**
   * Throws `FORBIDDEN` if an identity is another user's: its outcomes are not for everybody. Without users
   * everything may be opened, and what was opened so belongs to the next user of the identity.
   *
   * @returns Whether it had no user so far, and has one now.
   */
  checkOwner(identity: string, owner: string | undefined): boolean {
    const first = this.#records.get(identity)?.owner;
    if (owner === undefined || first === owner) return false;
    if (first === undefined) return true;
    throw new BrokerError(
      "FORBIDDEN",
      `Cannot open a publisher: its identity is not one of user "${owner}"`,
    );
  }

  /** Finds the record of a publisher that opens, for the first time or again. */
  open(identity: string, sent?: SentBefore, owner?: string): PublisherRecord {
    let record = this.#records.get(identity);
    if (record === undefined) {
      record = this.create(identity);
      this.#records.set(identity, record);
      // A forgotten publisher was lost after it had sent something, and not later than `forgottenUntil`.
      const forgottenUntil = this.#findForgottenUntil(owner);
      const mayBeForgotten = sent !== undefined && forgottenUntil > 0 &&
        sent.since - TRAVEL_MS_MAX <= forgottenUntil;
      if (mayBeForgotten) record.doubtfulUntil = sent.until;
    }
    this.#lost.delete(record);
    record.owner ??= owner;
    record.openCount++;
    return record;
  }

  /** Creates the record of a publisher; all records share one budget of outcomes. */
  create(identity: string): PublisherRecord {
    return new PublisherRecord(identity, this.#budget);
  }

  get records(): Iterable<PublisherRecord> {
    return this.#records.values();
  }

  /** Remembers a publisher of an earlier broker; it is lost until it comes back. */
  restore(record: PublisherRecord): void {
    // Of two with one identity the first has ended, or the second would not have begun. A snapshot may
    // know the second before it is told of the first.
    const other = this.#records.get(record.identity);
    if (other !== undefined) {
      if (other.number > record.number) return;
      other.forget();
      this.#lost.delete(other);
    }
    this.#records.set(record.identity, record);
    this.#lost.add(record);
  }

  /** Begins to count the time for publishers that have been restored. */
  finishRestoration(now: number): void {
    for (const record of this.#lost.all) record.lostAt = now;
  }

  close(record: PublisherRecord): void {
    record.openCount--;
    if (record.openCount === 0) this.forget(record);
  }

  forget(record: PublisherRecord): void {
    this.#drop(record);
  }

  /** Keeps a publisher whose connection is lost for a while; returns until when. */
  lose(record: PublisherRecord, now: number): number {
    record.openCount--;
    if (record.openCount > 0) return Infinity;
    // A publisher without stored messages or confirms can send everything again.
    if (!record.isWorthKeeping) {
      this.forget(record);
      return Infinity;
    }
    record.lostAt = now;
    this.#lost.add(record);
    const { lostCountMax = LOST_COUNT_MAX, pushedOut } = this.#options;
    if (this.#lost.size > lostCountMax) {
      this.#forgetLost(this.#lost.findSurplus(record.owner)!);
      pushedOut?.(now);
    }
    return now + RETURN_MS_MAX;
  }

  /** Forgets publishers that were lost for too long; returns the time of the next check. */
  tick(now: number): number {
    let count = 0;
    for (let oldest = this.#lost.oldest; oldest !== undefined; oldest = this.#lost.oldest) {
      if (oldest.lostAt + RETURN_MS_MAX > now) return oldest.lostAt + RETURN_MS_MAX;
      if (count++ === FORGET_COUNT_MAX) return now;
      this.#forgetLost(oldest);
    }
    return Infinity;
  }

  /** Forgets a publisher that may come back, and remembers until when lost ones are forgotten. */
  #forgetLost(record: PublisherRecord): void {
    this.noteForgotten(record.lostAt, record.owner);
    this.#drop(record, record.lostAt);
  }

  /** Until when publishers may be forgotten that a user can open. */
  #findForgottenUntil(owner: string | undefined): number {
    if (owner === undefined) return this.forgottenUntil;
    const anybodys = this.#forgotten.get(undefined) ?? 0;
    return Math.max(anybodys, this.#forgotten.get(owner) ?? 0);
  }

  #drop(record: PublisherRecord, lostAt?: number): void {
    record.forget();
    this.#lost.delete(record);
    if (this.#records.get(record.identity) !== record) return;
    this.#records.delete(record.identity);
    this.#options.forgotten?.(record, lostAt);
  }
}
