import type { Msg } from "@nats-io/transport-node";
import { LeaderlessError, RefusedError } from "../log.ts";

/** What JetStream answers where it refuses something. */
export interface JetStreamError {
  readonly "code"?: number;
  readonly "err_code"?: number;
  readonly "description"?: string;
}

/** An answer in JSON. */
export type JetStreamAnswer = Readonly<Record<string, unknown>> & {
  readonly error?: JetStreamError;
};

/** Nobody serves the subject: the stream has no leader, or the node knows of none. */
const NO_RESPONDERS = 503;

/** JetStream's own codes. */
export const CODE = {
  wrongLastSequence: 10071,
  messageNotFound: 10037,
  streamNotFound: 10059,
} as const;

/** The cluster is not available; the stream is offline; no node can be asked now. */
const LEADERLESS: readonly number[] = [10008, 10009, 10118];

/** Storage or memory is at its limit. 10077 is any failure to store, and is told apart by its words. */
const FULL: readonly number[] = [10023, 10028, 10047];
const STORE_FAILED = 10077;
const FULL_WORDS = /maximum|no space|insufficient|exceeded/i;

/** Reads an answer; throws what its error means. */
export function readAnswer(message: Msg, what: string): JetStreamAnswer {
  if (message.headers?.code === NO_RESPONDERS) {
    throw new LeaderlessError(`Cannot ${what}: no node of NATS leads the log`);
  }
  let answer: JetStreamAnswer;
  try {
    answer = message.json<JetStreamAnswer>();
  } catch (cause) {
    throw new Error(`Cannot ${what}: the answer of NATS is no JSON`, { cause });
  }
  if (answer.error !== undefined) throw explainError(answer.error, what);
  return answer;
}

/** An error of JetStream that has no other meaning for a log. */
export class JetStreamFault extends Error {
  override readonly name = "JetStreamFault";
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** What an error means. */
export function explainError(error: JetStreamError, what: string): Error {
  const code = error["err_code"] ?? error.code ?? 0;
  const text = error.description ?? "no reason is given";
  if (code === CODE.wrongLastSequence) {
    const last = /wrong last sequence: (\d+)/.exec(text)?.[1];
    const known = last === undefined ? undefined : Number(last);
    return new RefusedError(`Cannot ${what}: ${text} (${code})`, "sequence", known);
  }
  if (LEADERLESS.includes(code)) return new LeaderlessError(`Cannot ${what}: ${text} (${code})`);
  if (FULL.includes(code) || code === STORE_FAILED && FULL_WORDS.test(text)) {
    return new RefusedError(`Cannot ${what}: the log is full: ${text} (${code})`, "full");
  }
  return new JetStreamFault(`Cannot ${what}: ${text} (${code})`, code);
}
