import type { Histogram } from "../../../broker/collections/histogram.ts";

/** What a family of metrics counts or measures. */
export type MetricType = "counter" | "gauge" | "histogram";

/** Metrics of one name. */
export interface MetricFamily {
  readonly name: string;
  readonly type: MetricType;
  /** What it is, in a sentence without a period. */
  readonly help: string;
}

/** The media type of the text: what Prometheus reads, in every version. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Writes the two lines that begin a family. */
export function writeFamily({ name, type, help }: MetricFamily): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

/** Writes labels: names and values, in turn. */
export function writeLabels(...labels: readonly string[]): string {
  const pairs: string[] = [];
  for (let index = 0; index < labels.length; index += 2) {
    pairs.push(`${labels[index]}="${escapeLabel(labels[index + 1]!)}"`);
  }
  return pairs.join();
}

/** Writes a sample; `labels` are as {@linkcode writeLabels} writes them, or empty. */
export function writeSample(name: string, labels: string, value: number): string {
  return labels === ""
    ? `${name} ${writeNumber(value)}\n`
    : `${name}{${labels}} ${writeNumber(value)}\n`;
}

/** Writes the samples of a histogram. */
export function writeHistogram(name: string, { bounds, counts, sum, count }: Histogram): string {
  let below = 0;
  let text = "";
  for (const [index, bound] of bounds.entries()) {
    below += counts[index]!;
    text += writeSample(`${name}_bucket`, `le="${bound}"`, below);
  }
  text += writeSample(`${name}_bucket`, 'le="+Inf"', count);
  return text + writeSample(`${name}_sum`, "", sum) + writeSample(`${name}_count`, "", count);
}

function writeNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
