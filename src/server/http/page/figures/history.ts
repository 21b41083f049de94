/** How many points a history has at most: ten minutes. */
export const HISTORY_LENGTH = 600;

/** The time between two points, in milliseconds. */
export const HISTORY_STEP_MS = 1000;

/** A history as it is told: columns of one length, the oldest point first; `null` where nothing is known. */
export interface HistoryColumns {
  readonly stepMs: number;
  readonly at: readonly number[];
  readonly [column: string]: number | readonly (number | null)[];
}

/** A point of a history: a value for each column, `NaN` where nothing is known. */
export type HistoryPoint<Column extends string> = Readonly<Record<Column, number>>;

/** The last ten minutes of some figures, a point a second. */
export class History<Column extends string> {
  readonly columns: readonly Column[];
  /** The times, and then a row for each column; the points are a ring. */
  readonly #values: Float64Array;
  #count = 0;
  #next = 0;

  constructor(columns: readonly Column[]) {
    this.columns = columns;
    this.#values = new Float64Array(HISTORY_LENGTH * (columns.length + 1));
  }

  /** How many points there are. */
  get count(): number {
    return this.#count;
  }

  /** Adds a point, in place of the oldest one if there is no room. */
  add(at: number, point: HistoryPoint<Column>): void {
    this.#values[this.#next] = at;
    for (const [index, column] of this.columns.entries()) {
      this.#values[(index + 1) * HISTORY_LENGTH + this.#next] = point[column];
    }
    this.#next = (this.#next + 1) % HISTORY_LENGTH;
    this.#count = Math.min(HISTORY_LENGTH, this.#count + 1);
  }

  /** All points, the oldest first. */
  tell(): HistoryColumns {
    const told: Record<string, (number | null)[]> = {};
    for (const [index, column] of this.columns.entries()) {
      told[column] = this.#read(index + 1).map(roundFigure);
    }
    return { stepMs: HISTORY_STEP_MS, at: this.#read(0), ...told };
  }

  #read(row: number): number[] {
    const start = row * HISTORY_LENGTH;
    const values = this.#values.subarray(start, start + HISTORY_LENGTH);
    const oldest = this.#count < HISTORY_LENGTH ? 0 : this.#next;
    return [...values.subarray(oldest, this.#count), ...values.subarray(0, oldest)];
  }
}

/** A figure as it is told: rounded to what people read; `null` if it is not known. */
export function roundFigure(value: number): number | null {
  if (!Number.isFinite(value)) return null;
  return Number.isInteger(value) ? value : Number(value.toPrecision(4));
}
