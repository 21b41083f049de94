import type { Engine, StreamFilter } from "../../../broker/engine.ts";
import type { StreamInfo, StreamTotals } from "../../../../protocol.ts";
import { visitAll } from "../figures/listing.ts";
import { sortInSlices } from "../figures/sorted_rows.ts";
import { writeLabels } from "./metric_text.ts";
import { METRIC_COLUMNS } from "./stream_families.ts";

/** The figures of one stream. */
export interface MetricRow {
  readonly name: string;
  /** The label of the stream, as it is written. */
  readonly label: string;
  /** In the order of the columns; NaN where the stream has no such thing. */
  readonly values: Float64Array;
}

/** The first streams by name, and how many others match. */
export interface FoundRows {
  readonly rows: readonly MetricRow[];
  readonly omitted: number;
}

/** How many rows there must be at least before they are sorted, and those behind the limit are dropped. */
const SORTED_ROWS_MIN = 4096;

function readRow(info: StreamInfo): MetricRow {
  const values = new Float64Array(METRIC_COLUMNS.length);
  for (let index = 0; index < values.length; index++) {
    values[index] = METRIC_COLUMNS[index]!.read(info) ?? NaN;
  }
  return { name: info.name, label: writeLabels("stream", info.name), values };
}

/**
 * Finds the first streams by name.
 *
 * @param limit The most streams.
 */
export async function findRows(
  engine: Pick<Engine, "listStreams">,
  limit: number,
  filter?: StreamFilter,
): Promise<FoundRows> {
  let rows: MetricRow[] = [];
  let count = 0;
  // Not each time that there is one too many: that would be quadratic.
  const rowsMax = Math.max(2 * limit, SORTED_ROWS_MIN);
  const cut = async () => rows = (await sortInSlices(rows, ({ name }) => name)).slice(0, limit);
  const list = async (after: number) => {
    if (rows.length > rowsMax) await cut();
    return await engine.listStreams(after, filter);
  };
  await visitAll(list, (info) => {
    count++;
    rows.push(readRow(info));
  });
  await cut();
  return { rows, omitted: count - rows.length };
}

/** Sums up the figures of all streams, as the columns say. */
export async function sumRows(
  engine: Pick<Engine, "listStreams">,
  totals: () => StreamTotals,
): Promise<Float64Array> {
  const sums = new Float64Array(METRIC_COLUMNS.length);
  await visitAll((after) => engine.listStreams(after), (info) => {
    for (let index = 0; index < sums.length; index++) {
      const { together, read } = METRIC_COLUMNS[index]!;
      if (together === "sum") sums[index]! += read(info) ?? 0;
      else if (together === "largest") sums[index] = Math.max(sums[index]!, read(info) ?? 0);
    }
  });
  for (const [index, { together }] of METRIC_COLUMNS.entries()) {
    if (typeof together === "function") sums[index] = together(totals());
  }
  return sums;
}
