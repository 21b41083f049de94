/**
 * Whether what a process holds is the same again and again when all its clients have gone.
 *
 * A count has grown if it was always higher in the last third of the looks than ever in the first third.
 * Bytes go up and down by themselves: they have grown if the middle of the last third is further above that of
 * the first one than a margin allows.
 *
 * @module
 */

import { EXTERNAL, type Figures, HEAP } from "./figures.ts";
import { DISK, RESIDENT } from "./process_figures.ts";

const MIB = 2 ** 20;

/** So much more there may be of what is counted in bytes, in a minute as in an hour. */
const MARGINS: Readonly<Record<string, number>> = {
  [HEAP]: 4 * MIB,
  [EXTERNAL]: 16 * MIB,
  [RESIDENT]: 64 * MIB,
  // Segments are removed as a whole.
  [DISK]: 64 * MIB,
};

/** What is kept on purpose, and how much of it at most: `docs/internals/limits.md` has the reasons. */
const KEPT: Readonly<Record<string, number>> = {
  "EventRing.#events": 1000,
  "all objects of Object { number, at, level, message, fields }": 1000,
  // Names of keys that the client knows, with their bytes.
  "all objects of Object { stream, bytes, name }": 4096,
  "all objects of Uint8Array": 5000,
  "all objects of ArrayBuffer": 5000,
  // Deno keeps one for each length of a timer that was cancelled, until that length is over.
  "all objects of TimersList": 4096,
  // Node keeps them for further connections of HTTP.
  "all objects of HTTPParser": 1000,
  "NumberedStreams.#numbers": 1200,
  "GroupQueue.#spare": 8,
  "Residency.#spare": 32,
  "ReplyStreams.#closed": 1000,
  "AgedMap.#entries": 1200,
  "objects of Group": 10,
  "objects of FactList": 10,
  "all objects of Group": 10,
  "all objects of FactList": 10,
  "all objects of DataView": 40,
  "Router.#idle": 64,
  "Router.#selections": 64,
  "objects of Selection": 64,
  "all objects of Selection": 64,
  "PublisherRegistry.#forgotten": 2,
  "SessionLog.#changes": 8,
  "SessionStreams.#numbers": 160,
  "IncomingFrames.#streams": 160,
  "CronerReader.#dates": 1000,
  "CronerReader.#kept": 64,
};

/** What the events of the list of events have: more or less of them are of one kind. */
const FIELDS = /^all objects of Object \{ (?:.*, )?(?:user|session|peer)\b.* \}$/;
const FIELDS_MAX = 1000;

/** What the language and Deno make by themselves, and parts of patterns that are kept: some come and go at any time. */
const COMMON =
  /^all objects of (?:\(none\)|\(nameless\)|Object(?: \{.*)?|Function|AsyncFunction|Array|Map|Set|Promise|Error|.*Array(?:Buffer)?|Timeout|Resolver|Deferred|Queue|AhoCorasick|Inst|OnePassProg|UnicodeRangeTable|NamePattern|AbortSignal|Prefilter|Prog|RE2|RE2JS)$/;
const COMMON_MORE = 30;
const COMMON_SHARE = 1 / 10;

/** The first looks, while everything is used for the first time. */
export const WARM_UP = 2;

/** Fewer looks say nothing. */
export const LOOKS_MIN: number = WARM_UP + 6;

/** In a run with fewer looks than this, only what grows with each of them is told from what happens to be more. */
const LOOKS_FEW = 12;
const FEW_MORE = 2;

/** Looks at one process. */
export class Flatness {
  /** The sizes of each thing, one for each look: the program that looks must not grow itself. */
  readonly #columns = new Map<string, number[]>();
  #seen = 0;

  /** How many looks count. */
  get count(): number {
    return Math.max(0, this.#seen - WARM_UP);
  }

  /** What there was of something at the last look. */
  read(name: string): number {
    return this.#columns.get(name)?.at(-1) ?? 0;
  }

  /** Adds a look; the first ones do not count. */
  add(figures: Figures): void {
    if (++this.#seen <= WARM_UP) return;
    for (const name of Object.keys(figures)) {
      if (!this.#columns.has(name)) this.#columns.set(name, new Array(this.count - 1).fill(0));
    }
    for (const [name, column] of this.#columns) column.push(figures[name] ?? 0);
  }

  /** Names what has grown, with how much there was of it and is. */
  findGrowth(): string[] {
    const third = Math.floor(this.count / 3);
    if (third < 2) return [];
    return [...this.#columns]
      .map(([name, column]) =>
        findGrowth(name, column.slice(0, third), column.slice(-third), this.count < LOOKS_FEW)
      )
      .filter((growth) => growth !== undefined).sort();
  }
}

function findGrowth(
  name: string,
  first: readonly number[],
  last: readonly number[],
  areFew: boolean,
): string | undefined {
  const margin = MARGINS[name];
  if (margin !== undefined) {
    const [from, to] = [middleOf(first), middleOf(last)];
    return to > from + margin ? `${name}: ${from} → ${to}, ${margin} more are allowed` : undefined;
  }
  const [from, to] = [Math.max(...first), Math.min(...last)];
  const kept = KEPT[name] ?? (FIELDS.test(name) ? FIELDS_MAX : 0);
  const isKept = last.every((size) => size <= kept);
  const more = COMMON.test(name) ? COMMON_MORE + from * COMMON_SHARE : areFew ? FEW_MORE : 0;
  if (isKept || to <= from + more) return undefined;
  return `${name}: ${first.join(" ")} … ${last.join(" ")}`;
}

function middleOf(sizes: readonly number[]): number {
  return sizes.toSorted((one, other) => one - other)[Math.floor(sizes.length / 2)]!;
}
