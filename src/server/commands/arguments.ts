import { findNearest } from "../../protocol/spelling.ts";
import { hasWholeToken } from "../token_text.ts";
import { describe } from "../settings/found_value.ts";

/** A flag of a command. */
export interface Flag {
  /** Its name, without `--`. */
  readonly name: string;
  /** What its value is, such as `<file>`; without it the flag takes none. */
  readonly value?: string;
  /** Whether it may come more than once. */
  readonly isList?: boolean;
  /** What it is for: a sentence without a period. */
  readonly about: string;
}

/** What a command is asked for: its words and flags, in the form that it allows. */
export class Arguments {
  /** What is not a flag. */
  readonly words: readonly string[];
  readonly #flags: ReadonlyMap<string, readonly string[]>;

  constructor(words: readonly string[], flags: ReadonlyMap<string, readonly string[]>) {
    this.words = words;
    this.#flags = flags;
  }

  /** Whether a flag is given. */
  has(flag: string): boolean {
    return this.#flags.has(flag);
  }

  /** The value of a flag; `undefined` if it is not given. */
  find(flag: string): string | undefined {
    return this.#flags.get(flag)?.[0];
  }

  /** All values of a flag that may come more than once, as they are typed. */
  all(flag: string): readonly string[] {
    return this.#flags.get(flag) ?? [];
  }

  /** All values of a flag that is a list: they are separated by commas, or the flag comes again. */
  list(flag: string): string[] {
    const values = this.#flags.get(flag) ?? [];
    return values.flatMap((value) => value.split(",")).map((value) => value.trim());
  }
}

/** The form that a command allows. */
export interface ArgumentsForm {
  readonly flags: readonly Flag[];
  readonly words: readonly [min: number, max: number];
}

/**
 * Reads what stands behind a command; behind `--` everything is a word.
 *
 * @returns The arguments, or all mistakes in them. No mistake shows a value: it may be a secret.
 */
export function readArguments(
  args: readonly string[],
  { flags, words: [min, max] }: ArgumentsForm,
): Arguments | { readonly mistakes: string[] } {
  const mistakes: string[] = [];
  const words: string[] = [];
  const found = new Map<string, string[]>();
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--") {
      words.push(...args.slice(at + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const [, name = "", inline] = /^--([^=]+)(?:=([^]*))?$/.exec(arg) ?? [];
    const flag = flags.find((flag) => flag.name === name);
    if (flag === undefined) {
      mistakes.push(describeUnknown(arg, flags));
      continue;
    }
    const next = args[at + 1];
    const isNextValue = inline === undefined && next !== undefined && !next.startsWith("--");
    const value = flag.value === undefined || !isNextValue ? inline : next;
    if (flag.value !== undefined && isNextValue) at++;
    const mistake = findFlagMistake(flag, value, found.has(name));
    if (mistake !== undefined) mistakes.push(mistake);
    found.set(name, [...found.get(name) ?? [], value ?? ""]);
  }
  if (words.length < min) {
    mistakes.push(`found ${countWords(words.length)}, allowed at least ${min}`);
  }
  if (words.some(hasWholeToken)) {
    mistakes.push(
      "found a token: others can read what is typed here, and no command takes one",
    );
  }
  // What stands behind an unknown flag may be its value.
  if (words.length > max && mistakes.length === 0) {
    mistakes.push(`found ${countWords(words.length)}, allowed at most ${max}`);
  }
  return mistakes.length > 0 ? { mistakes } : new Arguments(words, found);
}

function findFlagMistake(
  flag: Flag,
  value: string | undefined,
  isThere: boolean,
): string | undefined {
  if (flag.value === undefined && value !== undefined) {
    return `found a value of --${flag.name}, allowed none`;
  }
  if (value !== undefined && hasWholeToken(value)) {
    return `found a token behind --${flag.name}: others can read what is typed here, and no flag takes one`;
  }
  if (flag.value !== undefined && !value) {
    return `found nothing behind --${flag.name}, allowed ${flag.value}`;
  }
  if (isThere && flag.isList !== true) return `found --${flag.name} twice, allowed once`;
  return undefined;
}

function describeUnknown(arg: string, flags: readonly Flag[]): string {
  const name = arg.replace(/=[^]*$/, "");
  const names = flags.map((flag) => flag.name);
  const nearest = findNearest(name, names);
  const advice = nearest !== undefined
    ? `the nearest known one is "--${nearest}"`
    : names.length > 0
    ? `allowed ${names.map((name) => `--${name}`).join(", ")}`
    : "allowed none";
  return `found an unknown flag ${describe(name)}, ${advice}`;
}

function countWords(count: number): string {
  return count === 1 ? "1 word" : `${count} words`;
}
