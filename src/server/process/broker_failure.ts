import type { ExitCode } from "./exit_code.ts";

/** A running broker has ended by itself; the message is one line that says why, and what to do. */
export class BrokerFailure extends Error {
  /** The exit code of the process that it ends. */
  readonly exitCode: ExitCode;
  /** Whether another start is all that it takes: a program begins anew by itself. */
  readonly beginsAnew: boolean;

  constructor(
    message: string,
    exitCode: ExitCode,
    { beginsAnew = false, ...options }: ErrorOptions & { beginsAnew?: boolean } = {},
  ) {
    super(message, options);
    this.beginsAnew = beginsAnew;
    this.name = "BrokerFailure";
    this.exitCode = exitCode;
  }
}
