import type { BrokerError } from "../../../protocol.ts";
import type { BrokerCounters } from "../broker_counters.ts";
import type { Residency } from "../backlog/residency.ts";
import type { AlarmClock } from "../collections/alarm_clock.ts";
import type { Decided } from "../event.ts";
import type { Appender, EventLog } from "../event_log.ts";
import type { BrokerState } from "../state/broker_state.ts";
import { Turns } from "../pacing/turns.ts";
import type { PublisherRecord } from "../state/publisher_record.ts";
import type { Store } from "../store/store.ts";
import { AttemptLog } from "./attempt_log.ts";
import { Breakers } from "./breakers.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Notices } from "./notices.ts";

export interface RuleContextParts extends
  Pick<
    RuleContext,
    "state" | "dispatcher" | "notices" | "counters" | "clock" | "now" | "hasten"
  > {
  readonly log: EventLog;
  readonly residency: Residency;
}

/** The size of a small batch: memory without room for it is as good as full. */
const SMALL_BATCH_BYTES = 4096;

export class RuleContext {
  readonly state: BrokerState;
  readonly dispatcher: Dispatcher;
  readonly notices: Notices;
  readonly counters: BrokerCounters;
  readonly clock: AlarmClock;
  readonly now: () => number;
  /** Hears of deadlines that are in no alarm. */
  readonly hasten: ((at: number) => void) | undefined;
  /** Hear that the machine's clock was set. */
  readonly clockWatchers: (() => void)[] = [];
  readonly attempts: AttemptLog = new AttemptLog((event) => this.log.commit(event));
  /** Set once the log was read: until then nothing is decided. */
  log!: Appender;
  readonly breakers: Breakers = new Breakers(this);
  readonly turns: Turns;
  readonly #medium: EventLog;
  readonly #residency: Residency;
  #lateCount = 0;

  constructor(parts: RuleContextParts) {
    this.state = parts.state;
    this.dispatcher = parts.dispatcher;
    this.notices = parts.notices;
    this.counters = parts.counters;
    this.clock = parts.clock;
    this.now = parts.now;
    this.turns = new Turns(parts.clock, parts.now);
    this.hasten = parts.hasten;
    this.#medium = parts.log;
    this.#residency = parts.residency;
  }

  /** Applies an event at once, and has it written. */
  commit(event: Decided, written?: () => void): void {
    this.log.commit(event, written);
    this.state.apply(event);
  }

  /** Has a publisher forgotten that is known to the log, and tells when it was lost, if it was. */
  closePublisher({ number }: PublisherRecord, lostAt: number | undefined): void {
    if (number === 0) return;
    const loss = lostAt === undefined ? {} : { lostAt: Math.ceil(lostAt) };
    this.log.commit({ type: "publisherClosed", number, ...loss });
  }

  /** Has messages removed that were worked on. */
  acknowledge(store: Store, firstId: number, count: number): void {
    store.counters.noteAcknowledged(count);
    this.commit({ type: "acknowledged", number: store.number, firstId, count });
  }

  /** Notes that something was decided since messages could not be stored: who waits for them, waits for it. */
  noteLate(): void {
    this.#lateCount++;
  }

  /** Resolves when all decisions so far are durable; returns nothing if they are durable already. */
  whenDurable(): Promise<void> | undefined {
    let isDurable = false;
    let resolve: (() => void) | undefined;
    this.#awaitDurable(() => {
      isDurable = true;
      resolve?.();
    });
    if (isDurable) return undefined;
    return new Promise((resolveThis) => resolve = resolveThis);
  }

  #awaitDurable(done: () => void): void {
    const before = this.#lateCount;
    this.log.whenDurable(() => before === this.#lateCount ? done() : this.#awaitDurable(done));
  }

  /** The bytes of memory that notes about failures take. */
  get bookedBytes(): number {
    return this.#residency.bookedBytes;
  }

  /** The error for messages of so many bytes, if they cannot be stored. */
  findObstacle(bytes: number): BrokerError | undefined {
    return this.#medium.findObstacle(bytes, this.state.bytes + this.bookedBytes);
  }

  /** The error for about all batches, if the broker refuses them; nothing is booked for them. */
  findRefusal(): BrokerError | undefined {
    return this.findObstacle(this.#medium.pager === undefined ? SMALL_BATCH_BYTES : 0);
  }

  /** Stops serving a stream that cannot be read completely. */
  noteDamage(store: Store, error: BrokerError): void {
    store.noteDamage(error);
    this.notices.noteDamage(store, error);
  }
}
