/**
 * Commands of `simplemq` that a page shows, run in this process against the page's broker.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { runTyped } from "../support/commands/typed.ts";
import type { Page } from "./page.ts";
import type { ShownCommand } from "./session.ts";

/** A file that a page shows: its name is in the comment of the first line. */
const FILE_RULE = /^# ([\w-]+\.yaml)\n/;

/** Spans of time and times, which are never the same. */
const SPAN_RULE = /(?<![\w.-])\d+(?:\.\d)?(?:ms|s|m|h|d)(?: \d+[smh])?(?!\w)/g;
const TIME_RULE = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;

/** The commands of one page; what they leave is in a directory. */
export class CommandLine {
  readonly #page: Page;
  readonly #directory: string;
  readonly #port: number;
  #code = 0;

  constructor(page: Page, directory: string, port: number) {
    this.#page = page;
    this.#directory = directory;
    this.#port = port;
  }

  /** Whether a line is one of its commands. */
  static takes(line: string): boolean {
    return /^(?:echo [^|]* \| )?simplemq\b/.test(line) || line === "echo $?";
  }

  /** Runs a command and checks what it prints; one that is stopped by Ctrl-C prints everything before. */
  async run({ line, output, outputAfterStop }: ShownCommand): Promise<void> {
    if (line === "echo $?") return assertEquals([String(this.#code)], output);
    await this.#writeFiles();
    const [, input, typed] = /^(?:echo ([^|]*) \| )?simplemq\b(.*)$/.exec(line)!;
    const stop = new AbortController();
    const printed: string[] = [];
    const take = (text: string) => {
      printed.push(...text.split("\n"));
      if (outputAfterStop !== undefined && printed.length >= output.length) stop.abort();
    };
    const { code } = await runTyped(this.#readWords(typed!), {
      env: { SIMPLEMQ_SERVER: `localhost:${this.#port}`, XDG_CONFIG_HOME: this.#directory },
      ...input !== undefined && { input: `${readWords(input).join(" ")}\n` },
      signal: stop.signal,
      terminal: { isTerminal: true, print: (text) => take(text.replace(/\n$/, "")), note: take },
    });
    this.#code = code;
    const shown = [...output, ...outputAfterStop ?? []];
    const all = printed.map((text) =>
      text.replaceAll(`${this.#directory}/simplemq/contexts.yaml`, "…")
    );
    assertEquals(all.map(simplify), shown.map(simplify), line);
  }

  /** Words with quotes; names of the page's files are their paths. */
  #readWords(text: string): string[] {
    const files = this.#listFiles().map(({ name }) => name);
    return readWords(text).map((word) =>
      files.includes(word) ? `${this.#directory}/${word}` : word
    );
  }

  #listFiles(): { name: string; text: string }[] {
    return this.#page.blocks.flatMap(({ text }) => {
      const name = FILE_RULE.exec(text)?.[1];
      return name === undefined ? [] : [{ name, text }];
    });
  }

  async #writeFiles(): Promise<void> {
    for (const { name, text } of this.#listFiles()) {
      await Deno.writeTextFile(`${this.#directory}/${name}`, text);
    }
  }
}

/** Takes a line apart as a shell does, without variables. */
function readWords(text: string): string[] {
  assert(
    !/[$`&;<>|\\]/.test(text.replaceAll(/'[^']*'/g, "")),
    "nobody has looked whether this works",
  );
  const words = text.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  return words.map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, "$1$2"));
}

/** A line without what differs from one run to the next, and the width of columns with it. */
function simplify(line: string): string {
  return line.replaceAll(TIME_RULE, "<time>").replaceAll(SPAN_RULE, "<span>")
    .replaceAll(/\b127\.0\.0\.1:\d+/g, "<address>").replaceAll(
      /\bconnection( close|:)? \d+/g,
      "connection$1 <id>",
    )
    .replaceAll(/ +/g, " ").trimEnd();
}
