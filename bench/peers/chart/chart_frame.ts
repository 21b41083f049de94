/**
 * What is around every chart: a white page, a title, a legend; and how it becomes a picture.
 *
 * @module
 */

import { type EChartsOption, init } from "echarts";
import { measureText } from "./chart_scale.ts";

/** How wide every chart is. */
export const WIDTH = 860;

/** Between the edge of a chart and what is drawn. */
export const EDGE = 24;

/** How high the text of a chart is. */
export const TEXT_SIZE = 13;

/** How high its smaller text is. */
export const SMALL_SIZE = 12;

/** Text and lines. */
export const INK = "#1f2937";

/** Text that matters less. */
export const MUTED = "#6b7280";

/** Lines behind what is drawn. */
export const FAINT = "#e5e7eb";

/** What is ours. */
export const ACCENT = "#2563eb";

/** What is not. */
export const GREY = "#8b93a1";

const TITLE_SIZE = 17;
const TITLE_HEIGHT = 30;
const LINE_HEIGHT = 18;
const LEGEND_HEIGHT = 22;
const LEGEND_MARK = 14;
const LEGEND_GAP = 26;

/** What is above a chart. */
export interface Head {
  /** What the chart shows. */
  readonly title: string;
  /** What one has to know to read it. */
  readonly subtitle?: string;
}

/** A word of a legend. */
export interface LegendEntry {
  /** The word. */
  readonly name: string;
  /** What colour it stands for. */
  readonly colour: string;
}

/** How much room the head of a chart takes, in pixels from the top. */
export function measureHead(
  { subtitle = "" }: Head,
  legend: readonly LegendEntry[],
): number {
  const rows = placeLegend(legend).at(-1)?.row ?? -1;
  return EDGE + TITLE_HEIGHT + wrap(subtitle).length * LINE_HEIGHT +
    (rows + 1) * LEGEND_HEIGHT + 8;
}

/** The head of a chart, for the library that draws it. */
export function describeHead(
  head: Head,
  legend: readonly LegendEntry[],
): EChartsOption {
  const lines = wrap(head.subtitle ?? "");
  const top = EDGE + TITLE_HEIGHT + lines.length * LINE_HEIGHT + 4;
  return {
    title: {
      text: head.title,
      subtext: lines.join("\n"),
      left: EDGE,
      top: EDGE - 6,
      padding: 0,
      itemGap: 9,
      textStyle: { color: INK, fontSize: TITLE_SIZE, fontWeight: "bold" },
      subtextStyle: {
        color: MUTED,
        fontSize: SMALL_SIZE,
        lineHeight: LINE_HEIGHT,
      },
    },
    graphic: placeLegend(legend).flatMap(({ name, colour, left, row }) => {
      const y = top + row * LEGEND_HEIGHT;
      return [
        {
          type: "rect" as const,
          silent: true,
          shape: {
            x: left,
            y,
            width: LEGEND_MARK,
            height: LEGEND_MARK - 2,
            r: 2,
          },
          style: { fill: colour },
        },
        {
          type: "text" as const,
          silent: true,
          x: left + LEGEND_MARK + 6,
          y,
          style: { text: name, fill: INK, font: `${SMALL_SIZE}px sans-serif` },
        },
      ];
    }),
  };
}

/** Puts words one after the other, and in a new row where one is full. */
function placeLegend(
  legend: readonly LegendEntry[],
): (LegendEntry & { readonly left: number; readonly row: number })[] {
  let left = EDGE;
  let row = 0;
  return legend.map((entry) => {
    const width = LEGEND_MARK + 6 + measureText(entry.name, SMALL_SIZE);
    if (left > EDGE && left + width > WIDTH - EDGE) {
      left = EDGE;
      row++;
    }
    const place = { ...entry, left, row };
    left += width + LEGEND_GAP;
    return place;
  });
}

/** Breaks a text into lines that fit. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ").filter((word) => word !== "")) {
    const line = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    const isFull = measureText(line, SMALL_SIZE) > WIDTH - 2 * EDGE;
    if (lines.length === 0 || isFull) lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return lines;
}

/** Whether what is called so is ours. */
export function isOurs(name: string): boolean {
  return name.startsWith("SimpleMQ");
}

/** Mixes a colour with white. */
export function lighten(colour: string, share: number): string {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `#${
    parts.map((part) => Math.round(part + (255 - part) * share).toString(16).padStart(2, "0"))
      .join("")
  }`;
}

/** Draws a chart on a white page with round corners. */
export function render(
  title: string,
  height: number,
  option: EChartsOption,
): string {
  const chart = init(null, null, {
    renderer: "svg",
    ssr: true,
    width: WIDTH,
    height,
  });
  try {
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: "sans-serif" },
      ...option,
    });
    return finish(chart.renderToSVGString(), title, height);
  } finally {
    chart.dispose();
  }
}

/**
 * Puts the page behind the chart. What is only for a mouse goes, what not everything that shows an SVG
 * understands, and what counts the charts of this process: the same chart is always the same text.
 */
function finish(svg: string, title: string, height: number): string {
  const page = `<title>${escape(title)}</title>\n` +
    `<rect width="${WIDTH}" height="${height}" rx="12" fill="#ffffff"></rect>`;
  return svg
    .replace(/<rect [^>]*fill="none"[^>]*><\/rect>/, page)
    .replace(/<style[\s\S]*?<\/style>\n?/g, "")
    .replace(/ (class|ecmeta_\w+|pointer-events)="[^"]*"/g, "")
    .replaceAll('dominant-baseline="central"', 'dy="0.35em"')
    .replace(/\bzr\d+-/g, "chart-")
    .trimEnd() + "\n";
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(
    ">",
    "&gt;",
  );
}
