import { ExitCode } from "./exit_code.ts";
import { hideWholeTokens, keepCause } from "../token_text.ts";

/** A broker cannot start; the message is one line that says what to change. */
export class StartError extends Error {
  /** The exit code of the process that it ends. */
  readonly exitCode: number;

  /**
   * Creates the error.
   *
   * @param message The reason, and what to change.
   * @param options The `cause`, and the exit code; 2 by default.
   */
  constructor(message: string, options: ErrorOptions & { exitCode?: number } = {}) {
    super(hideWholeTokens(nameMissingFlag(message)), keepCause(options));
    this.name = "StartError";
    this.exitCode = options.exitCode ?? ExitCode.notStarted;
  }
}

/** Deno's text about a missing permission; the words in front of it are kept. */
const REFUSAL = /Requires (\w+) access to "([^"]*)", run again with the --allow-\w+ flag/g;

/** The broker's own variables, quoted for shells; a flag that names them all is shorter. */
const VARIABLES = "'SIMPLEMQ_*'";

/** Adds the missing flag to a text about a missing permission; keeps other texts. */
export function nameMissingFlag(text: string): string {
  const directory = /^Cannot use (.+?): /.exec(text)?.[1];
  return text.replace(REFUSAL, (_, kind: string, what: string) => {
    let value = what;
    if (kind === "env" && what.startsWith("SIMPLEMQ_")) value = VARIABLES;
    // Other files of the journal's directory are needed after this one.
    if (directory !== undefined && what.startsWith(`${directory}/`)) value = directory;
    return `${kind} access to "${what}" is not allowed; add --allow-${kind}=${value}`;
  });
}
