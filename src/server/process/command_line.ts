/**
 * The broker as a program: settings in, a running broker, signals, exit codes.
 *
 * | exit code | meaning |
 * |---|---|
 * | 0 | stopped by a signal, or `--help`, `--version`; a journal that is in order |
 * | 1 | an unexpected fault, or a second signal while stopping |
 * | 2 | it could not start: settings, port, address, or a directory that cannot be used |
 * | 3 | the disk failed: nothing could be made durable any more |
 * | 4 | the journal is damaged, and not only single streams; `verify` and `repair`: it is damaged |
 *
 * @module
 */

import {
  isJournalCommand,
  type JournalCommands,
  runJournalCommand,
  UsageError,
} from "./journal_command.ts";
import { Log } from "../log.ts";
import { explainMissingPermission, nameMissingFlag } from "./permission.ts";
import { helpText, loadSettings, type Settings, SettingsError } from "../settings/settings.ts";

/** How the process ends; the table is in the module's description. */
export const ExitCode = {
  stopped: 0,
  fault: 1,
  notStarted: 2,
  diskFailed: 3,
  damaged: 4,
} as const;

/** One of the numbers of {@linkcode ExitCode}. */
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

/** A running broker, as far as the command line needs it. */
export interface RunningBroker {
  /** Resolves when it is closed, to why it had to if it did. */
  readonly closed: Promise<Error | undefined>;
  /** Stops it in an orderly way. */
  close(): Promise<void>;
}

/** What the command line is given. */
export interface CommandLineOptions {
  /** The arguments of the process. */
  readonly args: readonly string[];
  /** The version of the broker. */
  readonly version: string;
  /** Starts a broker. */
  readonly serve: (settings: Settings, log: Log) => Promise<RunningBroker>;
  /** Looks at journals and repairs them. */
  readonly journal: JournalCommands;
}

/** The settings file that is read when none is named. */
const DEFAULT_FILE = "settings.yaml";

/**
 * Runs the broker until it is stopped.
 *
 * @param options Arguments, version, and how to start a broker.
 * @returns The exit code.
 */
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
    // What is not written by now never is; nobody must wait for it.
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

/** Resolves at the first signal that asks to stop; a second one ends the process at once. */
function waitForSignal(log: Log): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let isStopping = false;
  const stop = (signal: Deno.Signal) => {
    if (isStopping) Deno.exit(1);
    isStopping = true;
    log.info("stopping", { signal });
    resolve(undefined);
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, () => stop(signal));
  return promise;
}

/** A fault that nobody caught is logged, and costs no more than what it was about. */
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

/** Tells in a line why the broker could not start. */
function explainFailure(error: unknown, log: Log): number {
  const missing = explainMissingPermission(error);
  if (missing !== undefined) {
    log.error(`Cannot start: ${missing}`);
    return ExitCode.notStarted;
  }
  if (error instanceof SettingsError) {
    for (const mistake of error.mistakes) log.error(nameMissingFlag(mistake));
    return 2;
  }
  if (error instanceof StartError) {
    log.error(error.message);
    return error.exitCode;
  }
  if (error instanceof UsageError) {
    log.error(error.message);
    return ExitCode.notStarted;
  }
  log.error("unexpected error", { error: describe(error) });
  return 1;
}

/** Why a broker could not start, in a line that names what to change. */
export class StartError extends Error {
  /** The exit code of a process that ends because of it. */
  readonly exitCode: number;

  /**
   * Creates the error.
   *
   * @param message What cannot be had, and what to change.
   * @param options The `cause`, and the exit code if it is another one than 2.
   */
  constructor(message: string, options: ErrorOptions & { exitCode?: number } = {}) {
    super(nameMissingFlag(message), options);
    this.name = "StartError";
    this.exitCode = options.exitCode ?? ExitCode.notStarted;
  }
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
