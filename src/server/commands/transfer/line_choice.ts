import { describe } from "../../settings/found_value.ts";
import { CommandError } from "../command.ts";

/** Which lines of a file are meant, from 1 on. */
export class LineChoice {
  readonly #ranges: readonly (readonly [first: number, last: number])[];

  private constructor(ranges: readonly (readonly [number, number])[]) {
    this.#ranges = ranges;
  }

  /** All lines from one on. */
  static from(first: number): LineChoice {
    return new LineChoice([[first, Infinity]]);
  }

  /** Reads a list such as `3,7-9,12-`. */
  static read(text: string): LineChoice {
    const ranges = text.split(",").map((part) => {
      const [, first, dash, last] = /^(\d+)(-(\d*))?$/.exec(part.trim()) ?? [];
      if (first === undefined || Number(first) < 1) {
        throw new CommandError(
          `Cannot run "import": --lines: found ${
            describe(part)
          }, allowed is a list such as 3,7-9,12-`,
        );
      }
      const end = dash === undefined ? Number(first) : last ? Number(last) : Infinity;
      return [Number(first), end] as const;
    });
    return new LineChoice(ranges);
  }

  /** Whether a line is one of them. */
  has(line: number): boolean {
    return this.#ranges.some(([first, last]) => line >= first && line <= last);
  }
}

/** Writes numbers as a list such as `3,7-9`, and all from one on if that is given. */
export function formatLines(numbers: readonly number[], from?: number): string {
  const parts: string[] = [];
  for (let index = 0; index < numbers.length;) {
    let end = index;
    while (numbers[end + 1] === numbers[end]! + 1) end++;
    parts.push(index === end ? `${numbers[index]}` : `${numbers[index]}-${numbers[end]}`);
    index = end + 1;
  }
  return [...parts, ...from === undefined ? [] : [`${from}-`]].join(",");
}
