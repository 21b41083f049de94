import type { Engine } from "../../../../broker/engine.ts";
import { History, type HistoryColumns, type HistoryPoint, roundFigure } from "./history.ts";
import { type Buckets, QuantileReader } from "./quantile.ts";
import { findRates, type StreamRates } from "./stream_rows.ts";
import { roundRates, type StreamSums } from "./stream_sums.ts";

/** What the page shows of the whole broker; rates a second, numbers of messages, and milliseconds. */
const COLUMNS = [
  "published",
  "delivered",
  "acknowledged",
  "ready",
  "pending",
  "confirmP50",
  "confirmP99",
  "flushP99",
] as const;

type Column = typeof COLUMNS[number];

/** Where the history comes from. */
export interface BrokerHistoryParts {
  /** The bare engine. */
  readonly engine: Pick<Engine, "counters">;
  /** How long confirms took, in seconds. */
  readonly confirm: Buckets;
  /** The sums of all streams, if they were added up lately. */
  readonly findSums: (now: number) => StreamSums | undefined;
  readonly dateNow: () => number;
}

/**
 * The last ten minutes of the broker, a point a second, whether somebody looks or not. It lists nothing:
 * what needs a list of streams is there while somebody looks, and for minutes after.
 */
export class BrokerHistory {
  readonly #parts: BrokerHistoryParts;
  readonly #history = new History<Column>(COLUMNS);
  readonly #confirm: QuantileReader;
  readonly #flush: QuantileReader | undefined;
  #totals: StreamRates;
  #at: number;
  /** The newest point; undefined before the first one. */
  #point: { readonly at: number; readonly point: HistoryPoint<Column> } | undefined;

  constructor(parts: BrokerHistoryParts, now: number) {
    const { totals, journal } = parts.engine.counters;
    this.#parts = parts;
    this.#confirm = new QuantileReader(parts.confirm);
    this.#flush = journal && new QuantileReader(journal.flush);
    this.#totals = copyTotals(totals);
    this.#at = now;
  }

  /** Adds a point. */
  tick(now: number): void {
    const { engine, findSums, dateNow } = this.#parts;
    const totals = copyTotals(engine.counters.totals);
    const rates = findRates(this.#totals, totals, (now - this.#at) / 1000);
    const sums = findSums(now);
    const [confirmP50 = NaN, confirmP99 = NaN] = this.#confirm.read([0.5, 0.99]);
    const [flushP99 = NaN] = this.#flush?.read([0.99]) ?? [];
    this.#totals = totals;
    this.#at = now;
    const point = {
      published: rates?.published ?? NaN,
      delivered: rates?.delivered ?? NaN,
      acknowledged: rates?.acknowledged ?? NaN,
      ready: sums?.ready ?? NaN,
      pending: sums?.pending ?? NaN,
      confirmP50: confirmP50 * 1000,
      confirmP99: confirmP99 * 1000,
      flushP99: flushP99 * 1000,
    };
    this.#point = { at: dateNow(), point };
    this.#history.add(this.#point.at, point);
  }

  /** All points. */
  tell(): HistoryColumns {
    return this.#history.tell();
  }

  /** The rates of the newest point, as they are told; undefined before the first one. */
  tellRates(): StreamRates | undefined {
    const point = this.#point?.point;
    return point === undefined || Number.isNaN(point.published) ? undefined : roundRates(point);
  }

  /** The newest point as it is told; `null` before the first one. */
  tellPoint(): Record<string, number | null> | null {
    if (this.#point === undefined) return null;
    const { at, point } = this.#point;
    const told: Record<string, number | null> = { at };
    for (const column of COLUMNS) told[column] = roundFigure(point[column]);
    return told;
  }
}

function copyTotals({ published, delivered, acknowledged }: StreamRates): StreamRates {
  return { published, delivered, acknowledged };
}
