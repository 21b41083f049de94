/**
 * One setting: what it may be, what it is unless somebody says otherwise, and how it is written.
 * Knows nothing of files, flags and names.
 *
 * @module
 */

import { formatByteSize, parseByteSize } from "./byte_size.ts";

/** What is wrong with a value: it is of another kind, or one of those that are not allowed. */
export type SettingFault = "type" | "range";

/** One setting. */
export interface Setting<T> {
  /** What it is for, with its unit: one sentence without a period. */
  readonly about: string;
  /** What stands for its value in the list of flags. */
  readonly placeholder: string;
  /** The value that it has by default. */
  readonly initial: T;
  /** What it may be, as it reads behind "allowed". */
  readonly allowed: string;
  /** Gives what a text from a file, the environment or a flag stands for, or else the text. */
  parse(text: string): unknown;
  /** The same for a text in a program, if there some stand for something else, too. */
  parseInProgram?(text: string): unknown;
  /** Tells whether a value is wrong, and how. */
  findFault(value: unknown): SettingFault | undefined;
  /** Says more of a wrong value, where there is more to say. */
  explain(value: unknown): string;
  /** Writes a value so that {@linkcode Setting.parse} reads it as the same. */
  show(value: T): string;
}

/** A whole number between two bounds. */
export interface NumberRange {
  /** What the setting is for, with its unit. */
  readonly about: string;
  /** The default. */
  readonly initial: number;
  /** The least that is allowed. */
  readonly min: number;
  /** The most that is allowed. */
  readonly max: number;
}

/**
 * A setting that is a whole number.
 *
 * @param range The bounds and the default.
 * @returns The setting.
 */
export function integer(range: NumberRange): Setting<number> {
  const { about, initial, min, max } = range;
  return {
    about,
    initial,
    placeholder: "<number>",
    allowed: `${min} to ${max}`,
    parse: (text) => /^-?\d{1,15}$/.test(text.trim()) ? Number(text) : text,
    findFault: (value) => findNumberFault(value, range),
    explain: explainNumber,
    show: String,
  };
}

/**
 * A setting that is a number of bytes; as text also with a unit, such as `256MiB`.
 *
 * @param range The bounds and the default, in bytes.
 * @returns The setting.
 */
export function byteSize(range: NumberRange): Setting<number> {
  const { about, initial, min, max } = range;
  return {
    about,
    initial,
    placeholder: "<size>",
    allowed: `${formatByteSize(min)} to ${formatByteSize(max)}, in bytes or such as 256KiB`,
    parse: (text) => parseByteSize(text) ?? text,
    // A program writes numbers as numbers; a unit it cannot write otherwise.
    parseInProgram: (text) => /[a-z]\s*$/i.test(text) ? parseByteSize(text) ?? text : text,
    findFault: (value) => findNumberFault(value, range),
    explain: explainNumber,
    show: formatByteSize,
  };
}

/**
 * A setting that is on or off.
 *
 * @param options What it is for, and the default.
 * @returns The setting.
 */
export function toggle(options: { about: string; initial: boolean }): Setting<boolean> {
  return {
    ...options,
    placeholder: "",
    allowed: "true or false",
    parse: parseToggle,
    findFault: (value) => typeof value === "boolean" ? undefined : "type",
    explain: () => "",
    show: String,
  };
}

/** One of a few names. */
export interface Choice<T extends string> {
  /** What the setting is for. */
  readonly about: string;
  /** The default. */
  readonly initial: T;
  /** The names; as text their case does not matter. */
  readonly names: readonly T[];
  /** Names that other versions know, so that they are not taken for a slip. */
  readonly absentNames?: readonly string[];
}

/**
 * A setting that is one of a few names.
 *
 * @param choice The names and the default.
 * @returns The setting.
 */
export function choice<T extends string>(choice: Choice<T>): Setting<T> {
  const { about, initial, names, absentNames = [] } = choice;
  return {
    about,
    initial,
    placeholder: "<name>",
    allowed: names.join(", "),
    parse: (text) => names.find((name) => name === fold(text)) ?? text,
    findFault: (value) => {
      if (typeof value !== "string") return "type";
      return names.some((name) => name === value) ? undefined : "range";
    },
    explain: (value) =>
      absentNames.some((name) => name === fold(String(value)))
        ? "not available in this version"
        : "",
    show: String,
  };
}

/** A name of a machine, or an address: nothing that could not be one is let through. */
const HOST_RULE = /^[A-Za-z0-9_.:%-]{1,253}$/;

/**
 * A setting that is the name or the address of a machine.
 *
 * @param options What it is for, and the default.
 * @returns The setting.
 */
export function hostName(options: { about: string; initial: string }): Setting<string> {
  return {
    ...options,
    placeholder: "<host>",
    allowed: "a host name or an address, without brackets",
    parse: (text) => text.trim(),
    findFault: (value) => {
      if (typeof value !== "string") return "type";
      return HOST_RULE.test(value) ? undefined : "range";
    },
    explain: () => "",
    show: String,
  };
}

/** The longest path that is taken: longer ones are cut off by some systems. */
const PATH_LENGTH_MAX = 1024;

/**
 * A setting that is the path of a directory.
 *
 * @param options What it is for, and the default.
 * @returns The setting.
 */
export function path(options: { about: string; initial: string }): Setting<string> {
  return {
    ...options,
    placeholder: "<path>",
    allowed: `a path of 1 to ${PATH_LENGTH_MAX} characters`,
    parse: (text) => text.trim(),
    findFault: (value) => {
      if (typeof value !== "string") return "type";
      const isAllowed = value.length > 0 && value.length <= PATH_LENGTH_MAX &&
        !value.includes("\0");
      return isAllowed ? undefined : "range";
    },
    explain: () => "",
    show: String,
  };
}

function parseToggle(text: string): unknown {
  if (fold(text) === "true") return true;
  return fold(text) === "false" ? false : text;
}

function findNumberFault(value: unknown, range: NumberRange): SettingFault | undefined {
  if (typeof value !== "number") return "type";
  const isAllowed = Number.isSafeInteger(value) && value >= range.min && value <= range.max;
  return isAllowed ? undefined : "range";
}

function explainNumber(value: unknown): string {
  if (typeof value === "string" && /^\s*-?\d+\s*$/.test(value)) return "a text and not a number";
  return typeof value === "number" && !Number.isInteger(value) ? "not a whole number" : "";
}

function fold(text: string): string {
  return text.trim().toLowerCase();
}
