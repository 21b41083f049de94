import { type Fact, formatFacts } from "../harness/frame/surroundings.ts";
import { type Column, formatColumns } from "../harness/table.ts";
import type { Dimension } from "./dimensions/dimension.ts";
import { countRounds, type Figure, type Reading, sumUp } from "./reading.ts";

/** What was measured while one thing grew. */
export interface Growth {
  readonly dimension: Dimension;
  /** The readings of all rounds. */
  readonly readings: readonly Reading[];
}

/** Everything that was measured. */
export interface Findings {
  readonly facts: readonly Fact[];
  /** One for each thing that grew. */
  readonly growths: readonly Growth[];
  /** Why lines bend where they do, by the names of dimensions. */
  readonly notes: ReadonlyMap<string, string>;
}

/** The columns, in this order; one that nothing was read for is left out. */
const COLUMNS: readonly (readonly [figure: Figure, head: string, decimals: number])[] = [
  ["rate", "messages/s", 0],
  ["brokerMicros", "broker µs", 2],
  ["clientMicros", "clients µs", 2],
  ["p50Ms", "p50 ms", 2],
  ["p99Ms", "p99 ms", 2],
  ["flushMs", "flush ms", 2],
  ["memoryMiB", "broker MiB", 0],
];

/** Writes the page. */
export function formatReport({ facts, growths, notes }: Findings): string {
  return [
    "# How it grows",
    "What becomes of throughput and latency as one thing grows and everything else stays. Made by " +
    "`deno task bench:growth`; a broker is started anew for every point of every line.",
    formatFacts(facts),
    `*messages/s*: published, confirmed, delivered and acknowledged, ` +
    "all of them accounted for. *broker µs*, *clients µs*: processor time for each message, of the " +
    "broker's process and of the process with publisher and follower. *flush ms*: what one write " +
    "with fdatasync took on the same disk, before and after.",
    ...growths.flatMap((growth) => [
      formatGrowth(growth),
      notes.get(growth.dimension.name) ?? "",
    ]),
  ].filter((part) => part !== "").join("\n\n") + "\n";
}

function formatGrowth({ dimension, readings }: Growth): string {
  const rounds = countRounds(readings);
  const { title, name, description, latency } = dimension;
  return [
    `## ${title}`,
    description,
    `p50 and p99: ${latency}.`,
    `![Throughput](${name}-throughput.svg)`,
    `![Latency](${name}-latency.svg)`,
    `Medians of ${rounds} ${rounds === 1 ? "round" : "rounds"}:`,
    formatReadings(dimension, sumUp(readings)),
  ].join("\n\n");
}

function formatReadings({ label }: Dimension, readings: readonly Reading[]): string {
  const figures = COLUMNS.filter(([figure]) =>
    readings.some(({ figures }) => figures[figure] !== undefined)
  );
  const lines = Map.groupBy(readings, ({ line }) => line);
  return formatColumns([...lines.values()].flat(), [
    ["", ({ line }) => line],
    [label, ({ x }) => x],
    ...figures.map(([figure, head, decimals]): Column<Reading> => {
      return [head, ({ figures }) => figures[figure], decimals];
    }),
  ]);
}

/**
 * Reads notes: what stands below a heading `## <name>` is about that dimension.
 *
 * @param text The notes, as Markdown.
 */
export function readNotes(text: string): Map<string, string> {
  const parts = text.split(/^## /m).slice(1);
  return new Map(parts.map((part) => {
    const end = part.indexOf("\n");
    return [part.slice(0, end).trim(), part.slice(end).trim()];
  }));
}
