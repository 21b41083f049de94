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
  SCHEDULE_NOT_FOUND: ExitCode.notFound,
  LIMIT_NOT_FOUND: ExitCode.notFound,
  PUBLISH_TIMEOUT: ExitCode.timeOver,
  REPLY_TIMEOUT: ExitCode.timeOver,
  BAD_MAGIC: ExitCode.noConnection,
  UNSUPPORTED_VERSION: ExitCode.noConnection,
  SHUTTING_DOWN: ExitCode.noConnection,
  NOT_ACTIVE: ExitCode.noConnection,
  TOO_MANY_CONNECTIONS: ExitCode.noConnection,
};

/** What to do about a refusal: a line behind it. */
const ADVICE: { readonly [Code in ErrorCode]?: string } = {
  UNAUTHORIZED: "Show a token: --token-file <file>, SIMPLEMQ_TOKEN, or a context.",
  STREAM_NOT_FOUND: '"simplemq stream ls" lists the streams, "simplemq stream add" creates one.',
  LIMIT_NOT_FOUND: '"simplemq limit ls" lists the shared limits.',
  SCHEDULE_NOT_FOUND: '"simplemq schedule ls" lists the schedules.',
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
  if (explained instanceof CommandError) return explainInFlags(explained, error);
  if (!(error instanceof Error)) return explained;
  if (error instanceof Deno.errors.NotCapable || error.name === "AbortError") return error;
  const all = error instanceof AggregateError ? error.errors : [error];
  const lines = all.map((one) => sayInFlags(one instanceof Error ? one.message : String(one)));
  if (!hasServer) {
    lines.push('"simplemq serve" runs a broker here; --server host:port names another one.');
  }
  return new CommandError(lines, { cause: error, exitCode: ExitCode.noConnection });
}

/** Before there is a session, what is no refusal of a login means that no broker is there. */
function explainInFlags({ lines, exitCode }: CommandError, cause: unknown): CommandError {
  const isForeign = cause instanceof BrokerError && EXIT_CODES[cause.code] === undefined;
  return new CommandError(lines.map(sayInFlags), {
    cause,
    exitCode: isForeign ? ExitCode.noConnection : exitCode,
  });
}

/** The client speaks of options of its API: what they are called here. */
const FLAG_WORDS: readonly (readonly [api: RegExp, flag: string])[] = [
  [/give its authority as tls\.ca/g, "give its authority as --ca"],
  [/give a name that it is for as tls\.serverName/g, "name one of those in --server"],
  [/give tls\.cert and tls\.key/g, "give --client-certificate and --client-key"],
  [/leave tls out, or use smq:\/\/ in place of smqs:\/\//g, "write smq:// in place of smqs://"],
  [/; connect with tls, or to smqs:\/\//g, "; write smqs:// in --server"],
  [/use smqs:\/\/ or give tls/g, "write smqs:// in --server"],
  [
    /but tls is given; write smqs:\/\/, or leave tls out/g,
    "but --ca or a certificate is given; write smqs://",
  ],
  [/smqs:\/\/token@host:port/g, "smqs://host:port"],
  [/\bservers\[\d+\]/g, "--server"],
  [/\btls\.ca\b/g, "--ca"],
  [/\btls\.cert\b/g, "--client-certificate"],
  [/\btls\.key\b/g, "--client-key"],
  [/\btokenFile\b/g, "--token-file"],
];

function sayInFlags(text: string): string {
  return FLAG_WORDS.reduce((said, [api, flag]) => said.replaceAll(api, flag), text);
}
