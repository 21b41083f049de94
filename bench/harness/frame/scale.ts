import { Arguments } from "./arguments.ts";

/** How much to measure. */
export interface Scale {
  /** Messages of 100 bytes in a round of the fastest way to send; other rounds have fewer. */
  readonly messages: number;
  /** Rounds that count; one more comes before them, to warm up. */
  readonly rounds: number;
  /** Flushes of the disk, and receipts, that are timed in turn in each round. */
  readonly flushes: number;
  /** Starts that are timed. */
  readonly starts: number;
  /** Brokers whose memory is measured. */
  readonly brokers: number;
  /** Idle connections that each of them gets. */
  readonly connections: number;
  /** How long the processor time of a broker with idle clients is watched, in seconds; as long as before that. */
  readonly idleSeconds: number;
}

/** For figures to quote. */
const FULL: Scale = {
  messages: 800_000,
  rounds: 5,
  flushes: 1000,
  starts: 5,
  brokers: 3,
  connections: 1000,
  idleSeconds: 30,
};

/** For a look at whether it works; its figures mean nothing. */
const QUICK: Scale = {
  messages: 8_000,
  rounds: 1,
  flushes: 10,
  starts: 2,
  brokers: 1,
  connections: 50,
  idleSeconds: 1,
};

/**
 * Reads the arguments that most benches have: `--messages`, `--rounds` and `--quick`.
 *
 * @throws {RangeError} If one is not known, or not a count.
 */
export function readScale(args: readonly string[]): Scale {
  const flags = new Arguments(args, ["messages", "rounds"], ["quick"]);
  const scale = flags.has("quick") ? QUICK : FULL;
  return {
    ...scale,
    messages: flags.readCount("messages", scale.messages),
    rounds: flags.readCount("rounds", scale.rounds),
  };
}

/** A part of the messages of a round: at least one. */
export function takeShare(messages: number, share: number): number {
  return Math.max(1, Math.round(messages * share));
}
