import type { Residency } from "./backlog/residency.ts";
import type { HashKey } from "./collections/keyed_hash.ts";
import type { EventLog } from "./event_log.ts";
import type { Warn } from "./rules/notices.ts";
import type { CronReader } from "./schedules/cron_reader.ts";
import type { PatternCompiler } from "./state/router.ts";

/** The parts of a `Broker`, and what it may use. */
export interface BrokerOptions {
  readonly log: EventLog;
  readonly compilePattern: PatternCompiler;
  readonly cron: CronReader;
  /** Which bytes are in memory, over all streams. */
  readonly residency: Residency;
  /** Tells the time of the rules, in milliseconds. */
  readonly now: () => number;
  /** Asks for a call of {@linkcode Broker.dispatch}, soon. */
  readonly wake: () => void;
  /** Hears of a deadline that is earlier than {@linkcode Broker.tick} returned. */
  readonly hasten?: ((at: number) => void) | undefined;
  readonly report?: Warn | undefined;
  /** The secret key of hashes: random where clients are not trusted; fixed by default. */
  readonly hashKey?: HashKey | undefined;
  /** How many attachments of followers to streams there may be; by default a million. */
  readonly attachmentsMax?: number;
}
