import type { Engine } from "../../../../broker/engine.ts";
import { TimeSlices } from "../../figures/time_slices.ts";
import { PeekedEntry } from "./peeked_entry.ts";

/** How many messages one request looks at, and after how long it reads no more, in milliseconds. */
const SCANNED_MAX = 5000;
const SCAN_MS_MAX = 100;

/** How many messages are read at once. */
const READ_COUNT = 250;

/** The part of a stream that is looked at. */
export interface ScanRange {
  /** The first id. */
  readonly from: number;
  /** The first id that is not looked at: without it, the next one that the stream will give. */
  readonly until: number | undefined;
}

/** What was looked at. */
export interface Scan {
  readonly scanned: number;
  readonly from: number;
  readonly until: number;
  /** Where to go on; undefined if there is nothing more. */
  readonly next: number | undefined;
}

/**
 * Looks at messages of a stream, for a limited time. Whoever asks goes on with another request, or does not:
 * nothing runs on for somebody who has left.
 *
 * @param engine The engine as the user may use it.
 * @param look Looks at a message; returns whether to look at more.
 */
export async function scanMessages(
  engine: Pick<Engine, "peek" | "getStream">,
  name: string,
  { from, until: wanted }: ScanRange,
  look: (entry: PeekedEntry) => boolean,
): Promise<Scan> {
  const until = wanted ?? (await engine.getStream(name)).nextId;
  const slices = new TimeSlices();
  let scanned = 0;
  let next = from;
  let endsAt = 0;
  while (next < until) {
    const entries = PeekedEntry.list(await engine.peek(name, next, READ_COUNT));
    // A busy broker's wait for the first messages does not count: it would look at one for each request.
    if (scanned === 0) endsAt = performance.now() + SCAN_MS_MAX;
    if (entries.length === 0) return { scanned, from, until, next: undefined };
    for (const entry of entries) {
      if (entry.info.id >= until) return { scanned, from, until, next: undefined };
      next = entry.info.id + 1;
      scanned++;
      const isEnough = !look(entry) || scanned >= SCANNED_MAX;
      if (isEnough) return { scanned, from, until, next: next < until ? next : undefined };
      if (slices.isOver) await slices.next();
    }
    if (performance.now() >= endsAt) break;
  }
  return { scanned, from, until, next: next < until ? next : undefined };
}
