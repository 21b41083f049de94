import { parseArgs } from "@std/cli/parse-args";

/** The arguments of a bench. Each method throws a `RangeError` if a value is not allowed. */
export class Arguments {
  readonly #flags: Readonly<Record<string, unknown>>;

  /**
   * Parses arguments.
   *
   * @param names The arguments with a value.
   * @param switches Those without one.
   * @throws {RangeError} If one is not known.
   */
  constructor(args: readonly string[], names: readonly string[], switches: readonly string[] = []) {
    this.#flags = parseArgs(args, {
      string: names,
      boolean: switches,
      unknown: (arg) => {
        const allowed = [...names, ...switches].map((name) => `--${name}`).join(", ");
        throw new RangeError(`Unknown argument "${arg}"; allowed are ${allowed}`);
      },
    });
  }

  /** Whether a switch is there. */
  has(name: string): boolean {
    return this.#flags[name] === true;
  }

  /** A number of things, at least one. */
  readCount(name: string, otherwise: number): number {
    const text = this.#read(name);
    if (text === undefined) return otherwise;
    const count = Number(text);
    if (Number.isSafeInteger(count) && count > 0) return count;
    throw new RangeError(`Argument --${name} is "${text}"; allowed are whole numbers above 0`);
  }

  readPath(name: string): string | undefined {
    const text = this.#read(name);
    if (text === "") throw new RangeError(`Argument --${name} is empty; allowed are paths`);
    return text;
  }

  /** One of several words. */
  readWord<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
    const text = this.#read(name) ?? otherwise;
    const found = allowed.find((word) => word === text);
    if (found !== undefined) return found;
    throw new RangeError(`Argument --${name} is "${text}"; allowed are ${allowed.join(", ")}`);
  }

  /** Some of several things, by their names; all of them if the argument is not there. */
  readSome<T>(name: string, all: readonly T[], nameOf: (one: T) => string): readonly T[] {
    const wanted = this.#read(name)?.split(",");
    if (wanted === undefined) return all;
    const allowed = all.map(nameOf);
    const unknown = wanted.find((word) => !allowed.includes(word));
    if (unknown === undefined) return all.filter((one) => wanted.includes(nameOf(one)));
    throw new RangeError(`Argument --${name} has "${unknown}"; allowed are ${allowed.join(", ")}`);
  }

  #read(name: string): string | undefined {
    return this.#flags[name] as string | undefined;
  }
}
