import { BrokerError, type ErrorCode } from "../../../../protocol.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { CommandError } from "../command.ts";

/** The codes of the broker that have an exit code of their own; all others are refusals. */
const EXIT_CODES: { readonly [Code in ErrorCode]?: ExitCode } = {
  UNAUTHORIZED: ExitCode.forbidden,
  FORBIDDEN: ExitCode.forbidden,
  STREAM_NOT_FOUND: ExitCode.notFound,
  NO_MATCHING_STREAM: ExitCode.notFound,
  FOLLOWER_NOT_FOUND: ExitCode.notFound,
  MESSAGE_NOT_FOUND: ExitCode.notFound,
  PUBLISH_TIMEOUT: ExitCode.timeOver,
  REPLY_TIMEOUT: ExitCode.timeOver,
  BAD_MAGIC: ExitCode.noConnection,
  UNSUPPORTED_VERSION: ExitCode.noConnection,
  SHUTTING_DOWN: ExitCode.noConnection,
  TOO_MANY_CONNECTIONS: ExitCode.noConnection,
};

/** What to do about a refusal: a line behind it. */
const ADVICE: { readonly [Code in ErrorCode]?: string } = {
  UNAUTHORIZED: "Show a token: --token-file <file>, SIMPLEMQ_TOKEN, or a context.",
  STREAM_NOT_FOUND: '"simplemq stream ls" lists the streams, "simplemq stream add" creates one.',
  FOLLOWER_NOT_FOUND: '"simplemq pel ls" lists the followers that hold messages.',
};

/** Turns what a client reports into what a command says; other errors stay what they are. */
export function explainBrokerFailure(error: unknown): unknown {
  if (error instanceof BrokerError) {
    const { code, message } = error;
    const advice = ADVICE[code];
    const lines = [`${message} (${code})`, ...advice === undefined ? [] : [advice]];
    return new CommandError(lines, { cause: error, exitCode: EXIT_CODES[code] ?? ExitCode.fault });
  }
  // What is wrong with an argument, found before anything was sent.
  if (error instanceof RangeError || error instanceof TypeError) {
    return new CommandError(error.message, { cause: error });
  }
  if (error instanceof Error && error.name === "ConnectionClosedError") {
    return explainClosing(error);
  }
  return error;
}

/** Why a connection is closed for good is in the cause. */
function explainClosing(error: Error): unknown {
  if (error.cause instanceof BrokerError) return explainBrokerFailure(error.cause);
  return new CommandError(error.message, { cause: error, exitCode: ExitCode.noConnection });
}

/** Turns why no connection could be opened into what a command says. */
export function explainDialFailure(error: unknown, hasServer: boolean): unknown {
  const explained = explainBrokerFailure(error);
  if (explained instanceof CommandError || !(error instanceof Error)) return explained;
  if (error instanceof Deno.errors.NotCapable || error.name === "AbortError") return error;
  const all = error instanceof AggregateError ? error.errors : [error];
  const lines = all.map((one) => one instanceof Error ? one.message : String(one));
  if (!hasServer) {
    lines.push('"simplemq serve" runs a broker here; --server host:port names another one.');
  }
  return new CommandError(lines, { cause: error, exitCode: ExitCode.noConnection });
}
