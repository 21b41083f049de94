/**
 * The axes of a chart, for the library that draws it.
 *
 * @module
 */

import type { XAXisComponentOption, YAXisComponentOption } from "echarts";
import { FAINT, MUTED, SMALL_SIZE } from "./chart_frame.ts";
import { formatShort, type Scale } from "./chart_scale.ts";

/** Below a plot: the numbers and the name of the axis. */
export const AXIS_HEIGHT = 62;

/** The margins are those that were asked for; the library cannot measure text without a browser. */
export const NO_BOUNDS: { readonly outerBoundsMode: "none" } = { outerBoundsMode: "none" };

/** An axis with numbers. */
export interface AxisPlan {
  /** From where to where it goes. */
  readonly scale: Scale;
  /** What is written along it. */
  readonly name: string;
  /** How far from it that is written. */
  readonly nameGap: number;
  /** What is written behind its numbers. */
  readonly unit?: string | undefined;
}

/** Describes an axis, whichever of the two it is. */
export function describeAxis(plan: AxisPlan): XAXisComponentOption & YAXisComponentOption {
  const { scale, name, nameGap, unit = "" } = plan;
  const { min, max, step } = scale;
  // The end of an axis of powers need not be one.
  const isWritten = (value: number) => step !== undefined || Math.log10(value) % 1 === 0;
  const common = {
    min,
    max,
    name,
    nameGap,
    nameLocation: "middle" as const,
    nameTextStyle: { color: MUTED, fontSize: SMALL_SIZE },
    axisTick: { show: false },
    axisLine: { show: false },
    // On an axis of powers the last line would be at the highest value.
    splitLine: { lineStyle: { color: FAINT }, showMaxLine: step !== undefined },
    axisLabel: {
      color: MUTED,
      fontSize: SMALL_SIZE,
      formatter: (value: number) => isWritten(value) ? formatShort(value) + unit : "",
    },
  };
  return step === undefined
    ? { ...common, type: "log" }
    : { ...common, type: "value", interval: step };
}
