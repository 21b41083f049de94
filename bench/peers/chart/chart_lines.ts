/**
 * Lines that show how one thing depends on another.
 *
 * @module
 */

import { AXIS_HEIGHT, describeAxis, NO_BOUNDS } from "./chart_axis.ts";
import {
  ACCENT,
  describeHead,
  EDGE,
  isOurs,
  lighten,
  measureHead,
  render,
  WIDTH,
} from "./chart_frame.ts";
import { makeScale } from "./chart_scale.ts";

/** Lines that show how one thing depends on another. */
export interface LineChart {
  /** What it shows. */
  readonly title: string;
  /** What one has to know to read it. */
  readonly subtitle?: string;
  /** From the left to the right. */
  readonly x: LineAxis;
  /** From the bottom to the top. */
  readonly y: LineAxis;
  /** The lines; those whose names begin with `SimpleMQ` are thicker. */
  readonly series: readonly LineSeries[];
}

/** An axis of a chart with lines. */
export interface LineAxis {
  /** What it counts. */
  readonly label: string;
  /** Whether each step is ten times the one before. */
  readonly isLogarithmic?: boolean;
  /** What is written behind its numbers. */
  readonly unit?: string;
}

/** A line. */
export interface LineSeries {
  /** What it is called. */
  readonly name: string;
  /** Where it goes through. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** How high the plot of a chart with lines is. */
const LINES_HEIGHT = 340;

/** Of lines; what is ours has the first one. */
const LINE_COLOURS = [
  "#d97706",
  "#059669",
  "#7c3aed",
  "#dc2626",
  "#0891b2",
  "#65a30d",
  "#be185d",
];

/** Draws lines. */
export function drawLines(chart: LineChart): string {
  const colours = colourLines(chart.series);
  const legend = chart.series.map(({ name }, index) => ({
    name,
    colour: colours[index]!,
  }));
  const top = measureHead(chart, legend) + 10;
  const xs = makeScale(
    listCoordinates(chart, 0),
    chart.x.isLogarithmic ?? false,
  );
  const ys = makeScale(
    listCoordinates(chart, 1),
    chart.y.isLogarithmic ?? false,
  );
  return render(chart.title, top + LINES_HEIGHT + AXIS_HEIGHT, {
    ...describeHead(chart, legend),
    grid: {
      ...NO_BOUNDS,
      left: EDGE + 62,
      width: WIDTH - 2 * EDGE - 92,
      top,
      height: LINES_HEIGHT,
    },
    xAxis: describeAxis({ scale: xs, name: chart.x.label, nameGap: 30, unit: chart.x.unit }),
    yAxis: describeAxis({ scale: ys, name: chart.y.label, nameGap: 58, unit: chart.y.unit }),
    series: chart.series.map(({ name, points }, index) => ({
      type: "line" as const,
      silent: true,
      clip: false,
      symbol: "circle",
      symbolSize: isOurs(name) ? 7 : 5,
      z: isOurs(name) ? 4 : 3,
      lineStyle: { width: isOurs(name) ? 3 : 2, color: colours[index]! },
      itemStyle: { color: colours[index]! },
      data: points.map(([x, y]) => [x, y]),
    })),
  });
}

function listCoordinates({ series }: LineChart, dimension: 0 | 1): number[] {
  return series.flatMap(({ points }) => points.map((point) => point[dimension]));
}

/** What is ours has shades of the accent colour, everything else colours that differ. */
function colourLines(series: readonly LineSeries[]): string[] {
  let ours = 0;
  let others = 0;
  return series.map(({ name }) =>
    isOurs(name) ? lighten(ACCENT, 0.35 * ours++) : LINE_COLOURS[others++ % LINE_COLOURS.length]!
  );
}
