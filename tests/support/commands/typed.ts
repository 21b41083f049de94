/**
 * Command lines as they are typed, in the process of the test.
 *
 * @module
 */

import type { CommandContext } from "../../../src/server/commands/command.ts";
import { runCommand } from "../../../src/server/commands/run_command.ts";
import type { Terminal } from "../../../src/server/commands/terminal.ts";
import type { CommandOutcome } from "./command_use.ts";

/** What is around a command. */
export interface Surroundings {
  /** The environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What is on standard input. */
  readonly input?: string;
  /** What a person answers to each question; without answers there is no person. */
  readonly answers?: readonly string[];
  /** What Ctrl-C aborts. */
  readonly signal?: AbortSignal;
  /** More of a terminal. */
  readonly terminal?: Partial<Terminal>;
  /** What is loaded of the broker; the real one by default. */
  readonly loadProgram?: CommandContext["loadProgram"];
}

/** Runs a command line; the questions that it asks are on standard error, too. */
export async function runTyped(
  args: readonly string[],
  surroundings: Surroundings = {},
): Promise<CommandOutcome> {
  const { env = {}, input = "", answers, signal, loadProgram } = surroundings;
  const printed: string[] = [];
  const lines: string[] = [];
  const left = [...answers ?? []];
  const ask = (question: string) => {
    lines.push(question);
    return left.shift();
  };
  const terminal: Terminal = {
    isTerminal: false,
    isInteractive: answers !== undefined,
    hasColors: false,
    size: { columns: 80, rows: 24 },
    print: (text) => void printed.push(text),
    writeBytes: (bytes) => Promise.resolve(void printed.push(new TextDecoder().decode(bytes))),
    note: (line) => void lines.push(...line.split("\n")),
    showStatus: () => {},
    ask,
    askSecret: ask,
    watchKeys: () => ({ [Symbol.dispose]() {} }),
    readInput: () => new Blob([input]).stream(),
    ...surroundings.terminal,
  };
  const code = await runCommand({
    args,
    version: "0.0.0",
    loadProgram: loadProgram ?? (() => import("../../../src/program/program.ts")),
    sources: {
      env: (name) => env[name],
      readTextFile: (path) => Deno.readTextFile(path),
      defaultFile: "settings.yaml",
    },
    signal: signal ?? new AbortController().signal,
  }, terminal);
  return { code, stdout: printed.join(""), lines };
}
