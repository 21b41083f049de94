import { type ListPage, visitAll } from "./listing.ts";
import { SortedRows } from "./sorted_rows.ts";

/** How old a long snapshot may be that is shown again, in milliseconds. */
const FRESH_MS = 900;

/** How many rows make it a millisecond: what is short is taken anew, so that people see what they have changed. */
const FRESH_ROWS_PER_MS = 2;

/** The least time over which rates are found, in milliseconds. */
const RATE_MS_MIN = 900;

/** Rates over a longer time than this, in milliseconds, would tell nothing about now. */
const RATE_MS_MAX = 30_000;

/** How long snapshots are kept when nobody asks for them, in milliseconds. */
const KEEP_MS = 60_000;

/** Where the rows of a snapshot come from. */
export interface SnapshotSource<Raw, Row> {
  /** Lists a page of what there is. */
  readonly list: ListPage<Raw>;
  /** Whether a row of the snapshot before is about the same. */
  readonly isSame: (raw: Raw, row: Row) => boolean;
  /**
   * Makes a row.
   *
   * @param before The row of the snapshot before, if there is one.
   * @param seconds The time since then.
   */
  readonly make: (raw: Raw, before: Row | undefined, seconds: number) => Row;
  readonly now: () => number;
}

/** All rows as they were at one time. */
export interface Snapshot<Row> {
  /** When it was complete, by the clock that never goes back. */
  readonly at: number;
  readonly rows: SortedRows<Row>;
}

/**
 * Takes snapshots of lists, in slices, and only when somebody asks: of long lists at most one a second, for
 * everybody. Rates come from two of them.
 */
export class Snapshots<Raw, Row> {
  readonly #source: SnapshotSource<Raw, Row>;
  #latest: Snapshot<Row> | undefined;
  /** The one from which rates count. */
  #base: Snapshot<Row> | undefined;
  #taking: Promise<Snapshot<Row>> | undefined;
  #askedAt = -Infinity;

  constructor(source: SnapshotSource<Raw, Row>) {
    this.#source = source;
  }

  /** The last one, however old. */
  get latest(): Snapshot<Row> | undefined {
    return this.#latest;
  }

  /** Returns a snapshot that is not older than a second; the shorter it is, the newer. */
  async get(): Promise<Snapshot<Row>> {
    const now = this.#source.now();
    this.#askedAt = now;
    const latest = this.#latest;
    const rowCount = latest?.rows.all.length ?? 0;
    const freshMs = Math.min(FRESH_MS, rowCount / FRESH_ROWS_PER_MS);
    if (latest !== undefined && now - latest.at < freshMs) return latest;
    this.#taking ??= this.#take().finally(() => this.#taking = undefined);
    return await this.#taking;
  }

  /** Forgets what nobody has asked for lately. */
  tick(now: number): void {
    if (now - this.#askedAt > KEEP_MS) this.#latest = this.#base = undefined;
  }

  async #take(): Promise<Snapshot<Row>> {
    const { list, isSame, make, now } = this.#source;
    const latest = this.#latest;
    if (latest !== undefined && now() - latest.at >= RATE_MS_MIN) this.#base = latest;
    this.#base ??= latest;
    const ageMs = this.#base === undefined ? Infinity : now() - this.#base.at;
    const isUseful = ageMs >= RATE_MS_MIN && ageMs <= RATE_MS_MAX;
    const known = isUseful ? this.#base!.rows.all : [];
    const rows: Row[] = [];
    // Both are in one order, so that a row is found behind the one that was found before it.
    let knownAt = 0;
    await visitAll(list, (raw) => {
      while (knownAt < known.length && !isSame(raw, known[knownAt]!)) knownAt++;
      rows.push(make(raw, known[knownAt], ageMs / 1000));
      knownAt++;
    });
    this.#latest = { at: now(), rows: new SortedRows(rows) };
    return this.#latest;
  }
}
