/**
 * From where to where an axis of a chart goes, and how its numbers are written.
 *
 * @module
 */

/** An axis with round numbers. */
export interface Scale {
  /** Where it begins. */
  readonly min: number;
  /** Where it ends. */
  readonly max: number;
  /** From one number to the next one, or `undefined` if each is ten times the one before. */
  readonly step?: number;
}

/** About so many numbers are written along an axis. */
const STEPS = 5;

/** What a step begins with. */
const ROUND = [1, 2, 2.5, 5, 10];

/**
 * Finds an axis on which all values are.
 *
 * @param values The values.
 * @param isLogarithmic Whether each step is ten times the one before; it begins with the power of ten
 *   below the lowest value then, and at zero else.
 * @param room It begins below this part of the lowest value.
 */
export function makeScale(
  values: readonly number[],
  isLogarithmic: boolean,
  room = 1,
): Scale {
  const max = Math.max(...values, Number.MIN_VALUE);
  if (isLogarithmic) {
    const lowest = Math.min(...values.filter((value) => value > 0), max);
    return { min: 10 ** Math.floor(Math.log10(lowest * room)), max };
  }
  const rough = max / STEPS;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ROUND.find((factor) => factor * unit >= rough)!;
  return { min: 0, max: Math.ceil(max / step) * step, step };
}

/** Writes a value with three digits that count, or all those before the point: `1,234` or `0.123`. */
export function formatValue(value: number): string {
  const digits = value === 0 ? 1 : Math.floor(Math.log10(Math.abs(value))) + 1;
  const decimals = Math.min(6, Math.max(0, 3 - digits));
  const maximumFractionDigits = Math.abs(value) >= 100 ? 0 : decimals;
  return value.toLocaleString("en-US", { maximumFractionDigits });
}

/** Writes a round number in few characters: `250k` or `2M`. */
export function formatShort(value: number): string {
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]] as const) {
    if (value >= size) return `${Number((value / size).toPrecision(6))}${unit}`;
  }
  return String(Number(value.toPrecision(6)));
}

/** How wide a character is beside its height, in a wide font: nothing may be cut in any. */
const CHARACTER_WIDTH = 0.62;

/** How wide a text is at most, in pixels. */
export function measureText(text: string, size: number): number {
  return Math.ceil(text.length * size * CHARACTER_WIDTH);
}
