import { Log } from "../log.ts";
import { SettingsError } from "../settings/settings.ts";
import type { StartSettings } from "../settings/start_settings.ts";
import { BrokerFailure } from "./broker_failure.ts";
import type { BrokerServer } from "./broker_server.ts";
import { ExitCode } from "./exit_code.ts";
import { nameMissingFlag, StartError } from "./start_error.ts";

/** What runs as a program. */
export interface ProgramParts {
  /** Reads the settings, or finds that no broker is to run; rejects with a {@linkcode SettingsError}. */
  readonly load: () => Promise<ProgramSettings | undefined>;
  readonly serve: (settings: StartSettings, log: Log) => Promise<ProgramBroker>;
}

/** A broker as a program runs it. */
export interface ProgramBroker extends Pick<BrokerServer, "closed" | "close"> {
  /** Whether it has given the lead of its cluster away: it is started again, and follows. */
  readonly isHandedOver?: boolean;
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
    // Signals end a start at once; one that waits for other machines says so.
    const isEarly = settings.storage.engine === "cluster";
    const signal = new StopSignal(log, isEarly);
    for (;;) {
      const broker = await signal.before(serve(loaded, log));
      const failure = await signal.before(broker?.closed);
      // Events that are not written by now never will be.
      if (failure !== undefined && !beginsAnew(failure)) return findExitCode(failure);
      await broker?.close();
      // The last flush may have failed as well.
      const last = await broker?.closed;
      const isAnew = last === undefined ? broker?.isHandedOver : beginsAnew(last);
      if (isAnew !== true && last !== undefined) return findExitCode(last);
      if (isAnew !== true || signal.isGiven) break;
      log.info("starting anew, to follow");
    }
    log.info("stopped");
    return ExitCode.stopped;
  } catch (error) {
    return explainFailure(error, log);
  }
}

/** The same signal within so many milliseconds is the first one: a task runner passes on Ctrl-C. */
const REPEATED_MS = 1000;

/** The signal that asks the program to stop; a second one ends it at once. */
class StopSignal {
  readonly #log: Log;
  readonly #given = Promise.withResolvers<undefined>();
  #first: { readonly signal: Deno.Signal; readonly at: number } | undefined;
  #isAwaited = false;

  /** @param isEarly Whether it is waited for already while the first broker starts. */
  constructor(log: Log, isEarly: boolean) {
    this.#log = log;
    if (isEarly) this.#listen();
  }

  /** Whether it has been given. */
  get isGiven(): boolean {
    return this.#first !== undefined;
  }

  /** Waits for something, but not longer than until the signal: then it resolves to nothing. */
  async before<Value>(awaited: Promise<Value> | undefined): Promise<Value | undefined> {
    const isFirst = !this.#isAwaited;
    const value = await Promise.race(isFirst ? [awaited] : [this.#given.promise, awaited]);
    if (isFirst) this.#listen();
    return value;
  }

  #listen(): void {
    this.#isAwaited = true;
    const signals: Deno.Signal[] = Deno.build.os === "windows"
      ? ["SIGINT", "SIGBREAK"]
      : ["SIGINT", "SIGTERM"];
    for (const signal of signals) Deno.addSignalListener(signal, () => this.#take(signal));
  }

  #take(signal: Deno.Signal): void {
    const now = performance.now();
    if (this.#first?.signal === signal && now - this.#first.at < REPEATED_MS) return;
    if (this.#first !== undefined) Deno.exit(1);
    this.#first = { signal, at: now };
    this.#log.info("stopping", { signal });
    this.#given.resolve(undefined);
  }
}

/** Whether a broker that has ended by itself only has to be started again. */
function beginsAnew(failure: Error): boolean {
  return failure instanceof BrokerFailure && failure.beginsAnew;
}

/** The exit code of a program whose broker has ended by itself. */
function findExitCode(failure: Error): ExitCode {
  return failure instanceof BrokerFailure ? failure.exitCode : ExitCode.diskFailed;
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
