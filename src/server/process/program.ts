import { Log } from "../log.ts";
import { SettingsError } from "../settings/settings.ts";
import type { StartSettings } from "../settings/start_settings.ts";
import type { BrokerServer } from "./broker_server.ts";
import { ExitCode } from "./exit_code.ts";
import { nameMissingFlag, StartError } from "./start_error.ts";

/** What runs as a program. */
export interface ProgramParts {
  /** Reads the settings, or finds that no broker is to run; rejects with a {@linkcode SettingsError}. */
  readonly load: () => Promise<ProgramSettings | undefined>;
  readonly serve: (
    settings: StartSettings,
    log: Log,
  ) => Promise<Pick<BrokerServer, "closed" | "close">>;
}

/** The settings of a program. */
export interface ProgramSettings extends StartSettings {
  /** Suspicious input that is no mistake. */
  readonly warnings: readonly string[];
}

/** Runs a broker as a program until it is stopped; resolves to the exit code. */
export async function runProgram({ load, serve }: ProgramParts): Promise<ExitCode> {
  let log = new Log({ level: "info" });
  try {
    const loaded = await load();
    if (loaded === undefined) return ExitCode.stopped;
    const { settings, warnings } = loaded;
    log = new Log({ level: settings.logLevel, format: settings.logFormat });
    surviveFaults(log);
    for (const warning of warnings) log.warning(warning);
    const broker = await serve(loaded, log);
    const failure = await Promise.race([waitForSignal(log), broker.closed]);
    // Events that are not written by now never will be.
    if (failure !== undefined) return ExitCode.diskFailed;
    await broker.close();
    // The last flush may have failed as well.
    if (await broker.closed !== undefined) return ExitCode.diskFailed;
    log.info("stopped");
    return ExitCode.stopped;
  } catch (error) {
    return explainFailure(error, log);
  }
}

/** The same signal within so many milliseconds is the first one: a task runner passes on Ctrl-C. */
const REPEATED_MS = 1000;

/** Resolves at the first signal that asks to stop; a second one ends the process at once. */
function waitForSignal(log: Log): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let first: { readonly signal: Deno.Signal; readonly at: number } | undefined;
  const stop = (signal: Deno.Signal) => {
    const now = performance.now();
    if (first?.signal === signal && now - first.at < REPEATED_MS) return;
    if (first !== undefined) Deno.exit(1);
    first = { signal, at: now };
    log.info("stopping", { signal });
    resolve(undefined);
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, () => stop(signal));
  return promise;
}

/** Logs uncaught faults; the broker goes on. */
function surviveFaults(log: Log): void {
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.error("unexpected error", { error: describe(event.reason) });
  });
  addEventListener("error", (event) => {
    event.preventDefault();
    log.error("unexpected error", { error: describe(event.error) });
  });
}

function explainFailure(error: unknown, log: Log): ExitCode {
  if (error instanceof SettingsError) {
    for (const mistake of error.mistakes) log.error(nameMissingFlag(mistake));
  } else if (error instanceof Deno.errors.NotCapable) {
    log.error(`Cannot start: ${nameMissingFlag(error.message)}`);
  } else if (error instanceof StartError) {
    log.error(error.message);
    return error.exitCode as ExitCode;
  } else {
    log.error("unexpected error", { error: describe(error) });
    return ExitCode.fault;
  }
  return ExitCode.notStarted;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
