import type { Log, LogReader } from "../../../../src/engine/replicated/log.ts";

/** A log of a test, empty at first. */
export interface LogUse extends AsyncDisposable {
  /** A broker's handle on it. */
  open(): Promise<Log>;
  /** Lets time pass until something is settled. */
  until<T>(what: Promise<T>): Promise<T>;
  /** Lets the log lose what is behind a sequence, where a test can do that. */
  shrink?(last: number): void;
}

/** Makes a log, of at most so many bytes. */
export type OpenLogUse = (bytesMax?: number) => Promise<LogUse>;

/** A record of a test: its first byte tells which. */
export function recordOf(what: number, size = 100): Uint8Array {
  const record = new Uint8Array(size);
  for (let index = 0; index < size; index++) record[index] = (what + index * 7) & 0xff;
  return record;
}

/** Registers a test of a log. */
export type LogTest = (what: string, body: (use: LogUse, log: Log) => Promise<void>) => void;

/** Appends records until there are so many. */
export async function fill(use: LogUse, log: Log, upTo: number): Promise<void> {
  const { last } = await use.until(log.bounds());
  for (let sequence = last + 1; sequence <= upTo; sequence++) {
    await use.until(log.append(sequence - 1, recordOf(sequence)));
  }
}

/** Reads a record that is there, by now or soon. */
export async function readSoon(use: LogUse, log: Log, sequence: number): Promise<Uint8Array> {
  for (;;) {
    const record = await use.until(log.read(sequence));
    if (record !== undefined) return record;
  }
}

/** Remembers what it is handed over. */
export class RecordingReader implements LogReader {
  readonly sequences: number[] = [];
  readonly records: Uint8Array[] = [];
  readonly ends: number[] = [];
  first: number | undefined;
  readonly #changed: (reader: RecordingReader) => void;
  #waiting: { isTrue: () => boolean; resolve: () => void }[] = [];

  /** @param changed Is called after each record. */
  constructor(changed: (reader: RecordingReader) => void = () => {}) {
    this.#changed = changed;
  }

  take(sequence: number, record: Uint8Array): void {
    this.sequences.push(sequence);
    this.records.push(record.slice());
    this.#changed(this);
    this.#look();
  }

  trimmed(first: number): void {
    this.first = first;
    this.#look();
  }

  shorter(last: number): void {
    this.ends.push(last);
    this.#look();
  }

  /** Resolves as soon as something is true. */
  when(isTrue: (reader: RecordingReader) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ isTrue: () => isTrue(this), resolve });
    this.#look();
    return promise;
  }

  /** Resolves as soon as it has so many records. */
  whenHas(count: number): Promise<void> {
    return this.when(({ records }) => records.length >= count);
  }

  #look(): void {
    this.#waiting = this.#waiting.filter(({ isTrue, resolve }) => {
      const isOver = isTrue();
      if (isOver) resolve();
      return !isOver;
    });
  }
}
