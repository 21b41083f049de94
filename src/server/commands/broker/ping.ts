import { delay } from "@std/async/delay";
import type { PingOptions, PingResult } from "../../../../client.ts";
import { BrokerError } from "../../../../protocol.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { type CommandBody, type CommandContext, CommandError } from "../command.ts";
import { findBroker, makeConnectOptions } from "../connecting/broker_address.ts";
import { explainDialFailure } from "../connecting/broker_failure.ts";
import { CONNECTION_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { formatSpan } from "../output/quantities.ts";

const NAME = "ping";

/** How long a broker may take to answer, in milliseconds. */
const TIMEOUT_MS_DEFAULT = 5000;

/** The pause between two attempts, in milliseconds. */
const PAUSE_MS = 200;

/** `ping`: asks whether a broker is well. */
export const ping: CommandBody = {
  examples: [
    "ping",
    "ping --wait 30s",
    "ping --server smqs://broker.example:9090 --ca authority.pem",
  ],
  flags: [
    {
      name: "wait",
      value: "<span>",
      about: "Asks again until the broker is well, for so long at most;\n" +
        "a number without a unit is in seconds",
    },
    {
      name: "timeout",
      value: "<span>",
      about: "How long one answer may take; 5s by default",
    },
    { name: "json", about: "Prints one JSON value, for programs" },
    ...CONNECTION_FLAGS.filter(({ name }) => name !== "token-file"),
  ],
  words: [0, 0],
  details:
    "It needs no token, also where there are users. The exit code is 0 if the broker is well, 1 if\n" +
    "it answers and is not ready or refuses, 5 if there is no answer.",
  async run(args, context) {
    const reader = new FlagReader(args, NAME);
    // Units and health checks of other programs count in seconds.
    const isBare = /^\d+$/.test(args.find("wait") ?? "");
    const waitMs = (reader.readSpan("wait") ?? 0) * (isBare ? 1000 : 1);
    const timeoutMs = reader.readSpan("timeout") ?? TIMEOUT_MS_DEFAULT;
    if (timeoutMs < 1 || timeoutMs >= 2 ** 31) {
      reader.refuse("--timeout: allowed is a span of at least 1ms and less than 24 days");
    }
    reader.check();
    const { servers, tls } = await makeConnectOptions(
      await findBroker(args, context, NAME),
      context,
    );
    const { signal } = context;
    const options = { ...servers && { servers }, ...tls && { tls }, timeoutMs, signal };
    const result = await pingUntil(options, context.now() + waitMs, context);
    if (args.has("json")) context.print(`${JSON.stringify(result, undefined, 2)}\n`);
    else if (result.problems.length === 0) {
      context.print(`well: simplemq ${result.version}, ${formatSpan(result.ms)}\n`);
    } else for (const problem of result.problems) context.note(`not ready: ${problem}`);
    return result.problems.length === 0 ? ExitCode.stopped : ExitCode.fault;
  },
};

/** Asks until all is well, or the time is over; the last answer or failure counts. */
async function pingUntil(
  options: PingOptions,
  end: number,
  context: CommandContext,
): Promise<PingResult> {
  const { ping } = await import("../../../../client.ts");
  for (;;) {
    const { signal } = context;
    signal.throwIfAborted();
    let failure: unknown;
    try {
      const result = await ping(options);
      if (result.problems.length === 0 || context.now() >= end) return result;
    } catch (error) {
      signal.throwIfAborted();
      failure = explain(error, options.servers !== undefined);
      // A mistake in the command does not go away.
      const isMistake = failure instanceof CommandError &&
        failure.exitCode === ExitCode.notStarted;
      if (isMistake || !(failure instanceof CommandError) || context.now() >= end) throw failure;
    }
    await delay(PAUSE_MS, { signal });
  }
}

/** A broker that answers is there, even if it has no room for more connections. */
function explain(error: unknown, hasServer: boolean): unknown {
  const { code } = error instanceof BrokerError ? error : {};
  if (code !== "TOO_MANY_CONNECTIONS" && code !== "SHUTTING_DOWN") {
    return explainDialFailure(error, hasServer);
  }
  const { message } = error as BrokerError;
  return new CommandError(`not ready: ${message} (${code})`, {
    cause: error,
    exitCode: ExitCode.fault,
  });
}
