import { parseByteSize } from "../settings/byte_size.ts";
import { describe } from "../settings/found_value.ts";
import type { Arguments } from "./arguments.ts";
import { CommandError } from "./command.ts";
import { parseSpan, SPAN_ALLOWED } from "./output/quantities.ts";

/** The numbers that a flag allows. */
export interface NumberRange {
  readonly low: number;
  readonly high: number;
}

/** The word for "no limit" in the values of flags. */
const NONE = "none";

/** Reads the values of flags, and keeps all mistakes. */
export class FlagReader {
  readonly #args: Arguments;
  readonly #command: string;
  readonly #mistakes: string[] = [];

  /**
   * @param args What the command was given.
   * @param command Its name, for messages.
   */
  constructor(args: Arguments, command: string) {
    this.#args = args;
    this.#command = command;
  }

  /** A whole number; `undefined` if the flag is not given. */
  readNumber(flag: string, { low, high }: NumberRange): number | undefined {
    const text = this.#args.find(flag);
    if (text === undefined) return undefined;
    const value = parseWhole(text);
    if (value !== undefined && value >= low && value <= high) return value;
    const allowed = high === Number.MAX_SAFE_INTEGER ? `at least ${low}` : `${low} to ${high}`;
    return this.#refuseValue(flag, text, `a whole number, ${allowed}`);
  }

  /** A span of time in milliseconds. */
  readSpan(flag: string): number | undefined {
    const text = this.#args.find(flag);
    return text === undefined ? undefined : this.#parseSpan(flag, text);
  }

  /** Several spans, with commas between them. */
  readSpans(flag: string): number[] | undefined {
    if (!this.#args.has(flag)) return undefined;
    const spans = this.#args.list(flag).map((text) => this.#parseSpan(flag, text));
    return spans.filter((span) => span !== undefined);
  }

  /** A number of bytes. */
  readSize(flag: string): number | undefined {
    const text = this.#args.find(flag);
    if (text === undefined) return undefined;
    const size = parseByteSize(text);
    if (size !== undefined && size >= 0) return size;
    return this.#refuseValue(flag, text, "a number of bytes such as 65536 or 64MiB");
  }

  /** One of several words. */
  readChoice<Choice extends string>(flag: string, choices: readonly Choice[]): Choice | undefined {
    const text = this.#args.find(flag);
    if (text === undefined) return undefined;
    const found = choices.find((choice) => choice === text);
    return found ?? this.#refuseValue(flag, text, choices.join(", "));
  }

  /** What `parse` makes of the value; `allowed` says which it takes, if it returns nothing. */
  readWith<Value>(
    flag: string,
    parse: (text: string) => Value | undefined,
    allowed: string,
  ): Value | undefined {
    const text = this.#args.find(flag);
    return text === undefined ? undefined : parse(text) ?? this.#refuseValue(flag, text, allowed);
  }

  /** What another method reads, or `null` for the word `none`. */
  orNone<Value>(flag: string, read: () => Value | undefined): Value | null | undefined {
    return this.#args.find(flag) === NONE ? null : read();
  }

  /** Keeps a mistake: what was found, and what is allowed. */
  refuse(mistake: string): void {
    this.#mistakes.push(`Cannot run "${this.#command}": ${mistake}`);
  }

  /** Throws if there were mistakes. */
  check(): void {
    if (this.#mistakes.length > 0) throw new CommandError(this.#mistakes);
  }

  #parseSpan(flag: string, text: string): number | undefined {
    return parseSpan(text) ?? this.#refuseValue(flag, text, SPAN_ALLOWED);
  }

  #refuseValue(flag: string, text: string, allowed: string): undefined {
    this.refuse(`--${flag}: found ${describe(text)}, allowed ${allowed}`);
  }
}

/** Reads a whole number without a sign. */
export function parseWhole(text: string): number | undefined {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}

/** Reads the id of a message that is a word; throws a {@linkcode CommandError} if it is none. */
export function readId(word: string, command: string): number {
  const id = parseWhole(word);
  if (id !== undefined && id > 0) return id;
  throw new CommandError(
    `Cannot run "${command}": found ${describe(word)}, allowed the id of a message, 1 or more`,
  );
}
