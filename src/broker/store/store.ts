import type {
  BrokerError,
  MessageBatch,
  StreamOptions,
  StreamOptionsInput,
} from "../../../protocol.ts";
import { isDeadName, STREAM_OPTIONS_DEFAULT } from "../../protocol/messages/stream_options.ts";
import { Alarm } from "../collections/alarm_clock.ts";
import { Backlog } from "../backlog/backlog.ts";
import { Calendar } from "../collections/calendar.ts";
import { DedupWindow } from "./dedup_window.ts";
import { Expiries } from "./expiries.ts";
import { type IdRange, joinRanges } from "../collections/id_ranges.ts";
import { Intake } from "./intake.ts";
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
  /** How far the machine's clock is from the time of the rules; nowhere if nothing is said. */
  readonly calendar?: Calendar;
  /** What is set for the stream, as far as that is not the default. */
  readonly options?: StreamOptionsInput | undefined;
  readonly ring?: (store: Store, now: number) => void;
}

/** What is known of messages that are stored, beside themselves. */
export interface StoringDetails {
  /** Where they were written to, if they were. */
  readonly place?: Place | undefined;
  /** Which properties they have, if that is known. */
  readonly flags?: number | undefined;
  readonly storedAt: number;
  /** When those expire that do not say so themselves. */
  readonly expiresAt?: number | undefined;
  /** The dedup id of the only one, if it has been found out for another stream. */
  readonly dedupId?: string | undefined;
}

/** So many expiries are kept although their messages are gone, beside one for each that is not. */
const EXPIRIES_SPARE = 1024;

interface OptionSet {
  /** As given; what is not has the default. */
  readonly given: StreamOptionsInput;
  readonly all: StreamOptions;
}

/** What most streams have. */
const SETTINGS_DEFAULT: OptionSet = { given: {}, all: STREAM_OPTIONS_DEFAULT };

/**
 * What is stored of a stream: its messages, ids, limits, expiries and the dedup ids it has seen. A
 * store knows nothing of followers: which of its messages are ready or held is kept by a share of it.
 */
export class Store {
  readonly number: number;
  readonly name: string;
  readonly backlog: Backlog;
  readonly intake: Intake;
  readonly expiries: Expiries;
  readonly dedupIds: DedupWindow = new DedupWindow();
  /** Rings when something is due, here or in a share. */
  readonly alarm: Alarm;
  #settings: OptionSet = SETTINGS_DEFAULT;
  #damage: BrokerError | undefined;

  constructor(setup: StoreSetup) {
    const { number, name, nextId = 1, residency, options, ring, calendar = new Calendar() } = setup;
    this.number = number;
    this.name = name;
    this.backlog = new Backlog(residency);
    this.intake = new Intake(nextId);
    this.expiries = new Expiries(calendar);
    this.alarm = new Alarm((now) => ring?.(this, now));
    if (options !== undefined) this.setOptions(options);
  }

  /** What the machine's clock says. */
  get calendar(): Calendar {
    return this.expiries.calendar;
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

  /** How many messages there are, with those that are about to be stored. */
  get depthCount(): number {
    return this.backlog.count + this.intake.underwayCount;
  }

  /** How many bytes of messages there are, with those that are about to be stored. */
  get depthBytes(): number {
    return this.backlog.bytes + this.intake.underwayBytes;
  }

  /** Sets the options that are given; the others have their defaults. */
  setOptions(given: StreamOptionsInput): void {
    this.#settings = Object.keys(given).length === 0
      ? SETTINGS_DEFAULT
      : { given, all: { ...STREAM_OPTIONS_DEFAULT, ...given } };
  }

  /** Ends the service of the stream: some of it cannot be read. */
  noteDamage(error: BrokerError): void {
    this.#damage ??= error;
  }

  /** Gives messages another place in the log; those that are gone since it was decided stay so. */
  move(firstId: number, batch: MessageBatch, place: Place): void {
    const { backlog } = this;
    const endId = firstId + batch.count;
    const here = backlog.findRuns({ fromId: firstId, toId: endId });
    if (here.length === 0) return;
    backlog.move(firstId, batch, place);
    let id = firstId;
    for (const run of [...here, { firstId: endId, count: 0 }]) {
      if (run.firstId > id) backlog.forget(id, run.firstId - id);
      id = run.firstId + run.count;
    }
  }

  /** Which of some messages are not gone, in order. */
  findPresent({ firstId, count }: IdRange): IdRange[] {
    return this.backlog.findRuns({ fromId: firstId, toId: firstId + count });
  }

  /** Takes the times of messages out that have expired; returns those that are not gone, joined. */
  takeExpired(now: number): IdRange[] {
    return joinRanges(this.expiries.takeDue(now).flatMap((run) => this.findPresent(run)));
  }

  /** Lets go of expiries whose messages are gone, when those are many. */
  pruneExpiries(): void {
    if (this.expiries.size <= 2 * this.backlog.count + EXPIRIES_SPARE) return;
    this.expiries.prune((run) => this.findPresent(run));
  }
}
