/**
 * Commands as people run them, in this process and in a directory of their own.
 *
 * @module
 */

import { readArguments } from "../../../src/server/commands/arguments.ts";
import { CommandError } from "../../../src/server/commands/command.ts";
import { matchCommand } from "../../../src/server/commands/command_table.ts";
import { testContext } from "./command_context.ts";

/** What a command has done. */
export interface CommandOutcome {
  /** Its exit code; of a refused one, too. */
  readonly code: number;
  readonly stdout: string;
  /** The lines on standard error. */
  readonly lines: readonly string[];
}

/** A directory in which commands are run, with settings that name files in it. */
export class CommandUse implements Disposable {
  readonly directory: string = Deno.makeTempDirSync({ prefix: "commands-" });
  /** The file of users that the settings name. */
  readonly users: string = `${this.directory}/users.yaml`;
  /** The time, which stands still. */
  now: number = Date.parse("2026-11-30T12:00:00Z");
  /** Whether somebody looks at standard output. */
  isTerminal = true;

  /** Runs a command; `DIR` in its arguments stands for the directory. */
  async run(...typed: readonly string[]): Promise<CommandOutcome> {
    const args = typed.map((arg) => arg.replace("DIR", this.directory));
    const { command, count } = matchCommand(args)!;
    const body = await command.load();
    const printed: string[] = [];
    const lines: string[] = [];
    const context = testContext({
      isTerminal: this.isTerminal,
      print: (text) => printed.push(text),
      note: (line) => lines.push(line),
      now: () => this.now,
      sources: {
        env: (name) => name === "SIMPLEMQ_USERS" ? this.users : undefined,
        readTextFile: (path) => Promise.reject(new Deno.errors.NotFound(path)),
        defaultFile: "settings.yaml",
      },
    });
    let code: number;
    try {
      const found = readArguments(args.slice(count), body);
      if ("mistakes" in found) throw new CommandError(found.mistakes);
      code = await body.run(found, context);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      code = error.exitCode;
      lines.push(...error.lines);
    }
    return { code, stdout: printed.join(""), lines };
  }

  /** The names of the files in the directory, sorted. */
  list(): string[] {
    return [...Deno.readDirSync(this.directory)].map(({ name }) => name).sort();
  }

  /** The text of a file in it. */
  read(name: string): string {
    return Deno.readTextFileSync(`${this.directory}/${name}`);
  }

  /** Writes a file in it. */
  write(name: string, text: string): void {
    Deno.writeTextFileSync(`${this.directory}/${name}`, text, { mode: 0o600 });
  }

  /** Who may do what with a file in it; on Windows what it would be elsewhere. */
  modeOf(name: string, onWindows: number): number {
    if (Deno.build.os === "windows") return onWindows;
    return Deno.statSync(`${this.directory}/${name}`).mode! & 0o777;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}
