import {
  type ChartHead,
  COLOURS,
  findLogarithmicStart,
  GREY,
  isOurs,
  labelNumbers,
  listPowers,
  render,
} from "./chart.ts";

/** A value for each category; `undefined` where there is none. */
type Values = readonly (number | undefined)[];

/** Bars, one or several for each category, from the left to the right. */
export interface BarChart extends ChartHead {
  /** The unit of all values: `messages/s`. */
  readonly unit: string;
  /** The categories from top to bottom; a name may have several lines. */
  readonly categories: readonly string[];
  /** The bars of each category. */
  readonly series: readonly BarSeries[];
  /** Whether each step of the axis is ten times the one before. */
  readonly isLogarithmic?: boolean;
}

/** A bar for each category. */
export interface BarSeries {
  /** Its name in the legend, if there is more than one. */
  readonly name: string;
  /** The lengths of the bars. */
  readonly values: Values;
  /** The lowest of what each value is the median of. */
  readonly lowest?: Values;
  /** The highest of what each value is the median of. */
  readonly highest?: Values;
}

/** The height of a bar with the space below it. */
const BAR_STEP = 20;

/** Draws bars, each with the range of what it is the median of. */
export function drawBars(chart: BarChart): Promise<string> {
  const { categories, series, unit, isLogarithmic = false } = chart;
  const rows = categories.flatMap((category, index) =>
    series.map(({ name, values, lowest, highest }) => ({
      category,
      name,
      value: values[index] ?? null,
      low: lowest?.[index] ?? values[index] ?? null,
      high: highest?.[index] ?? values[index] ?? null,
      label: formatValue(values[index]),
      colour: isOurs(category) ? COLOURS[0] : GREY,
    }))
  );
  const known = rows.flatMap(({ low, high }) => [low, high]).filter((value) => value !== null);
  const start = isLogarithmic ? findLogarithmicStart(known) : 0;
  const scale = isLogarithmic ? { type: "log", domainMin: start, nice: false } : { zero: true };
  const ticks = isLogarithmic ? { values: [start, ...listPowers(known)] } : { tickCount: 6 };
  const axis = { title: unit, labelExpr: labelNumbers(), ...ticks };
  const x = (field: string) => ({ field, type: "quantitative", scale, axis });
  const lines = Math.max(...categories.map((category) => category.split("\n").length));
  const isSingle = series.length === 1;
  const test = "indexof(datum.label, 'SimpleMQ') === 0";
  const labelFontWeight = { condition: { test, value: "bold" }, value: "normal" };
  return render(chart, {
    width: 560,
    height: { step: isSingle ? Math.max(BAR_STEP, 15 * lines) + 8 : BAR_STEP },
    data: { values: rows },
    encoding: {
      y: {
        field: "category",
        type: "nominal",
        sort: null,
        axis: {
          title: null,
          labelLimit: 320,
          labelExpr: "split(datum.label, '\\n')",
          labelFontWeight,
          grid: false,
        },
      },
      ...!isSingle && { yOffset: { field: "name", sort: null } },
    },
    layer: [
      {
        mark: { type: "bar", height: 16, cornerRadiusEnd: 2 },
        encoding: {
          x: x("value"),
          x2: { datum: start },
          color: isSingle ? { field: "colour", type: "nominal", scale: null } : {
            field: "name",
            type: "nominal",
            scale: { domain: series.map(({ name }) => name), range: COLOURS },
            legend: { title: null, orient: "top" },
          },
        },
      },
      {
        transform: [{ filter: "datum.low !== datum.high" }],
        mark: { type: "rule", color: "#1f2937" },
        encoding: { x: x("low"), x2: { field: "high" } },
      },
      {
        mark: { type: "text", align: "left", dx: 7 },
        encoding: { x: x("high"), text: { field: "label" } },
      },
    ],
  });
}

/** Writes three digits that count, or all before the point. */
function formatValue(value: number | undefined): string {
  if (value === undefined) return "not measured";
  const digits = value === 0 ? 1 : Math.floor(Math.log10(Math.abs(value))) + 1;
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.max(0, 3 - digits) });
}
