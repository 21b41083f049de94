import type {
  BrokerError,
  MessageBatch,
  StoredRun,
  StreamOptions,
  StreamOptionsInput,
  StreamTotals,
} from "../../../protocol.ts";
import {
  DEDUP_COUNT_MAX,
  isDeadName,
  STREAM_OPTIONS_DEFAULT,
} from "../../protocol/messages/stream_options.ts";
import { NO_TOTALS } from "../../protocol/answers/stream_info.ts";
import type { CoalescedContent } from "./coalesced_content.ts";
import { CoalesceIndex } from "./coalesce_index.ts";
import { Alarm } from "../collections/alarm_clock.ts";
import { Backlog } from "../backlog/backlog.ts";
import { Calendar } from "../collections/calendar.ts";
import { DedupWindow } from "./dedup_window.ts";
import { Expiries } from "./expiries.ts";
import { type IdRange, joinRanges } from "../collections/id_ranges.ts";
import { Intake } from "./intake.ts";
import { StoreCounters } from "./store_counters.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import type { Place } from "../backlog/pager.ts";
import type { Residency } from "../backlog/residency.ts";

export interface StoreSetup {
  /** The number of its stream, never used for another one. */
  readonly number: number;
  readonly name: string;
  /** The id that its first message will have. */
  readonly nextId?: number;
  /** Which bytes are in memory, over all streams. */
  readonly residency: Residency;
  /** The distance of the machine's clock from the time of the rules; 0 by default. */
  readonly calendar?: Calendar;
  /** The stream's options that are not the defaults. */
  readonly options?: StreamOptionsInput | undefined;
  readonly ring?: (store: Store, now: number) => void;
  /** The hash of texts that clients choose; without a secret key by default. */
  readonly hash?: KeyedHash | undefined;
  /** Counts what happens in all streams together. */
  readonly counters?: StoreCounters | undefined;
}

/** Facts about messages that are stored. */
export interface StoringDetails {
  /** Their place in the log, if they were written. */
  readonly place?: Place | undefined;
  /** Their properties, if known. */
  readonly flags?: number | undefined;
  readonly storedAt: number;
  /** The expiry of messages that set none themselves. */
  readonly expiresAt?: number | undefined;
  /** The only message, if it has a coalescing id, and until when the one before it had to be ready. */
  readonly coalesced?: (CoalescedContent & { readonly until: number | undefined }) | undefined;
  /** The dedup id of the only message, if it was already read for another stream. */
  readonly dedupId?: string | undefined;
}

/** The most expiries of removed messages that are kept, beside one for each live message. */
const EXPIRIES_SPARE = 1024;

interface OptionSet {
  /** The options as given. */
  readonly given: StreamOptionsInput;
  readonly all: StreamOptions;
}

/** The defaults, shared by most streams. */
const SETTINGS_DEFAULT: OptionSet = { given: {}, all: STREAM_OPTIONS_DEFAULT };

/**
 * The stored side of a stream: messages, ids, limits, expiries and dedup ids. A store knows nothing of
 * followers: a share of it keeps which messages are ready or held.
 */
export class Store {
  readonly number: number;
  readonly name: string;
  readonly backlog: Backlog;
  readonly intake: Intake;
  readonly expiries: Expiries;
  readonly dedupIds: DedupWindow;
  /** Messages with coalescing ids; undefined before the first one. */
  coalesced: CoalesceIndex | undefined;
  /** Rings when work is due, here or in a share. */
  readonly alarm: Alarm;
  readonly #sum: StoreCounters | undefined;
  /** Undefined until something happens to a message: most of many streams are idle. */
  #counters: StoreCounters | undefined;
  #settings: OptionSet = SETTINGS_DEFAULT;
  readonly #hash: KeyedHash | undefined;
  readonly #residency: Residency;
  #damage: BrokerError | undefined;

  constructor(setup: StoreSetup) {
    const { number, name, nextId = 1, residency, options, ring, hash } = setup;
    const { calendar = new Calendar() } = setup;
    this.#sum = setup.counters;
    this.#hash = hash;
    this.#residency = residency;
    this.number = number;
    this.name = name;
    this.backlog = new Backlog(residency);
    this.intake = new Intake(nextId);
    this.dedupIds = new DedupWindow(DEDUP_COUNT_MAX, hash);
    this.expiries = new Expiries(calendar);
    this.alarm = new Alarm((now) => ring?.(this, now));
    if (options !== undefined) this.setOptions(options);
  }

