/**
 * Bars, from the left to the right.
 *
 * @module
 */

import type {
  CustomSeriesOption,
  CustomSeriesRenderItemAPI,
  CustomSeriesRenderItemReturn,
} from "echarts";
import { AXIS_HEIGHT, describeAxis, NO_BOUNDS } from "./chart_axis.ts";
import {
  ACCENT,
  describeHead,
  EDGE,
  GREY,
  INK,
  isOurs,
  lighten,
  measureHead,
  MUTED,
  render,
  SMALL_SIZE,
  TEXT_SIZE,
} from "./chart_frame.ts";
import { formatValue, makeScale, measureText } from "./chart_scale.ts";

/** A value for each category; `undefined` where there is none. */
type Values = readonly (number | undefined)[];

/** Bars, one or several for each category, from the left to the right. */
export interface BarChart {
  /** What it shows. */
  readonly title: string;
  /** What one has to know to read it. */
  readonly subtitle?: string;
  /** Of all values: `messages/s`. */
  readonly unit: string;
  /**
   * What is compared, from top to bottom; what begins with `SimpleMQ` is ours. What is in lines after
   * the first one is written smaller.
   */
  readonly categories: readonly string[];
  /** What there is of each category. */
  readonly series: readonly BarSeries[];
  /** Whether each step of the axis is ten times the one before. */
  readonly isLogarithmic?: boolean;
}

/** A bar for each category. */
export interface BarSeries {
  /** What it is called, if there is more than one. */
  readonly name: string;
  /** How long the bars are. */
  readonly values: Values;
  /** The lowest of what each value is the median of. */
  readonly lowest?: Values;
  /** The highest of what each value is the median of. */
  readonly highest?: Values;
}

/** How high a bar is. */
const BAR_HEIGHT = 17;

/** Between two bars of a category. */
const BAR_GAP = 3;

/** Between two categories. */
const CATEGORY_GAP = 15;

/** How high a line of the name of a category is. */
const NAME_HEIGHT = 16;

/** On an axis of powers the lowest bar has room for itself if the axis begins below this part of it. */
const BAR_ROOM = 0.8;

/** How the first line of such a name looks, and the others. */
const NAME_STYLES = {
  name: { color: INK, fontSize: TEXT_SIZE, lineHeight: NAME_HEIGHT },
  more: { color: MUTED, fontSize: SMALL_SIZE, lineHeight: NAME_HEIGHT },
};

/** Between a bar and its label. */
const LABEL_GAP = 7;

/** Half of the line at each end of a range. */
const CAP = 4;

/** Draws bars. */
export function drawBars(chart: BarChart): string {
  const { categories, series, unit, isLogarithmic = false } = chart;
  const legend = series.length === 1 ? [] : series.map(({ name }, index) => {
    return { name, colour: lighten(GREY, shareOfWhite(index, series.length)) };
  });
  const lineCount = Math.max(
    ...categories.map((category) => category.split("\n").length),
  );
  const rowHeight = CATEGORY_GAP +
    Math.max(
      series.length * (BAR_HEIGHT + BAR_GAP) - BAR_GAP,
      lineCount * NAME_HEIGHT,
    );
  const plotHeight = categories.length * rowHeight;
  const top = measureHead(chart, legend);
  const scale = makeScale(series.flatMap(listValues), isLogarithmic, BAR_ROOM);
  const texts = categories.flatMap((category) => category.split("\n"));
  const labels = series.flatMap(({ values }) => values.map(formatLabel));
  return render(chart.title, top + plotHeight + AXIS_HEIGHT, {
    ...describeHead(chart, legend),
    grid: {
      ...NO_BOUNDS,
      left: EDGE + 8 + measureWidest(texts, TEXT_SIZE),
      right: EDGE + LABEL_GAP + measureWidest(labels, SMALL_SIZE),
      top,
      height: plotHeight,
    },
    yAxis: {
      type: "category",
      inverse: true,
      data: [...categories],
      axisTick: { show: false },
      axisLine: { lineStyle: { color: MUTED } },
      axisLabel: { interval: 0, formatter: formatName, rich: NAME_STYLES },
    },
    xAxis: describeAxis({ scale, name: unit, nameGap: 30 }),
    series: series.map((one, index) => {
      const centre = (index - (series.length - 1) / 2) * (BAR_HEIGHT + BAR_GAP);
      const white = shareOfWhite(index, series.length);
      return describeBars(one, { centre, white, categories, min: scale.min });
    }),
  });
}

