import type { ErrorCode, StreamTotals } from "../../protocol.ts";
import type { Residency } from "./backlog/residency.ts";
import { Histogram } from "./collections/histogram.ts";
import type {
  EngineCounters,
  JournalCounters,
  LimitCounters,
  ScheduleCounters,
} from "./engine_counters.ts";
import type { EventLog } from "./event_log.ts";
import { StoreCounters } from "./store/store_counters.ts";

/** The figures of a broker; the rules count in it, per batch. */
export class BrokerCounters implements EngineCounters {
  /** Over all streams, deleted ones included. */
  readonly all: StoreCounters = new StoreCounters();
  readonly deliveryWait: Histogram = new Histogram();
  readonly refused: Partial<Record<ErrorCode, number>> = {};
  duplicates = 0;
  /** Set by who knows the limits. */
  limits!: LimitCounters;
  /** Set by who runs the schedules. */
  schedules!: ScheduleCounters;
  readonly #log: EventLog;
  readonly #residency: Residency;
  readonly #countBytes: () => number;

  /** @param countBytes Returns the bytes of all messages. */
  constructor(log: EventLog, residency: Residency, countBytes: () => number) {
    this.#log = log;
    this.#residency = residency;
    this.#countBytes = countBytes;
  }

  get totals(): StreamTotals {
    return this.all.describe();
  }

  get memoryBytes(): number {
    const { bookedBytes, bytes } = this.#residency;
    return bookedBytes + (this.#log.memoryLimit === undefined ? bytes : this.#countBytes());
  }

  get memoryLimit(): number {
    return this.#log.memoryLimit ?? this.#residency.bytesMax;
  }

  get journal(): JournalCounters | undefined {
    return this.#log.counters;
  }

  /** Counts a batch that is refused. */
  noteRefused(code: ErrorCode): void {
    this.refused[code] = (this.refused[code] ?? 0) + 1;
  }
}
