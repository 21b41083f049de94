import { BrokerError } from "../../../protocol.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";
import { DialError } from "./dial_error.ts";
import type { Target } from "./target.ts";

/** Errors after which another attempt would end in the same way. */
const HOPELESS: ReadonlySet<string> = new Set([
  "BAD_MAGIC",
  "UNSUPPORTED_VERSION",
  "BAD_FRAME",
  "UNAUTHORIZED",
]);

/** Why one broker could not be used. */
export interface Failure {
  readonly target: Target;
  readonly error: unknown;
}

/** Whether another attempt with the same token would end in the same way. */
export function isHopeless(error: unknown): boolean {
  if (error instanceof ConnectionClosedError) return true;
  return error instanceof BrokerError && HOPELESS.has(error.code);
}

/** Whether waiting would be in vain: the broker was reached, and the way to it is wrong. */
export function isMistake(error: unknown): boolean {
  if (error instanceof AggregateError) {
    return error.errors.every((one) => isHopeless(one) || isMistake(one));
  }
  return error instanceof DialError && error.isMistake;
}

export function isUnauthorized(error: unknown): boolean {
  return error instanceof BrokerError && error.code === "UNAUTHORIZED";
}

/** Whether another broker of the cluster decides. */
export function isNotActive(error: unknown): error is BrokerError {
  return error instanceof BrokerError && error.code === "NOT_ACTIVE";
}

/** The error of an attempt, by the errors of all brokers. */
export function chooseError(failures: readonly Failure[]): unknown {
  const errors = failures.map(({ error }) => error);
  if (errors.length === 1) return errors[0];
  // A refused token must be noticed, even while other brokers cannot be reached.
  const refusal = errors.find(isUnauthorized);
  if (refusal !== undefined) return refusal;
  if (errors.every(isHopeless)) return errors[0];
  const told = failures.map(nameBroker);
  const why = told.map((error) => error instanceof Error ? error.message : String(error));
  return new AggregateError(told, why.join("; "), { cause: told[0] });
}

/** What a broker says does not tell which one it is. */
function nameBroker({ target: { action }, error }: Failure): unknown {
  if (!(error instanceof BrokerError) || error.message.startsWith(action)) return error;
  const why = error.message.replace(/^Cannot [^:]*: /, "");
  const { code, details } = error;
  return new BrokerError(code, `${action}: ${why}`, { cause: error, details });
}
