import type { StreamInfo } from "../../../../../protocol.ts";
import { TextMap } from "../../../../broker/collections/text_map.ts";
import type { Engine } from "../../../../broker/engine.ts";
import { History, type HistoryColumns } from "./history.ts";
import { findRates, type StreamRates } from "./stream_rows.ts";

const COLUMNS = ["published", "delivered", "acknowledged", "ready", "pending"] as const;

/** How many streams have a history at a time. */
const WATCHED_MAX = 100;

/** How long a stream keeps its history when nobody asks for it, in milliseconds. */
const KEEP_MS = 15_000;

/** A stream that somebody looks at. */
interface Watched {
  readonly history: History<typeof COLUMNS[number]>;
  totals: StreamRates;
  /** When the last point was added. */
  at: number;
  askedAt: number;
}

/** Keeps histories of the streams that somebody looks at, a point a second. */
export class StreamWatch {
  readonly #engine: Engine;
  readonly #dateNow: () => number;
  readonly #watched = new TextMap<Watched>();

  /** @param engine The bare engine. */
  constructor(engine: Engine, dateNow: () => number) {
    this.#engine = engine;
    this.#dateNow = dateNow;
  }

  get count(): number {
    return this.#watched.size;
  }

  /** Tells the history of a stream, and keeps it for another while. A first look has one point, without rates. */
  tell(info: StreamInfo, now: number): HistoryColumns {
    const known = this.#watched.get(info.name);
    const watched = known ??
      { history: new History(COLUMNS), totals: info.totals, at: now, askedAt: now };
    watched.askedAt = now;
    if (known === undefined) {
      this.#add(watched, info, now);
      this.#watched.set(info.name, watched);
      this.#makeRoom();
    }
    return watched.history.tell();
  }

  /** Adds a point to each, and forgets those that nobody has asked for. */
  tick(now: number): void {
    for (const [name, watched] of [...this.#watched]) {
      if (now - watched.askedAt >= KEEP_MS || !this.#engine.hasStream(name)) {
        this.#watched.delete(name);
        continue;
      }
      this.#engine.getStream(name).then(
        (info) => this.#add(watched, info, now),
        // It was deleted meanwhile.
        () => this.#watched.delete(name),
      );
    }
  }

  #add(watched: Watched, info: StreamInfo, now: number): void {
    const { published, delivered, acknowledged } = info.totals;
    const totals = { published, delivered, acknowledged };
    const seconds = (now - watched.at) / 1000;
    const rates = seconds > 0 ? findRates(watched.totals, totals, seconds) : undefined;
    watched.totals = totals;
    watched.at = now;
    watched.history.add(this.#dateNow(), {
      published: rates?.published ?? NaN,
      delivered: rates?.delivered ?? NaN,
      acknowledged: rates?.acknowledged ?? NaN,
      ready: info.ready,
      pending: info.pending,
    });
  }

  /** Forgets the stream that was asked for longest ago, if there are too many. */
  #makeRoom(): void {
    if (this.#watched.size <= WATCHED_MAX) return;
    const [[oldest] = [""]] = [...this.#watched].sort(([, one], [, other]) =>
      one.askedAt - other.askedAt
    );
    this.#watched.delete(oldest);
  }
}
