/**
 * What a page shows of a terminal: commands, and what they print.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Block } from "./page.ts";

/** A command that a page shows, with its output. */
export interface ShownCommand {
  /** Without the prompt. */
  readonly line: string;
  readonly output: readonly string[];
  /** What it prints behind Ctrl-C; `undefined` if it ends by itself. */
  readonly outputAfterStop: readonly string[] | undefined;
}

/** Reads a `console` block: each command begins with `$ `, and `^C` ends one that does not end. */
export function readCommands({ text, line }: Block): ShownCommand[] {
  assert(text.startsWith("$ "), `line ${line}: a console block begins with a command`);
  return text.split(/^\$ /m).slice(1).map((part) => {
    const [command, ...output] = part.trimEnd().split("\n");
    const stop = output.indexOf("^C");
    if (stop < 0) return { line: command!, output, outputAfterStop: undefined };
    return {
      line: command!,
      output: output.slice(0, stop),
      outputAfterStop: output.slice(stop + 1),
    };
  });
}

const TIME_RULE = /\d{4}-\d\d-\d\dT[\d:.…]+Z/g;
const HOUR_MS = 60 * 60 * 1000;

/**
 * Checks what was printed. A time of this machine's clock need not be the one in the page; one of a
 * virtual clock, which is in the past, must.
 */
export function checkOutput(
  printed: readonly string[],
  shown: readonly string[],
  what: string,
): void {
  const expected = shown.map((line, index) => takeTimes(line, printed[index] ?? ""));
  assertEquals(printed, expected, what);
}

/** The shown line with the real times of the printed one in the place of its own. */
function takeTimes(shown: string, printed: string): string {
  const real = printed.match(TIME_RULE) ?? [];
  let index = 0;
  return shown.replaceAll(TIME_RULE, (time) => {
    const now = real[index++];
    const isReal = now !== undefined && Date.parse(now) > Date.now() - HOUR_MS;
    return isReal ? now : time;
  });
}
