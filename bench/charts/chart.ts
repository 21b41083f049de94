import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** The head of a chart. */
export interface ChartHead {
  /** What it shows. */
  readonly title: string;
  /** What one has to know to read it. */
  readonly subtitle?: string;
}

/** A layer, or several, with data and encoding. */
type ChartBody = Record<string, unknown>;

/** The colours of lines and bars; the first one is for SimpleMQ. */
export const COLOURS: readonly string[] = [
  "#2563eb",
  "#d97706",
  "#059669",
  "#7c3aed",
  "#dc2626",
  "#0891b2",
  "#be185d",
];

/** The colour of bars of others. */
export const GREY: string = "#8b93a1";

/** So many characters of a subtitle are in a line. */
const LINE_LENGTH = 110;

/** Whether a bar or a line is SimpleMQ's. */
export function isOurs(name: string): boolean {
  return name.startsWith("SimpleMQ");
}

/** The power of ten at which a logarithmic axis begins that has room for its lowest value. */
export function findLogarithmicStart(values: readonly number[]): number {
  const lowest = Math.min(...values.filter((value) => value > 0));
  return 10 ** Math.floor(Math.log10(lowest * 0.8));
}

/** The powers of ten on a logarithmic axis with such values. */
export function listPowers(values: readonly number[]): number[] {
  const [from, to] = [Math.min, Math.max].map((pick) =>
    Math.log10(pick(...values.filter((value) => value > 0)))
  ) as [number, number];
  const count = Math.floor(to) - Math.floor(from) + 1;
  return Array.from({ length: count }, (_, index) => 10 ** (Math.floor(from) + index));
}

/** How numbers along an axis are written: 0.1, 100, 2M. */
export function labelNumbers(unit = ""): string {
  return `format(datum.value, datum.value < 1 ? '~g' : '~s') + '${unit}'`;
}

/** Draws a chart as SVG. */
export async function render(
  { title, subtitle = "" }: ChartHead,
  body: ChartBody,
): Promise<string> {
  const spec = {
    background: "white",
    padding: 24,
    title: {
      text: title,
      subtitle: wrap(subtitle),
      anchor: "start",
      frame: "group",
      fontSize: 17,
      subtitleFontSize: 12,
      subtitleColor: "#6b7280",
      offset: 14,
    },
    config: { view: { stroke: null }, axis: { gridColor: "#e5e7eb", domain: false, ticks: false } },
    ...body,
  };
  const view = new View(parse(compile(spec as unknown as TopLevelSpec).spec), { renderer: "none" });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}

/** Breaks a text into lines. */
function wrap(text: string): string[] {
  return text.match(new RegExp(`.{1,${LINE_LENGTH}}(?= |$)`, "g"))?.map((line) => line.trim()) ??
    [];
}
