import type { HttpParts } from "../http_route.ts";
import { BROKER_FAMILIES } from "./broker_families.ts";
import { findSource, isElsewhere, isHistogram } from "./broker_family.ts";
import { type MetricFamily, writeFamily, writeHistogram, writeSample } from "./metric_text.ts";
import { STREAM_FAMILIES } from "./stream_families.ts";
import { TimeSlices } from "../figures/time_slices.ts";
import { type FoundRows, sumRows } from "./metric_rows.ts";

/** How many streams are skipped on the second page, by the limit. */
export const OMITTED_FAMILY: MetricFamily = {
  name: "simplemq_streams_omitted",
  type: "gauge",
  help: "Streams that match and are left out, since there are more than the limit",
};

/** How long the pieces of a page are, in characters. */
const PIECE_LENGTH = 32 * 1024;

/** Writes the figures of the broker as a whole; a standby's has no streams. */
export async function writeBrokerPage(parts: HttpParts): Promise<string> {
  const texts = isElsewhere(parts) ? [] : await writeSums(parts);
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

/** Writes the sums of all streams. */
async function writeSums({ engine }: HttpParts): Promise<string[]> {
  const sums = await sumRows(engine, () => engine.counters.totals);
  const texts: string[] = [];
  let column = 0;
  for (const family of STREAM_FAMILIES) {
    texts.push(writeFamily(family));
    for (const { labels } of family.columns) {
      texts.push(writeSample(family.name, labels, sums[column++]!));
    }
  }
  return texts;
}

/**
 * Writes the figures of single streams, piece by piece and in slices of time: thousands of streams make
 * megabytes, and written at once they would keep the broker from its work, and its memory.
 */
export async function* writeStreamPage({ rows, omitted }: FoundRows): AsyncGenerator<string> {
  const slices = new TimeSlices();
  let text = writeFamily(OMITTED_FAMILY) + writeSample(OMITTED_FAMILY.name, "", omitted);
  let column = 0;
  for (const family of STREAM_FAMILIES) {
    text += writeFamily(family);
    for (const { labels } of family.columns) {
      const more = labels === "" ? "" : `,${labels}`;
      for (const { label, values } of rows) {
        const value = values[column]!;
        if (!Number.isNaN(value)) text += writeSample(family.name, label + more, value);
        if (text.length >= PIECE_LENGTH) {
          yield text;
          text = "";
        }
        if (slices.isOver) await slices.next();
      }
      column++;
    }
  }
  yield text;
}
