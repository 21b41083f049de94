/**
 * Whether what a process holds is the same again and again when all its clients have gone.
 *
 * A count has grown if it was always higher in the last third of the looks than ever in the first third.
 * Bytes go up and down by themselves: they have grown if the middle of the last third is further above that of
 * the first one than a margin allows.
 *
 * In few looks something may be more by chance: one thing more was kept, or a look came early. What grows with
 * what is done goes on growing, so what seems to have grown then is looked at for as many looks again, on its own.
 *
 * @module
 */

import { EXTERNAL, type Figures, HEAP } from "./figures.ts";
import { DISK, RESIDENT } from "./process_figures.ts";

const MIB = 2 ** 20;

/** So much more there may be of what is counted in bytes, in a minute as in an hour. */
const MARGINS: Readonly<Record<string, number>> = {
  // The figures of some hundred looks themselves take 2 MiB.
  [HEAP]: 3 * MIB,
  // 32 buffers of 256 KiB are kept for further messages.
  [EXTERNAL]: 10 * MIB,
  [RESIDENT]: 32 * MIB,
  // Segments are removed as a whole.
  [DISK]: 32 * MIB,
};

/** What is kept on purpose, and how much of it at most: `docs/internals/limits.md` has the reasons. */
const KEPT: Readonly<Record<string, number>> = {
  "EventRing.#events": 1000,
  "all objects of Object { number, at, level, message, fields }": 1000,
  // Deno keeps one for each length of a timer that was cancelled, until that length is over.
  "all objects of TimersList": 4096,
  // Node keeps up to 1000 for further connections of HTTP; five visitors have 16 at a time.
  "all objects of HTTPParser": 100,
  "NumberedStreams.#numbers": 1200,
  "GroupQueue.#spare": 8,
  "Residency.#spare": 32,
  "ReplyStreams.#closed": 1000,
  "ReplyStreams.#lists[]": 1000,
  // The names of closed streams for replies, in their lists, and by name.
  "all objects of Object { key, value, older, newer }": 1200,
  "all objects of Object { text, value, next }": 2400,
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

/** What clients keep beside that: names of keys, with their bytes, 4 MiB in all. */
export const KEPT_BY_CLIENTS: Readonly<Record<string, number>> = {
  [HEAP]: 4 * MIB,
  "all objects of Object { stream, bytes, name }": 4096,
  "all objects of Uint8Array": 4400,
  "all objects of ArrayBuffer": 4400,
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

/** With so many looks that count nothing has to be looked at again. */
const LOOKS_MANY = 30;

/** So many looks tell whether what seems to have grown goes on growing. */
export const LOOKS_AGAIN: number = LOOKS_MIN - WARM_UP;

/** Looks at one process. */
export class Flatness {
  /** The sizes of each thing, one for each look: the program that looks must not grow itself. */
  readonly #columns = new Map<string, number[]>();
  #seen = 0;
  /** What has seemed to grow in the looks before these, if it is looked at again. */
  #suspects: ReadonlySet<string> | undefined;
  readonly #kept: Readonly<Record<string, number>>;

  /** @param kept What this process keeps on purpose, beside what all do. */
  constructor(kept: Readonly<Record<string, number>> = {}) {
    this.#kept = { ...KEPT, ...kept };
  }

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

  /**
   * Begins again if something seems to have grown in few looks: only what does so once more has grown, and nothing
   * else that becomes more meanwhile.
   *
   * @returns Whether {@linkcode LOOKS_AGAIN} further looks are needed.
   */
  doubt(): boolean {
    if (this.count >= LOOKS_MANY || this.#suspects !== undefined) return false;
    const suspects = this.#suspects = new Set(this.#findAll().keys());
    if (suspects.size === 0) return false;
    // The last look is the first one of those to come.
    for (const column of this.#columns.values()) column.splice(0, column.length - 1);
    this.#seen = WARM_UP + 1;
    return true;
  }

  /** Names what has grown, with how much there was of it and is. */
  findGrowth(): string[] {
    const suspects = this.#suspects;
    return [...this.#findAll()].filter(([name]) => suspects?.has(name) ?? true)
      .map(([, growth]) => growth).sort();
  }

  #findAll(): Map<string, string> {
    const found = new Map<string, string>();
    const third = Math.floor(this.count / 3);
    if (third < 2) return found;
    for (const [name, column] of this.#columns) {
      const kept = this.#kept[name];
      const growth = findGrowth({ name, kept }, column.slice(0, third), column.slice(-third));
      if (growth !== undefined) found.set(name, growth);
    }
    return found;
  }
}

function findGrowth(
  { name, kept = FIELDS.test(name) ? FIELDS_MAX : 0 }: {
    readonly name: string;
    readonly kept: number | undefined;
  },
  first: readonly number[],
  last: readonly number[],
): string | undefined {
  if (MARGINS[name] !== undefined) {
    const margin = MARGINS[name] + kept;
    const [from, to] = [middleOf(first), middleOf(last)];
    return to > from + margin ? `${name}: ${from} → ${to}, ${margin} more are allowed` : undefined;
  }
  const [from, to] = [Math.max(...first), Math.min(...last)];
  const isKept = last.every((size) => size <= kept);
  const more = COMMON.test(name) ? COMMON_MORE + from * COMMON_SHARE : 0;
  if (isKept || to <= from + more) return undefined;
  return `${name}: ${first.join(" ")} … ${last.join(" ")}`;
}

function middleOf(sizes: readonly number[]): number {
  return sizes.toSorted((one, other) => one - other)[Math.floor(sizes.length / 2)]!;
}
