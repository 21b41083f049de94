import { type ChartHead, COLOURS, isOurs, labelNumbers, listPowers, render } from "./chart.ts";

/** Lines that show how one thing depends on another. */
export interface LineChart extends ChartHead {
  /** From the left to the right. */
  readonly x: LineAxis;
  /** From the bottom to the top. */
  readonly y: LineAxis;
  readonly series: readonly LineSeries[];
}

/** An axis of a chart with lines. */
export interface LineAxis {
  readonly label: string;
  /** Whether each step is ten times the one before. */
  readonly isLogarithmic?: boolean;
  /** What is written behind its numbers. */
  readonly unit?: string;
}

export interface LineSeries {
  /** Its name in the legend. */
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export function drawLines(chart: LineChart): Promise<string> {
  const names = chart.series.map(({ name }) => name);
  const rows = chart.series.flatMap(({ name, points }) => points.map(([x, y]) => ({ name, x, y })));
  return render(chart, {
    width: 720,
    height: 340,
    data: { values: rows },
    mark: { type: "line", point: { filled: true } },
    encoding: {
      x: describeAxis("x", chart.x, rows.map(({ x }) => x)),
      y: describeAxis("y", chart.y, rows.map(({ y }) => y)),
      color: {
        field: "name",
        type: "nominal",
        scale: { domain: names, range: names.map((_, index) => COLOURS[index % COLOURS.length]) },
        legend: { title: null, orient: "top", labelLimit: 300 },
      },
      strokeWidth: {
        condition: { test: { field: "name", oneOf: names.filter(isOurs) }, value: 3 },
        value: 2,
      },
    },
  });
}

function describeAxis(
  field: string,
  { label, isLogarithmic = false, unit }: LineAxis,
  values: readonly number[],
) {
  return {
    field,
    type: "quantitative",
    scale: isLogarithmic ? { type: "log", domainMin: listPowers(values)[0] } : { zero: true },
    axis: {
      title: label,
      labelExpr: labelNumbers(unit),
      ...isLogarithmic && { values: listPowers(values) },
    },
  };
}
