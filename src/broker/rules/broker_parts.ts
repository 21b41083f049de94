/**
 * What the rules for publishing, for what comes back and for what moves on have in common.
 *
 * @module
 */

import type { BrokerError } from "../../../protocol.ts";
import type { AlarmClock } from "../collections/alarm_clock.ts";
import type { AttemptLog } from "./attempt_log.ts";
import type { BrokerState } from "../state/broker_state.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Event, Stored } from "../event.ts";
import type { Notices } from "./notices.ts";
import type { Store } from "../store/store.ts";

/** Hears what became of messages that were to be stored. */
export interface StoreOutcome {
  /** They are durable; the buffer of the batch is valid during the call only. */
  stored(event: Stored): void;
  /** They are not stored, and neither is anything that was to be stored after them. */
  failed(error: BrokerError): void;
}

/** What the rules share. */
export interface BrokerParts {
  /** The streams and the publishers. */
  readonly state: BrokerState;
  /** Hands out what is ready. */
  readonly dispatcher: Dispatcher;
  /** What is written of attempts. */
  readonly attempts: AttemptLog;
  /** What an operator is told. */
  readonly notices: Notices;
  /** What is to happen at which time. */
  readonly clock: AlarmClock;
  /** Makes messages durable. */
  readonly store: (event: Stored, outcome: StoreOutcome) => void;
  /** Makes something true at once, and has it written. */
  readonly commit: (event: Event, written?: () => void) => void;
  /** Calls `done` as soon as everything is durable that was given until now. */
  readonly settle: (done: () => void) => void;
  /** Serves a stream no more: some of it cannot be read. */
  readonly noteDamage: (store: Store, error: BrokerError) => void;
  /** Tells why so many more bytes of messages cannot be stored, if they cannot. */
  readonly findObstacle: (bytes: number) => BrokerError | undefined;
}
