/**
 * Reads command line arguments with the npm package `minimist`, to the results of `@std/cli`.
 *
 * @module
 */

import minimistModule from "minimist";

/** Options for {@linkcode parseArgs}. */
export interface ParseOptions<TStrings extends string, TBooleans extends string> {
  /** The flags whose values stay text; `"_"` means the arguments that are not flags. */
  string?: TStrings | readonly TStrings[];
  /** The flags that take no value; they are `false` unless given. */
  boolean?: TBooleans | readonly TBooleans[];
  /** For a flag its other names. */
  alias?: Record<string, string | readonly string[]>;
  /** For a flag the value that it has if it is not given. */
  default?: Record<string, unknown>;
  /**
   * Whether everything behind the first argument that is not a flag is left as it is.
   *
   * @default {false}
   */
  stopEarly?: boolean;
  /** Is called with each argument that no option names, and drops it by returning `false`. */
  unknown?: (arg: string) => unknown;
}

/** What {@linkcode parseArgs} found: the flags by name, and in `_` what is not a flag. */
export type Args<TStrings extends string, TBooleans extends string> =
  & Record<string, unknown>
  & { [Name in Exclude<TStrings, "_">]?: string }
  & { [Name in TBooleans]: boolean }
  & { _: Array<string | number> };

interface MinimistOptions {
  string: string[];
  boolean: string[];
  alias: Record<string, string | readonly string[]>;
  default: Record<string, unknown>;
  stopEarly: boolean;
  unknown: (arg: string) => boolean;
}

/** The package has no types of its own. */
const minimist: (args: string[], options: MinimistOptions) => Record<string, unknown> =
  minimistModule;

/**
 * No argument of a process can hold this character. Put before `no-`, it keeps `minimist` from
 * reading `--no-x` as "x is false", which `@std/cli` does only if told to.
 */
const GUARD = "\0";

/**
 * Reads command line arguments.
 *
 * @param args The arguments.
 * @param options What the flags are called, and what they hold.
 * @returns The flags by name, and in `_` what is not a flag.
 */
export function parseArgs<TStrings extends string = never, TBooleans extends string = never>(
  args: readonly string[],
  options: ParseOptions<TStrings, TBooleans> = {},
): Args<TStrings, TBooleans> {
  const { alias = {}, default: defaults = {}, stopEarly = false, unknown } = options;
  const found = minimist(args.map(guard), {
    string: toList(options.string),
    boolean: toList(options.boolean),
    alias,
    default: defaults,
    stopEarly,
    unknown: (arg) => unknown?.(unguard(arg)) !== false,
  });
  const { _: rest, ...flags } = found;
  return { ...keepLast(flags), _: toList(rest).map(unguard) } as Args<TStrings, TBooleans>;
}

function guard(arg: string): string {
  return arg.replace(/^--no-/, `--${GUARD}no-`);
}

function unguard<T>(text: T): T | string {
  return typeof text === "string" ? text.replace(GUARD, "") : text;
}

function toList<T>(value: T | readonly T[] | undefined): T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? [...value] : [value as T];
}

/** Of a flag that is given more than once, `minimist` collects all values, `@std/cli` the last. */
function keepLast(flags: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(flags).map(([name, value]) => {
    const last = Array.isArray(value) ? value.at(-1) : value;
    return [unguard(name), isRecord(last) ? keepLast(last) : last];
  });
  return Object.fromEntries(entries);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