  /** The machine's clock. */
  get calendar(): Calendar {
    return this.expiries.calendar;
  }

  /** Counts what happens to its messages. */
  get counters(): StoreCounters {
    return this.#counters ??= new StoreCounters(this.#sum);
  }

  /** Its messages with coalescing ids, from now on if it had none. */
  requireCoalesced(): CoalesceIndex {
    const book = (bytes: number) => this.#residency.book(bytes);
    return this.coalesced ??= new CoalesceIndex(this.#hash, book);
  }

  /** What has happened to its messages since the start. */
  get totals(): StreamTotals {
    return this.#counters?.describe() ?? NO_TOTALS;
  }

  get damage(): BrokerError | undefined {
    return this.#damage;
  }

  get options(): StreamOptions {
    return this.#settings.all;
  }

  get givenOptions(): StreamOptionsInput {
    return this.#settings.given;
  }

  /** Whether the stream holds dead letters: those are never given up. */
  get isDead(): boolean {
    return isDeadName(this.name);
  }

  /** The number of messages, including those that are about to be stored. */
  get depthCount(): number {
    return this.backlog.count + this.intake.underwayCount;
  }

  /** The bytes of messages, including those that are about to be stored. */
  get depthBytes(): number {
    return this.backlog.bytes + this.intake.underwayBytes;
  }

  /** Sets the options that are given; the others have their defaults. */
  setOptions(given: StreamOptionsInput): void {
    this.#settings = Object.keys(given).length === 0
      ? SETTINGS_DEFAULT
      : { given, all: { ...STREAM_OPTIONS_DEFAULT, ...given } };
  }

  /** Stops serving the stream: some of it cannot be read. */
  noteDamage(error: BrokerError): void {
    this.#damage ??= error;
  }

  /** Gives messages another place in the log, except those that were removed since the decision. */
  move(
    firstId: number,
    batch: MessageBatch,
    place: Place,
    storedAt: readonly StoredRun[],
  ): void {
    const { backlog } = this;
    const endId = firstId + batch.count;
    const here = backlog.findRuns({ fromId: firstId, toId: endId });
    if (here.length === 0) return;
    backlog.move(firstId, batch, place, storedAt);
    let id = firstId;
    for (const run of [...here, { firstId: endId, count: 0 }]) {
      if (run.firstId > id) backlog.forget(id, run.firstId - id);
      id = run.firstId + run.count;
    }
  }

  /** When consecutive messages that lie together were stored, by the machine's clock; 0 if unknown. */
  listStored(firstId: number, count: number): readonly StoredRun[] {
    const runs = this.backlog.listTimes(firstId, count);
    const { aheadMs } = this.calendar;
    if (aheadMs === 0) return runs;
    return runs.map(({ count, at }) => ({ count, at: at === 0 ? 0 : at + aheadMs }));
  }

  /** The live ones of some messages, in order. */
  findPresent({ firstId, count }: IdRange): IdRange[] {
    return this.backlog.findRuns({ fromId: firstId, toId: firstId + count });
  }

  /**
   * Takes out expiries that are due, of at most so many live messages; returns these, joined. Those of messages
   * that are gone are not counted: most messages of a busy stream are acknowledged long before they expire.
   */
  takeExpired(now: number, countMax: number): IdRange[] {
    const found: IdRange[] = [];
    for (let left = countMax; left > 0 && this.expiries.nextAt <= now;) {
      for (const range of this.#findExpired(this.expiries.takeDue(now, left), now)) {
        found.push(range);
        left -= range.count;
      }
    }
    return joinRanges(found);
  }

  /** Takes out the expiries of some messages that are due; returns the live ones among them, joined. */
  takeExpiredOf(range: IdRange, now: number): IdRange[] {
    return this.#findExpired(this.expiries.takeDueOf(range, now), now);
  }

  #findExpired(taken: readonly IdRange[], now: number): IdRange[] {
    const due = taken.flatMap((run) => this.findPresent(run));
    const { coalesced } = this;
    return joinRanges(coalesced === undefined ? due : coalesced.withoutLater(due, now));
  }

  /** Drops expiries of removed messages, when there are many. */
  pruneExpiries(): void {
    if (this.expiries.size <= 2 * this.backlog.count + EXPIRIES_SPARE) return;
    this.expiries.prune((run) => this.findPresent(run));
  }
}
