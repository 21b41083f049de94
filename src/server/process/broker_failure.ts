import type { ExitCode } from "./exit_code.ts";

/** A running broker has ended by itself; the message is one line that says why, and what to do. */
export class BrokerFailure extends Error {
  /** The exit code of the process that it ends. */
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode, options: ErrorOptions = {}) {
    super(message, options);
    this.name = "BrokerFailure";
    this.exitCode = exitCode;
  }
}