/** How the bars of a series are drawn. */
interface BarStyle {
  /** How far below the middle of the category. */
  readonly centre: number;
  /** How much white is in their colour. */
  readonly white: number;
  readonly categories: readonly string[];
  /** Where the axis begins. */
  readonly min: number;
}

/**
 * Bars, each with the range of what it is the median of and with its value behind both. They are drawn
 * here: those of the library begin at 1 where an axis is logarithmic.
 */
function describeBars(series: BarSeries, style: BarStyle): CustomSeriesOption {
  const { centre, white, categories, min } = style;
  const renderItem = (
    { dataIndex }: { dataIndex: number },
    api: CustomSeriesRenderItemAPI,
  ): CustomSeriesRenderItemReturn => {
    const find = (value: number) => api.coord([value, dataIndex])[0] ?? 0;
    const value = series.values[dataIndex];
    const begin = find(min);
    const end = find(value ?? min);
    const low = find(series.lowest?.[dataIndex] ?? value ?? min);
    const high = find(series.highest?.[dataIndex] ?? value ?? min);
    const y = (api.coord([min, dataIndex])[1] ?? 0) + centre;
    const isOurOwn = isOurs(categories[dataIndex]!);
    return {
      type: "group",
      silent: true,
      children: [
        {
          type: "rect" as const,
          shape: {
            x: begin,
            y: y - BAR_HEIGHT / 2,
            width: end - begin,
            height: BAR_HEIGHT,
            r: 2,
          },
          style: { fill: lighten(isOurOwn ? ACCENT : GREY, white) },
        },
        ...(low === high ? [] : drawRange(low, high, y)),
        {
          type: "text" as const,
          x: Math.max(end, high) + LABEL_GAP,
          y,
          style: {
            text: formatLabel(value),
            fill: INK,
            font: `${isOurOwn ? "bold " : ""}${SMALL_SIZE}px sans-serif`,
            verticalAlign: "middle" as const,
          },
        },
      ],
    };
  };
  return {
    type: "custom",
    renderItem,
    data: series.values.map((value, row) => [value ?? min, row]),
  };
}

/** A line from the lowest to the highest, with an end on both sides. */
function drawRange(low: number, high: number, y: number) {
  const lines = [[low, y, high, y], [low, y - CAP, low, y + CAP], [
    high,
    y - CAP,
    high,
    y + CAP,
  ]];
  return lines.map(([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => ({
    type: "line" as const,
    shape: { x1, y1, x2, y2 },
    style: { stroke: INK, lineWidth: 1 },
  }));
}

function formatName(category: string): string {
  const [name, ...more] = category.split("\n");
  return [`{name|${name}}`, ...more.map((line) => `{more|${line}}`)].join("\n");
}

function shareOfWhite(index: number, count: number): number {
  return 0.6 * index / Math.max(1, count - 1);
}

function formatLabel(value: number | undefined): string {
  return value === undefined ? "not measured" : formatValue(value);
}

function measureWidest(texts: readonly string[], size: number): number {
  return Math.max(0, ...texts.map((text) => measureText(text, size)));
}

function listValues(
  { values, lowest = [], highest = [] }: BarSeries,
): number[] {
  return [...values, ...lowest, ...highest].filter((value) => value !== undefined);
}
