import { Arguments } from "../harness/frame/arguments.ts";
import type { Dimension, Pace } from "./dimensions/dimension.ts";

/** How much to measure. */
export interface Scale extends Pace {
  readonly dimensions: readonly Dimension[];
  /** How often everything is measured. */
  readonly rounds: number;
  /** Whether it is only a look at whether it works: its figures mean nothing, and are not kept. */
  readonly isQuick: boolean;
  /** Whether nothing is measured, and the page is made anew from the kept figures. */
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
 * @param all The dimensions to choose from.
 * @throws {RangeError} If an argument is not known, or not allowed.
 */
export function readScale(args: readonly string[], all: readonly Dimension[]): Scale {
  const flags = new Arguments(args, ["rounds", "only"], ["quick", "page"]);
  const isQuick = flags.has("quick");
  const scale = isQuick ? QUICK : FULL;
  const dimensions = flags.readSome("only", all, ({ name }) => name);
  return {
    ...scale,
    rounds: flags.readCount("rounds", scale.rounds),
    dimensions: isQuick ? dimensions.map(shorten) : dimensions,
    isQuick,
    isPageOnly: flags.has("page"),
  };
}

function shorten(dimension: Dimension): Dimension {
  return { ...dimension, points: dimension.points.slice(0, QUICK_POINTS) };
}
