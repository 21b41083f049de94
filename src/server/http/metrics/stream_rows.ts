import { setImmediate } from "node:timers";
import type { Engine, StreamFilter } from "../../../broker/engine.ts";
import type { StreamInfo, StreamTotals } from "../../../../protocol.ts";
import { STREAM_COLUMNS } from "./stream_families.ts";

/** The figures of one stream. */
export interface StreamRow {
  readonly name: string;
  /** In the order of the columns. */
  readonly values: Float64Array;
}

/** The first streams by name, and how many others match. */
export interface FoundRows {
  readonly rows: readonly StreamRow[];
  readonly omitted: number;
}

/** Lets the event loop turn: what comes after it is another slice of the work. */
export function nextSlice(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** How many streams are read between two turns of the event loop: about half a millisecond. */
const STREAMS_PER_SLICE = 250;

/** Reads the figures of all streams, some at a time, with a turn of the event loop between. */
async function* readSlices(
  engine: Pick<Engine, "listStreams">,
  filter?: StreamFilter,
): AsyncGenerator<StreamRow[]> {
  for (let after: number | undefined = 0; after !== undefined;) {
    const page: Awaited<ReturnType<Engine["listStreams"]>> = await engine.listStreams(
      after,
      filter,
    );
    for (let from = 0; from < page.items.length; from += STREAMS_PER_SLICE) {
      if (from > 0) await nextSlice();
      yield page.items.slice(from, from + STREAMS_PER_SLICE).map(readRow);
    }
    after = page.next;
    if (after !== undefined) await nextSlice();
  }
}

function readRow(info: StreamInfo): StreamRow {
  const values = new Float64Array(STREAM_COLUMNS.length);
  for (let index = 0; index < values.length; index++) {
    values[index] = STREAM_COLUMNS[index]!.read(info);
  }
  return { name: info.name, values };
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
  let rows: StreamRow[] = [];
  let count = 0;
  for await (const more of readSlices(engine, filter)) {
    count += more.length;
    more.sort((one, other) => one.name < other.name ? -1 : 1);
    rows = merge(rows, more, limit);
  }
  return { rows, omitted: count - rows.length };
}

/** Sums up the figures of all streams, as the columns say. */
export async function sumRows(
  engine: Pick<Engine, "listStreams">,
  totals: () => StreamTotals,
): Promise<Float64Array> {
  const sums = new Float64Array(STREAM_COLUMNS.length);
  for await (const rows of readSlices(engine)) {
    for (const { values } of rows) {
      for (let index = 0; index < values.length; index++) {
        const { together } = STREAM_COLUMNS[index]!;
        if (together === "sum") sums[index]! += values[index]!;
        else if (together === "largest") sums[index] = Math.max(sums[index]!, values[index]!);
      }
    }
  }
  for (const [index, { together }] of STREAM_COLUMNS.entries()) {
    if (typeof together === "function") sums[index] = together(totals());
  }
  return sums;
}

/** Merges sorted rows, up to a limit. */
function merge(ones: StreamRow[], others: StreamRow[], limit: number): StreamRow[] {
  if (ones.length === 0) return others.slice(0, limit);
  const merged: StreamRow[] = [];
  let [one, other] = [0, 0];
  while (merged.length < limit && (one < ones.length || other < others.length)) {
    const isOne = other === others.length ||
      (one < ones.length && ones[one]!.name < others[other]!.name);
    merged.push(isOne ? ones[one++]! : others[other++]!);
  }
  return merged;
}
