import type { HttpParts } from "../http_route.ts";
import { BROKER_FAMILIES, findSource, isHistogram } from "./broker_families.ts";
import {
  type MetricFamily,
  writeFamily,
  writeHistogram,
  writeLabels,
  writeSample,
} from "./metric_text.ts";
import { STREAM_FAMILIES } from "./stream_families.ts";
import { type FoundRows, nextSlice, type StreamRow, sumRows } from "./stream_rows.ts";

/** How many streams are skipped on the second page, by the limit. */
export const OMITTED_FAMILY: MetricFamily = {
  name: "simplemq_streams_omitted",
  type: "gauge",
  help: "Streams that match and are left out, since there are more than the limit",
};

/** How many lines are written between two turns of the event loop: about half a millisecond. */
const LINES_PER_SLICE = 1000;

/** Writes the figures of the broker as a whole. */
export async function writeBrokerPage(parts: HttpParts): Promise<string> {
  const sums = await sumRows(parts.engine, () => parts.engine.counters.totals);
  const texts: string[] = [];
  let column = 0;
  for (const family of STREAM_FAMILIES) {
    texts.push(writeFamily(family));
    for (const { labels } of family.columns) {
      texts.push(writeSample(family.name, labels, sums[column++]!));
    }
  }
  const source = findSource(parts);
  for (const family of BROKER_FAMILIES) {
    const read = family.read(source);
    if (read === undefined) continue;
    texts.push(writeFamily(family));
    if (isHistogram(read)) texts.push(writeHistogram(family.name, read));
    else {
      for (const [labels, value] of read) {
        if (value !== undefined) texts.push(writeSample(family.name, labels, value));
      }
    }
  }
  return texts.join("");
}

/**
 * Writes the figures of single streams, in slices with a turn of the event loop between: thousands of
 * streams make megabytes, and written at once they would keep the broker from its work.
 */
export async function* writeStreamPage({ rows, omitted }: FoundRows): AsyncGenerator<string> {
  yield writeFamily(OMITTED_FAMILY) + writeSample(OMITTED_FAMILY.name, "", omitted);
  let column = 0;
  for (const family of STREAM_FAMILIES) {
    yield writeFamily(family);
    for (const { labels } of family.columns) {
      for (let from = 0; from < rows.length; from += LINES_PER_SLICE) {
        const slice = rows.slice(from, from + LINES_PER_SLICE);
        await nextSlice();
        yield writeRows(family.name, labels, column, slice);
      }
      column++;
    }
  }
}

function writeRows(
  name: string,
  labels: string,
  column: number,
  rows: readonly StreamRow[],
): string {
  const more = labels === "" ? "" : `,${labels}`;
  let text = "";
  for (const row of rows) {
    text += writeSample(name, writeLabels("stream", row.name) + more, row.values[column]!);
  }
  return text;
}
