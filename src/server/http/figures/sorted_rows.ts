import { TimeSlices } from "./time_slices.ts";

/** The rows that are sorted at once, and among which the time is not looked at. */
const CHUNK = 512;

/** What a column shows of a row. */
export type Column<Row> = (row: Row) => number | string;

/** Which rows are shown. */
export interface RowChoice<Row> {
  readonly column: Column<Row>;
  readonly isDescending: boolean;
  readonly offset: number;
  readonly limit: number;
  /** Whether a row is there at all, for whoever asks. */
  readonly isSeen: (row: Row) => boolean;
  /** Whether it is one of those that are looked for. */
  readonly isWanted: (row: Row) => boolean;
}

/** The rows that were chosen. */
export interface ChosenRows<Row> {
  /** How many there are for whoever asks. */
  readonly total: number;
  /** How many of these are looked for. */
  readonly matched: number;
  readonly rows: readonly Row[];
}

/** Rows that can be shown by any column. All work is done in slices; an order is kept for the next question. */
export class SortedRows<Row> {
  /** The rows in their first order. */
  readonly all: readonly Row[];
  /** The orders that were asked for, each for one column; rows of equal value are in their first order. */
  readonly #orders = new Map<Column<Row>, Promise<readonly Row[]>>();

  constructor(rows: readonly Row[]) {
    this.all = rows;
  }

  /** Chooses a page of rows. */
  async choose(choice: RowChoice<Row>): Promise<ChosenRows<Row>> {
    const { column, isDescending, offset, limit, isSeen, isWanted } = choice;
    const ordered = await this.#order(column);
    const slices = new TimeSlices();
    const rows: Row[] = [];
    let total = 0;
    let matched = 0;
    for (let index = 0; index < ordered.length; index++) {
      const row = ordered[isDescending ? ordered.length - 1 - index : index]!;
      if (index % 32 === 0 && slices.isOver) await slices.next();
      if (!isSeen(row)) continue;
      total++;
      if (!isWanted(row)) continue;
      if (matched >= offset && rows.length < limit) rows.push(row);
      matched++;
    }
    return { total, matched, rows };
  }

  #order(column: Column<Row>): Promise<readonly Row[]> {
    let order = this.#orders.get(column);
    if (order === undefined) this.#orders.set(column, order = sortInSlices(this.all, column));
    return order;
  }
}

/**
 * Sorts rows by a column, in slices; rows of equal value keep their order. It sorts chunks, and merges
 * neighbours until one is left.
 */
export async function sortInSlices<Row>(
  all: readonly Row[],
  column: Column<Row>,
): Promise<Row[]> {
  const slices = new TimeSlices();
  let parts: Row[][] = [];
  for (let start = 0; start < all.length; start += CHUNK) {
    const compare = (one: Row, other: Row) => {
      const [a, b] = [column(one), column(other)];
      return a < b ? -1 : a > b ? 1 : 0;
    };
    parts.push(all.slice(start, start + CHUNK).sort(compare));
    if (slices.isOver) await slices.next();
  }
  while (parts.length > 1) {
    const merged: Row[][] = [];
    for (let index = 0; index < parts.length; index += 2) {
      const [one, other] = [parts[index]!, parts[index + 1]];
      merged.push(other === undefined ? one : await merge(one, other, column, slices));
    }
    parts = merged;
  }
  return parts[0] ?? [];
}

async function merge<Row>(
  one: readonly Row[],
  other: readonly Row[],
  column: Column<Row>,
  slices: TimeSlices,
): Promise<Row[]> {
  const merged: Row[] = [];
  let [at, otherAt] = [0, 0];
  while (at < one.length || otherAt < other.length) {
    const isFirst = otherAt === other.length ||
      at < one.length && column(one[at]!) <= column(other[otherAt]!);
    merged.push(isFirst ? one[at++]! : other[otherAt++]!);
    if (merged.length % CHUNK === 0 && slices.isOver) await slices.next();
  }
  return merged;
}
