import type { Connection, Cursor } from "../../../../client.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { describe } from "../../settings/found_value.ts";
import type { Arguments } from "../arguments.ts";
import { type CommandContext, CommandError } from "../command.ts";
import { formatSpan, parseSpan, SPAN_ALLOWED } from "../output/quantities.ts";
import { findBroker, makeConnectOptions } from "./broker_address.ts";
import { explainBrokerFailure, explainDialFailure } from "./broker_failure.ts";

/** What a command has of a broker. */
export interface BrokerUse {
  readonly connection: Connection;
  readonly cursor: Cursor;
  /** Ends calls that wait: at Ctrl-C, or when the time of `--timeout` is over. */
  readonly signal: AbortSignal;
}

/** How long a command may take that only asks, in milliseconds. */
const TIMEOUT_MS_DEFAULT = 30_000;

/** What a command needs of a broker. */
export interface BrokerNeeds {
  /** The command's name, for messages. */
  readonly command: string;
  /** Whether it goes on until somebody stops it: then only `--timeout`, if it is given, ends it. */
  readonly isEndless?: boolean;
  /** Whether a standby of a cluster will do. */
  readonly standby?: boolean;
  /** The broker to use in place of the one that is named, as `host:port`. */
  readonly at?: string;
}

/**
 * Connects to the broker that flags, environment or context name, and closes the connection afterwards.
 *
 * @param needs What the command needs.
 * @param args Its flags: {@linkcode QUERY_FLAGS}, or `CONNECTION_FLAGS` without a time limit.
 * @param context What it works with.
 * @param use Uses the connection; what the broker refuses becomes a line and an exit code.
 * @throws {CommandError} If there is no broker, or it refuses something.
 */
export async function withBroker(
  { command, isEndless = false, standby = false, at }: BrokerNeeds,
  args: Arguments,
  context: CommandContext,
  use: (broker: BrokerUse) => Promise<ExitCode | void>,
): Promise<ExitCode> {
  const timeoutMs = readTimeout(args, command) ?? (isEndless ? undefined : TIMEOUT_MS_DEFAULT);
  const address = await findBroker(args, context, command);
  const named = await makeConnectOptions(address, context);
  const options = at === undefined ? named : { ...named, servers: [moveTo(at, named.servers)] };
  using limit = new TimeLimit(timeoutMs, context.signal);
  const { signal } = limit;
  const { connect } = await import("../../../../client.ts");
  let connection: Connection;
  try {
    connection = await connect({ ...options, signal, ...standby && { standby } });
  } catch (error) {
    throw limit.explain(explainDialFailure(error, options.servers !== undefined));
  }
  try {
    const code = await use({ connection, cursor: connection.cursor(), signal });
    return code ?? ExitCode.stopped;
  } catch (error) {
    throw limit.explain(explainBrokerFailure(error));
  } finally {
    await connection.close({ drainMs: 0 }).catch(() => {});
  }
}

/** Another broker of a cluster; all of them speak TLS, or none. */
function moveTo(address: string, servers: readonly string[] = []): string {
  return servers[0]?.startsWith("smqs://") ? `smqs://${address}` : address;
}

/** The time of `--timeout`, in milliseconds. */
function readTimeout(args: Arguments, command: string): number | undefined {
  const text = args.find("timeout");
  if (text === undefined) return undefined;
  const ms = parseSpan(text);
  if (ms !== undefined && ms > 0 && ms < 2 ** 31) return ms;
  throw new CommandError(
    `Cannot run "${command}": --timeout: found ${describe(text)}, allowed ${SPAN_ALLOWED}`,
  );
}

/** Ends calls when somebody stops the command, or its time is over. */
class TimeLimit implements Disposable {
  readonly signal: AbortSignal;
  readonly #ms: number | undefined;
  readonly #over = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number | undefined, stop: AbortSignal) {
    this.#ms = ms;
    this.signal = ms === undefined ? stop : AbortSignal.any([stop, this.#over.signal]);
    if (ms !== undefined) this.#timer = setTimeout(() => this.#over.abort(), ms);
  }

  /** What a command says if this has ended its call. */
  explain(error: unknown): unknown {
    if (!this.#over.signal.aborted || error instanceof CommandError) return error;
    const span = formatSpan(this.#ms ?? 0);
    return new CommandError(
      `The time is over: it was not done within ${span}; --timeout <span> allows more`,
      { cause: error, exitCode: ExitCode.timeOver },
    );
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
