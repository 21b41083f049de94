import { drawLines } from "../charts/line_chart.ts";
import type { Dimension } from "./dimensions/dimension.ts";
import { type Figure, type Reading, sumUp } from "./reading.ts";
import type { Growth } from "./report.ts";

/** A chart in a file. */
export interface Chart {
  /** The file's name. */
  readonly name: string;
  /** What is in it. */
  readonly svg: string;
}

/** What throughput is of, if a dimension says nothing else. */
const BOTH_SIDES = "published, confirmed, delivered and acknowledged";

/** Draws throughput and latency over one thing that grows. */
export function drawGrowth({ dimension, readings: all }: Growth): Promise<Chart[]> {
  const readings = sumUp(all);
  const { name, title, label, unit, throughput = BOTH_SIDES, latency, zeroAt } = dimension;
  const x = { label, isLogarithmic: true, ...(unit !== undefined && { unit }) };
  const zero = zeroAt !== undefined && zeroAt > 0 ? `; none is drawn at ${zeroAt}` : "";
  const draw = async (
    kind: string,
    subtitle: string,
    y: string,
    figures: readonly Figure[],
  ) => ({
    name: `${name}-${kind}.svg`,
    svg: await drawLines({
      title: `${title}: ${kind}`,
      subtitle: subtitle.replace(/^./, (first) => first.toUpperCase()) + zero,
      x,
      y: { label: y, isLogarithmic: true },
      series: figures.flatMap((figure) => trace(dimension, readings, figure)),
    }),
  });
  return Promise.all([
    draw("throughput", throughput, "messages/s", ["rate"]),
    draw("latency", latency, "ms", ["p50Ms", "p99Ms"]),
  ]);
}

/** The lines of a figure. */
function trace({ zeroAt }: Dimension, readings: readonly Reading[], figure: Figure) {
  const names = [...new Set(readings.map(({ line }) => line))];
  return names.flatMap((line) => {
    const points = readings
      .filter((reading) => reading.line === line && reading.figures[figure] !== undefined)
      .map(({ x, figures }) => [x === 0 ? zeroAt ?? 0 : x, figures[figure]!] as const);
    if (points.length === 0) return [];
    return [{ name: figure === "rate" ? line : `${line}, ${figure.slice(0, 3)}`, points }];
  });
}
