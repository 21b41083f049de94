import { formatByteSize, parseByteSize } from "./byte_size.ts";

/** One setting: its default, its allowed values, and its texts. */
export interface Setting<T> {
  /** What it is for, with its unit: one sentence without a period. */
  readonly about: string;
  readonly initial: T;
  /** The placeholder of its value in the list of flags. */
  readonly placeholder: string;
  /** The allowed values, as the text behind "allowed". */
  readonly allowed: string;
  /** Whether a value of the right type is allowed. */
  isAllowed(value: T): boolean;
  /** Converts a text from a file, the environment or a flag; returns the text if it cannot. */
  parse(text: string): unknown;
  /** Converts a text from a program, if that is allowed. */
  parseInProgram?(text: string): unknown;
  /** Writes a value so that {@linkcode Setting.parse} reads it as the same. */
  show(value: T): string;
}

/** A whole number between two bounds. */
export function integer(
  initial: number,
  [min, max]: readonly [number, number],
  about: string,
): Setting<number> {
  return {
    about,
    initial,
    placeholder: "<number>",
    allowed: `${min} to ${max}`,
    isAllowed: (value) => Number.isSafeInteger(value) && value >= min && value <= max,
    parse: (text) => /^-?\d{1,15}$/.test(text.trim()) ? Number(text) : text,
    show: String,
  };
}

/** A number of bytes; as text also with a unit, such as `256MiB`. */
export function byteSize(
  initial: number,
  [min, max]: readonly [number, number],
  about: string,
): Setting<number> {
  return {
    ...integer(initial, [min, max], about),
    placeholder: "<size>",
    allowed: `${formatByteSize(min)} to ${formatByteSize(max)}, in bytes or such as 256KiB`,
    parse: (text) => parseByteSize(text) ?? text,
    // In a program only a number with a unit may be a text.
    parseInProgram: (text) => /[a-z]\s*$/i.test(text) ? parseByteSize(text) ?? text : text,
    show: formatByteSize,
  };
}

/** On or off. */
export function toggle(initial: boolean, about: string): Setting<boolean> {
  const parse = (text: string) => ["false", "true"].indexOf(text.trim().toLowerCase());
  return {
    about,
    initial,
    placeholder: "",
    allowed: "true or false",
    isAllowed: () => true,
    parse: (text) => parse(text) < 0 ? text : parse(text) === 1,
    show: String,
  };
}

/** One of a few names; as text their case does not matter. */
export function choice<T extends string>(
  initial: T,
  names: readonly T[],
  about: string,
): Setting<T> {
  return {
    about,
    initial,
    placeholder: "<name>",
    allowed: names.join(", "),
    isAllowed: (value) => names.includes(value),
    parse: (text) => names.find((name) => name === text.trim().toLowerCase()) ?? text,
    show: String,
  };
}

/** The name or the address of a machine. */
export function hostName(initial: string, about: string): Setting<string> {
  const allowed = "a host name or an address, without brackets";
  return text(initial, about, { placeholder: "<host>", allowed, rule: /^[\w.:%-]{1,253}$/ });
}

/** Names or addresses of machines, separated by commas; or nothing. */
export function nameList(initial: string, about: string): Setting<string> {
  const allowed = "host names, separated by commas";
  const rule = /^((\*\.)?[\w.-]{1,253}(\s*,\s*(\*\.)?[\w.-]{1,253}){0,63})?$/;
  return optional(initial, about, { placeholder: "<names>", allowed, rule });
}

/** A name of 1 to 32 letters, digits, `-` and `_`; or nothing. */
export function shortName(initial: string, about: string): Setting<string> {
  const allowed = "1 to 32 letters, digits, - and _";
  return optional(initial, about, { placeholder: "<name>", allowed, rule: /^[\w-]{0,32}$/ });
}

/** A host and a port; or nothing. */
export function hostAndPort(initial: string, about: string): Setting<string> {
  const allowed = "a host and a port, such as broker-a:9090";
  return optional(initial, about, { placeholder: "<host:port>", allowed, rule: rule("", 1) });
}

/** Hosts and ports, separated by commas, each behind such a beginning; or nothing. */
export function addressList(
  initial: string,
  about: string,
  { scheme, example }: { readonly scheme: string; readonly example: string },
): Setting<string> {
  const allowed = `up to 16 addresses such as ${example}, separated by commas`;
  return optional(initial, about, { placeholder: "<addresses>", allowed, rule: rule(scheme, 16) });
}

/** A name of one word; or nothing. */
export function optionalWord(initial: string, about: string): Setting<string> {
  const allowed = "up to 256 characters without spaces";
  return optional(initial, about, { placeholder: "<name>", allowed, rule: /^[^\s\0]{0,256}$/ });
}

/** So many addresses at most. */
function rule(scheme: string, count: number): RegExp {
  const one = `${scheme}(\\[[\\da-fA-F:.]{2,45}\\]|[\\w.-]{1,253}):\\d{1,5}`;
  return new RegExp(`^(${one}(\\s*,\\s*${one}){0,${count - 1}})?$`);
}

/** The path of a directory, no longer than all systems accept. */
export function path(initial: string, about: string): Setting<string> {
  const allowed = "a path of 1 to 1024 characters";
  return text(initial, about, { placeholder: "<path>", allowed, rule: /^[^\0]{1,1024}$/ });
}

/** The path of a file, or nothing. */
export function optionalPath(initial: string, about: string): Setting<string> {
  const allowed = "a path of up to 1024 characters";
  const rule = /^[^\0]{0,1024}$/;
  return optional(initial, about, { placeholder: "<path>", allowed, rule });
}

/** A text that may be nothing: in a file and among defaults that is `""`. */
function optional(...rest: Parameters<typeof text>): Setting<string> {
  return {
    ...text(...rest),
    parse: (text) => text.trim() === '""' ? "" : text.trim(),
    show: (value) => value === "" ? '""' : value,
  };
}

function text(
  initial: string,
  about: string,
  { rule, ...shown }: { placeholder: string; allowed: string; rule: RegExp },
): Setting<string> {
  const isAllowed = (value: string) => rule.test(value);
  return { about, initial, ...shown, isAllowed, parse: (text) => text.trim(), show: String };
}
