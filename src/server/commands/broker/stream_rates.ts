import type { StreamInfo } from "../../../../protocol.ts";

/** What a stream does at the moment. */
export interface StreamRate {
  readonly name: string;
  /** Messages that come in, each second. */
  readonly in: number;
  /** Deliveries to followers, each second. */
  readonly out: number;
  readonly ready: number;
  readonly pending: number;
  readonly delayed: number;
  readonly followers: number;
  /** How long the oldest ready message has been stored, in milliseconds. */
  readonly oldestReadyMs?: number | undefined;
  readonly isPaused: boolean;
  /** Whether its breaker is open; then only probes are delivered. */
  readonly isBroken?: boolean;
}

/** All streams together. */
export interface RateSum {
  readonly streams: number;
  readonly in: number;
  readonly out: number;
  readonly ready: number;
  readonly pending: number;
  readonly delayed: number;
  readonly oldestReadyMs?: number | undefined;
}

/** The totals of a stream at the last look. */
interface Totals {
  readonly published: number;
  readonly delivered: number;
}

/** Makes rates of what streams tell from time to time. */
export class StreamRates {
  #before: ReadonlyMap<string, Totals> = new Map();
  #at: number | undefined;

  /**
   * Takes a look.
   *
   * @param streams All streams, as the broker describes them.
   * @param at The time of the look, in milliseconds.
   * @returns Their rates since the last look; at the first one all are 0.
   */
  look(streams: readonly StreamInfo[], at: number): StreamRate[] {
    const seconds = this.#at === undefined ? Infinity : Math.max(1, at - this.#at) / 1000;
    const before = this.#before;
    this.#before = new Map(streams.map(({ name, totals }) => [name, totals]));
    this.#at = at;
    return streams.map((stream) => {
      const { name, totals, ready, pending, delayed, followers, oldestReadyMs, isPaused } = stream;
      // A stream that is new, or was made again, has begun at 0 since.
      const known = before.get(name);
      const since = known !== undefined && known.published <= totals.published &&
          known.delivered <= totals.delivered
        ? known
        : { published: 0, delivered: 0 };
      return {
        name,
        in: (totals.published - since.published) / seconds,
        out: (totals.delivered - since.delivered) / seconds,
        ready,
        pending,
        delayed,
        followers,
        oldestReadyMs,
        isPaused,
        isBroken: stream.breaker !== undefined,
      };
    });
  }
}

/** Sums up the rates of all streams. */
export function sumRates(rates: readonly StreamRate[]): RateSum {
  const sum = { streams: rates.length, in: 0, out: 0, ready: 0, pending: 0, delayed: 0 };
  let oldestReadyMs: number | undefined;
  for (const rate of rates) {
    sum.in += rate.in;
    sum.out += rate.out;
    sum.ready += rate.ready;
    sum.pending += rate.pending;
    sum.delayed += rate.delayed;
    if ((rate.oldestReadyMs ?? -1) > (oldestReadyMs ?? -1)) oldestReadyMs = rate.oldestReadyMs;
  }
  return { ...sum, oldestReadyMs };
}

/** What streams are sorted by. */
export const RATE_ORDERS = ["ready", "in", "out", "pending", "delayed", "oldest", "name"] as const;

/** One of the {@linkcode RATE_ORDERS}. */
export type RateOrder = typeof RATE_ORDERS[number];

/** Sorts by name, or the largest first. */
export function sortRates(rates: readonly StreamRate[], order: RateOrder): StreamRate[] {
  const figure = (rate: StreamRate) => {
    if (order === "name") return 0;
    return order === "oldest" ? rate.oldestReadyMs ?? -1 : rate[order];
  };
  return rates.toSorted((one, other) =>
    figure(other) - figure(one) || (one.name < other.name ? -1 : 1)
  );
}

/** What somebody should look at, in a word or two; nothing if all is well. */
export function noteOf(
  { isPaused, isBroken, ready, followers, pending, out }: StreamRate,
): string {
  if (isPaused) return "paused";
  if (isBroken) return "breaker open";
  if (ready > 0 && followers === 0) return "no follower";
  if (ready > 0 && pending > 0 && out === 0) return "nothing moves";
  return "";
}
