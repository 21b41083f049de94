import {
  isJournalCommand,
  type JournalCommands,
  runJournalCommand,
  UsageError,
} from "./journal_command.ts";
import { Log } from "../log.ts";
import type { BrokerServer } from "./broker_server.ts";
import { ExitCode, nameMissingFlag, StartError } from "./start_error.ts";
import { helpText, loadSettings } from "../settings/load_settings.ts";
import { type Settings, SettingsError } from "../settings/settings.ts";

export interface CommandLineOptions {
  readonly args: readonly string[];
  readonly version: string;
  readonly serve: (settings: Settings, log: Log) => Promise<Pick<BrokerServer, "closed" | "close">>;
  readonly journal: JournalCommands;
}

/** The settings file that is read when none is named. */
const DEFAULT_FILE = "settings.yaml";

/** Runs the broker as a program until it is stopped; resolves to the exit code. */
export async function runCommandLine(options: CommandLineOptions): Promise<number> {
  const { args, version, serve } = options;
  let log = new Log({ level: "info" });
  try {
    if (isJournalCommand(args)) {
      const { lines, isUsable } = await runJournalCommand(args, options.journal);
      print(lines.map((line) => `${line}\n`).join(""));
      return isUsable ? ExitCode.stopped : ExitCode.damaged;
    }
    const command = await loadSettings({
      args,
      env: (name) => Deno.env.get(name),
      variables: await listVariables(),
      readTextFile: (path) => Deno.readTextFile(path),
      defaultFile: DEFAULT_FILE,
    });
    if (command.help) return print(helpText());
    if (command.version) return print(`simplemq ${version}\n`);
    log = new Log({ level: command.settings.logLevel });
    surviveFaults(log);
    for (const warning of command.warnings) log.warning(warning);
    const broker = await serve(command.settings, log);
    const failure = await Promise.race([waitForSignal(log), broker.closed]);
    // Events that are not written by now never will be.
    if (failure !== undefined) return ExitCode.diskFailed;
    await broker.close();
    // The last flush may have failed as well.
    if (await broker.closed !== undefined) return ExitCode.diskFailed;
    log.info("stopped");
    return 0;
  } catch (error) {
    return explainFailure(error, log);
  }
}

/** The names of the environment's variables, if they may be listed without asking for permission. */
async function listVariables(): Promise<string[]> {
  const { state } = await Deno.permissions.query({ name: "env" });
  return state === "granted" ? Object.keys(Deno.env.toObject()) : [];
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

function explainFailure(error: unknown, log: Log): number {
  if (error instanceof SettingsError) {
    for (const mistake of error.mistakes) log.error(nameMissingFlag(mistake));
  } else if (error instanceof Deno.errors.NotCapable) {
    log.error(`Cannot start: ${nameMissingFlag(error.message)}`);
  } else if (error instanceof StartError || error instanceof UsageError) {
    log.error(error.message);
  } else {
    log.error("unexpected error", { error: describe(error) });
    return ExitCode.fault;
  }
  return error instanceof StartError ? error.exitCode : ExitCode.notStarted;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

function print(text: string): number {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
  return 0;
}
