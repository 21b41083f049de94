import { setImmediate } from "node:timers";
import type { Engine, StreamFilter } from "../../../broker/engine.ts";
import type { StreamTotals } from "../../../../protocol.ts";
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

/** Reads the figures of all streams page by page, with a turn of the event loop between. */
async function* readPages(
  engine: Pick<Engine, "listStreams">,
  filter?: StreamFilter,
): AsyncGenerator<StreamRow[]> {
  for (let after: number | undefined = 0; after !== undefined;) {
    const page: Awaited<ReturnType<Engine["listStreams"]>> = await engine.listStreams(
      after,
      filter,
    );
    yield page.items.map((info) => ({
      name: info.name,
      values: Float64Array.from(STREAM_COLUMNS, ({ read }) => read(info)),
    }));
    after = page.next;
    if (after !== undefined) await nextSlice();
  }
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
  for await (const page of readPages(engine, filter)) {
    count += page.length;
    page.sort((one, other) => one.name < other.name ? -1 : 1);
    rows = merge(rows, page, limit);
  }
  return { rows, omitted: count - rows.length };
}

/** Sums up the figures of all streams, as the columns say. */
export async function sumRows(
  engine: Pick<Engine, "listStreams">,
  totals: () => StreamTotals,
): Promise<Float64Array> {
  const sums = new Float64Array(STREAM_COLUMNS.length);
  for await (const page of readPages(engine)) {
    for (const { values } of page) {
      for (const [index, { together }] of STREAM_COLUMNS.entries()) {
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
