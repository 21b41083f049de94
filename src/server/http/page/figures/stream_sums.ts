import { roundFigure } from "./history.ts";
import type { StreamRates, StreamRow } from "./stream_rows.ts";
import { TimeSlices } from "../../figures/time_slices.ts";

/** The sums of some streams. */
export interface StreamSums {
  readonly streams: number;
  /** How many of them hold dead letters. */
  readonly deadStreams: number;
  readonly ready: number;
  readonly delayed: number;
  readonly pending: number;
  readonly parked: number;
  readonly followers: number;
  readonly bytes: number;
  /** The messages in streams of dead letters. */
  readonly deadLetters: number;
  /** The longest that a ready message has been there, in milliseconds. */
  readonly oldestReadyMs?: number;
  readonly rates: StreamRates | null;
}

/** Adds up streams while they are looked at one by one. */
export class StreamSummer {
  #sums = {
    streams: 0,
    deadStreams: 0,
    ready: 0,
    delayed: 0,
    pending: 0,
    parked: 0,
    followers: 0,
    bytes: 0,
    deadLetters: 0,
  };
  #oldestReadyMs = -1;
  #rates: { published: number; delivered: number; acknowledged: number } | undefined;

  add(row: StreamRow): void {
    const sums = this.#sums;
    sums.streams++;
    sums.ready += row.ready;
    sums.delayed += row.delayed;
    sums.pending += row.pending;
    sums.parked += row.parked;
    sums.followers += row.followers;
    sums.bytes += row.bytes;
    // Dead letters wait for people: their age says nothing about followers.
    if (row.isDead) {
      sums.deadStreams++;
      sums.deadLetters += row.ready + row.delayed + row.pending;
    } else this.#oldestReadyMs = Math.max(this.#oldestReadyMs, row.oldestReadyMs ?? -1);
    if (row.rates === undefined) return;
    this.#rates ??= { published: 0, delivered: 0, acknowledged: 0 };
    this.#rates.published += row.rates.published;
    this.#rates.delivered += row.rates.delivered;
    this.#rates.acknowledged += row.rates.acknowledged;
  }

  tell(): StreamSums {
    return {
      ...this.#sums,
      ...this.#oldestReadyMs >= 0 && { oldestReadyMs: this.#oldestReadyMs },
      rates: this.#rates === undefined ? null : roundRates(this.#rates),
    };
  }
}

/** Adds up the streams that somebody sees, in slices. */
export async function sumStreams(
  rows: readonly StreamRow[],
  isSeen: (row: StreamRow) => boolean,
): Promise<StreamSums> {
  const slices = new TimeSlices();
  const summer = new StreamSummer();
  for (const [index, row] of rows.entries()) {
    if (index % 32 === 0 && slices.isOver) await slices.next();
    if (isSeen(row)) summer.add(row);
  }
  return summer.tell();
}

/** Rates as they are told. */
export function roundRates(rates: StreamRates): StreamRates {
  return {
    published: roundFigure(rates.published) ?? 0,
    delivered: roundFigure(rates.delivered) ?? 0,
    acknowledged: roundFigure(rates.acknowledged) ?? 0,
  };
}
