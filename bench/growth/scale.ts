/**
 * How much to measure.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import type { Dimension, Pace } from "./dimensions/dimension.ts";

/** How much to measure. */
export interface Scale extends Pace {
  /** What grows. */
  readonly dimensions: readonly Dimension[];
  /** How often everything is measured. */
  readonly rounds: number;
  /** Whether it is only a look at whether it works: its figures mean nothing, and are not kept. */
  readonly isQuick: boolean;
  /** Whether nothing is measured, and the page is made anew of what was kept. */
  readonly isPageOnly: boolean;
}

/** For figures to quote. */
const FULL = { rounds: 3, seconds: 2, warmUpCount: 300_000 };

/** For a look at whether it works. */
const QUICK = { rounds: 1, seconds: 0.2, warmUpCount: 10_000 };

/** With `--quick` nothing grows beyond its first steps. */
const QUICK_POINTS = 3;

/**
 * Reads the arguments of the bench.
 *
 * @param args The arguments.
 * @param all What can grow.
 * @throws {RangeError} If one is not known, or not allowed.
 */
export function readScale(args: readonly string[], all: readonly Dimension[]): Scale {
  const flags = parseArgs(args, {
    string: ["rounds", "only"],
    boolean: ["quick", "page"],
    unknown: (arg) => {
      const allowed = "--rounds, --only, --quick, --page";
      throw new RangeError(`Unknown argument "${arg}"; allowed are ${allowed}`);
    },
  });
  const scale = flags.quick ? QUICK : FULL;
  const dimensions = flags.only === undefined ? all : choose(flags.only, all);
  return {
    ...scale,
    rounds: readRounds(flags.rounds) ?? scale.rounds,
    dimensions: flags.quick ? dimensions.map(shorten) : dimensions,
    isQuick: flags.quick,
    isPageOnly: flags.page,
  };
}

function choose(names: string, all: readonly Dimension[]): Dimension[] {
  const chosen = new Set(names.split(","));
  for (const name of chosen) {
    if (all.some((dimension) => dimension.name === name)) continue;
    const allowed = all.map((dimension) => dimension.name).join(", ");
    throw new RangeError(`Argument --only has "${name}"; allowed are ${allowed}`);
  }
  return all.filter(({ name }) => chosen.has(name));
}

function shorten(dimension: Dimension): Dimension {
  return { ...dimension, points: dimension.points.slice(0, QUICK_POINTS) };
}

function readRounds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new RangeError(`Argument --rounds is "${text}"; allowed are whole numbers above 0`);
}
