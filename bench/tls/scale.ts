import { Arguments } from "../harness/frame/arguments.ts";
import { SETTLE_MS } from "../work/work.ts";
import type { DoorName } from "./gate.ts";

/** The parts of the bench, in their order. */
export const PARTS = ["throughput", "requests", "connections", "memory", "logins"] as const;

/** One of them. */
export type Part = typeof PARTS[number];

/** How much to measure. */
export interface TlsScale {
  readonly parts: readonly Part[];
  /** No others are measured. */
  readonly doors: readonly DoorName[];
  /** Messages of 100 bytes in a round of batches; other rounds have fewer. */
  readonly messages: number;
  /** Rounds that count. */
  readonly rounds: number;
  /** One more round comes before them. */
  readonly isWarmedUp: boolean;
  /** Requests of a round, one after the other. */
  readonly requests: number;
  /** New connections of a round. */
  readonly connections: number;
  /** Failed logins of a round. */
  readonly failures: number;
  /** Connections that are idle at a time. */
  readonly idle: number;
  /** How long nothing happens before memory is read, in milliseconds. */
  readonly settleMs: number;
  /** Brokers of each kind that get them. */
  readonly brokers: number;
  /** How long a publisher is watched while logins fail, in seconds. */
  readonly stormSeconds: number;
  /** So many of its messages come first and are not timed: everything is new then. */
  readonly stormWarmUp: number;
}

/** For figures to quote: less than four minutes. */
const FULL: Omit<TlsScale, "parts"> = {
  doors: ["plain", "users", "TLS", "TLS, users"],
  messages: 300_000,
  rounds: 5,
  isWarmedUp: true,
  requests: 400,
  connections: 150,
  failures: 400,
  idle: 2000,
  settleMs: SETTLE_MS,
  brokers: 1,
  stormSeconds: 2,
  stormWarmUp: 500,
};

/** For a look at whether it works, with few processes; its figures mean nothing. */
const QUICK: Omit<TlsScale, "parts"> = {
  doors: ["plain", "TLS", "TLS, users"],
  messages: 1000,
  rounds: 1,
  isWarmedUp: false,
  requests: 3,
  connections: 3,
  failures: 2,
  idle: 5,
  settleMs: 10,
  brokers: 1,
  stormSeconds: 0.2,
  stormWarmUp: 10,
};

/**
 * Reads the arguments: `--parts`, `--rounds`, `--messages` and `--quick`.
 *
 * @throws {RangeError} If one is not known, or has a value that is not allowed.
 */
export function readTlsScale(args: readonly string[]): TlsScale {
  const flags = new Arguments(args, ["parts", "messages", "rounds"], ["quick"]);
  const scale = flags.has("quick") ? QUICK : FULL;
  return {
    ...scale,
    parts: flags.readSome("parts", PARTS, (part) => part),
    messages: flags.readCount("messages", scale.messages),
    rounds: flags.readCount("rounds", scale.rounds),
  };
}
