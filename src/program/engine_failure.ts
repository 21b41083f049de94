import { BrokerFailure } from "../server/process/broker_failure.ts";
import { ExitCode } from "../server/process/exit_code.ts";
import { StartError } from "../server/process/start_error.ts";
import { explainJournalError } from "./journal_fault.ts";

/** Why a running broker ends by itself, in a line, with the exit code of its process. */
export function explainFailure(cause: unknown): BrokerFailure {
  const why = cause instanceof Error ? cause.message : String(cause);
  // By name: a broker on one machine loads nothing of a cluster.
  const { name } = cause instanceof Error ? cause : {};
  if (name === "FencedError") {
    const what = "the broker ends, and follows when it is started again";
    return new BrokerFailure(`${what}: ${why}`, ExitCode.diskFailed, { cause });
  }
  if (name === "LogTrimmedError") {
    const what = "the log of the cluster has gone on without this broker: it ends, and has to be " +
      "started again to read the log from its first record";
    return new BrokerFailure(`${what}: ${why}`, ExitCode.diskFailed, { cause });
  }
  if (name === "LogDamageError") {
    const what = "the log of the cluster is damaged, and nothing was touched: the broker ends; " +
      "docs/cluster.md says what to do";
    return new BrokerFailure(`${what}: ${why}`, ExitCode.damaged, { cause });
  }
  if (cause instanceof StartError) {
    return new BrokerFailure(cause.message, cause.exitCode as ExitCode, { cause });
  }
  const message = `nothing can be made durable any more, the broker ends: ${why}`;
  return new BrokerFailure(message, ExitCode.diskFailed, { cause });
}

/** Whether the engine has ended since it was asked to give the lead away: whoever asked goes on. */
export function isHandover(cause: unknown): boolean {
  return cause instanceof Error && cause.name === "HandedOverError";
}

/** The same for an engine that has followed another broker, and cannot go on. */
export function explainOpening(cause: unknown, directory: string): BrokerFailure {
  if (cause instanceof Error && cause.name === "LogTrimmedError") {
    return new BrokerFailure(cause.message, ExitCode.fault, { cause, beginsAnew: true });
  }
  return explainFailure(explainJournalError(cause, directory, "stop that one"));
}
