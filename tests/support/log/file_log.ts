/**
 * A log in a file of a directory. Several brokers of one process may use it, each by a handle of its own, and, where
 * that is said, those of several processes.
 *
 * ```text
 * records     length (4 bytes), record, length, record …   never rewritten
 * first       the first sequence, as text
 * announced   what brokers have announced, a line of JSON each
 * ```
 *
 * @module
 */

import {
  type Log,
  type LogBounds,
  type LogFollowing,
  type LogReader,
  RefusedError,
} from "../../../src/engine/replicated/log.ts";
import { requireExpected, requireSequence } from "./log_arguments.ts";

/** How a log is opened. */
export interface FileLogOptions {
  /** The most bytes it may have; no end by default. */
  readonly bytesMax?: number | undefined;
  /** Whether other processes use it, too. */
  readonly isShared?: boolean;
}

/** The handles of this process, by directory. */
const handles = new Map<string, Set<FileLog>>();

/** How often this process has changed a log, by directory: one that nobody else uses is looked at only then. */
const changes = new Map<string, number>();

/** A broker's handle. */
export class FileLog implements Log {
  readonly #directory: string;
  readonly #options: FileLogOptions;
  readonly #file: Deno.FsFile;
  readonly #watcher: Deno.FsWatcher | undefined;
  /** Where records begin, from sequence 1 on, and where the last one ends. */
  #starts: number[] = [0];
  #first = 1;
  #announcedEnd: number;
  /** The changes that it has seen, of the records and of what is announced. */
  #seen = { records: -1, announced: -1 };
  readonly #followings = new Set<Following>();
  #heard: ((text: string) => void)[] = [];
  #isClosed = false;

  private constructor(directory: string, options: FileLogOptions) {
    this.#directory = directory;
    this.#options = options;
    Deno.mkdirSync(directory, { recursive: true });
    const use = { read: true, write: true, create: true };
    this.#file = Deno.openSync(`${directory}/records`, use);
    Deno.openSync(`${directory}/announced`, use).close();
    this.#announcedEnd = Deno.statSync(`${directory}/announced`).size;
    this.#refresh();
    handles.getOrInsertComputed(directory, () => new Set()).add(this);
    if (options.isShared) this.#watcher = Deno.watchFs(directory);
    this.#watch();
  }

  /** Opens a log; the directory is made if it is not there. */
  static open(directory: string, options: FileLogOptions = {}): FileLog {
    return new FileLog(directory, options);
  }

  // deno-lint-ignore require-await
  async append(expected: number, record: Uint8Array): Promise<number> {
    requireExpected(expected);
    this.#requireOpen("append");
    this.#alone(() => {
      if (expected !== this.#last) {
        const text = `Cannot append: the last sequence is ${this.#last}; ${expected} was expected`;
        throw new RefusedError(text, "sequence", this.#last);
      }
      const { bytesMax = Infinity } = this.#options;
      if (this.#measure() + record.length > bytesMax) {
        throw new RefusedError(`Cannot append: the log has ${bytesMax} bytes at most`, "full");
      }
      this.#write(record);
    });
    return expected + 1;
  }

  // deno-lint-ignore require-await
  async read(sequence: number): Promise<Uint8Array | undefined> {
    requireSequence("read", sequence);
    this.#requireOpen("read");
    this.#refresh();
    return this.#read(sequence);
  }

  follow(from: number, reader: LogReader): LogFollowing {
    requireSequence("follow", from);
    this.#requireOpen("follow");
    const following = new Following(from, reader);
    this.#followings.add(following);
    this.#handOverSoon();
    return {
      stop: () => {
        following.isStopped = true;
        this.#followings.delete(following);
      },
    };
  }

  // deno-lint-ignore require-await
  async bounds(): Promise<LogBounds> {
    this.#requireOpen("look at the log");
    this.#refresh();
    const { bytesMax } = this.#options;
    const bounds = { first: this.#first, last: this.#last, bytes: this.#measure(), bytesMax };
    return { ...bounds, leader: undefined, replicas: undefined };
  }

  // deno-lint-ignore require-await
  async trim(below: number): Promise<void> {
    requireSequence("trim", below);
    this.#requireOpen("trim");
    this.#alone(() => {
      if (below > this.#last + 1) {
        const most = `up to ${this.#last + 1} is allowed`;
        throw new RangeError(`Cannot trim: ${below} is behind the end; ${most}`);
      }
      if (below <= this.#first) return;
      const path = `${this.#directory}/first`;
      Deno.writeTextFileSync(`${path}.new`, String(below));
      Deno.renameSync(`${path}.new`, path);
    });
  }

  // deno-lint-ignore require-await
  async changeNode(): Promise<void> {
    this.#requireOpen("change the node");
  }

  announce(text: string): void {
    if (this.#isClosed) return;
    const line = `${JSON.stringify(text)}\n`;
    Deno.writeTextFileSync(`${this.#directory}/announced`, line, { append: true });
    this.#noteChange();
    this.#tellOthers();
  }

  listen(heard: (text: string) => void): void {
    this.#heard.push(heard);
  }

  // deno-lint-ignore require-await
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const following of this.#followings) following.isStopped = true;
    this.#followings.clear();
    this.#heard = [];
    handles.get(this.#directory)?.delete(this);
    this.#watcher?.close();
    this.#file.close();
  }

  /** Cuts the records behind a sequence off, as a log does that forgets. */
  cut(last: number): void {
    this.#alone(() => {
      this.#file.truncateSync(this.#starts[last]!);
    });
  }

  get #last(): number {
    return this.#starts.length - 1;
  }

  #measure(): number {
    const from = this.#starts[this.#first - 1]!;
    return this.#starts.at(-1)! - from - 4 * (this.#last + 1 - this.#first);
  }

  #read(sequence: number): Uint8Array | undefined {
    if (sequence < this.#first || sequence > this.#last) return undefined;
    const start = this.#starts[sequence - 1]! + 4;
    return this.#readAt(start, this.#starts[sequence]! - start);
  }

  #readAt(start: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#file.seekSync(start, Deno.SeekMode.Start);
    let done = 0;
    while (done < length) {
      const count = this.#file.readSync(bytes.subarray(done));
      if (count === null) return bytes.subarray(0, done);
      done += count;
    }
    return bytes;
  }

  #write(record: Uint8Array): void {
    const frame = new Uint8Array(4 + record.length);
    new DataView(frame.buffer).setUint32(0, record.length);
    frame.set(record, 4);
    const end = this.#starts.at(-1)!;
    // A process that was killed may have left a piece of a record.
    if (this.#options.isShared) this.#file.truncateSync(end);
    this.#file.seekSync(end, Deno.SeekMode.Start);
    for (let done = 0; done < frame.length;) done += this.#file.writeSync(frame.subarray(done));
  }

  /** Does something that no other process does meanwhile, and lets all see it. */
  #alone(change: () => void): void {
    if (this.#options.isShared) this.#file.lockSync(true);
    try {
      this.#refresh();
      change();
      this.#noteChange();
      this.#refresh();
    } finally {
      if (this.#options.isShared) this.#file.unlockSync();
    }
    this.#tellOthers();
  }

  #noteChange(): void {
    changes.set(this.#directory, (changes.get(this.#directory) ?? 0) + 1);
  }

  /** Whether something may have changed since the last look. */
  #isStale(what: "records" | "announced"): boolean {
    const count = changes.get(this.#directory) ?? 0;
    if (this.#seen[what] === count && this.#options.isShared !== true) return false;
    this.#seen[what] = count;
    return true;
  }

  /** Finds out what has changed. */
  #refresh(): void {
    if (!this.#isStale("records")) return;
    this.#first = readFirst(this.#directory) ?? this.#first;
    const { size } = this.#file.statSync();
    while (this.#starts.at(-1)! > size) this.#starts.pop();
    for (;;) {
      const start = this.#starts.at(-1)!;
      if (start + 4 > size) return;
      const length = new DataView(this.#readAt(start, 4).buffer).getUint32(0);
      if (start + 4 + length > size) return;
      this.#starts.push(start + 4 + length);
    }
  }

  #tellOthers(): void {
    for (const handle of handles.get(this.#directory) ?? []) handle.#handOverSoon();
  }

  /** Hands over what there is, after whoever is at work now. */
  #handOverSoon(): void {
    queueMicrotask(() => {
      if (this.#isClosed) return;
      this.#refresh();
      this.#hear();
      for (const following of this.#followings) this.#handOver(following);
    });
  }

  #handOver(following: Following): void {
    const { reader } = following;
    while (!following.isStopped) {
      if (following.next < this.#first) {
        following.isStopped = true;
        return reader.trimmed(this.#first);
      }
      if (this.#last < following.next - 1) {
        if (following.toldLast !== this.#last) reader.shorter(following.toldLast = this.#last);
        return;
      }
      const record = this.#read(following.next);
      if (record === undefined) return;
      following.toldLast = undefined;
      reader.take(following.next++, record);
      // It is valid during the call only; whoever keeps it sees garbage.
      record.fill(0xee);
    }
  }

  /** Hears what was announced since. */
  #hear(): void {
    if (!this.#isStale("announced")) return;
    const path = `${this.#directory}/announced`;
    if (Deno.statSync(path).size === this.#announcedEnd) return;
    const bytes = Deno.readFileSync(path).subarray(this.#announcedEnd);
    const end = bytes.lastIndexOf(10) + 1;
    this.#announcedEnd += end;
    const lines = new TextDecoder().decode(bytes.subarray(0, end)).split("\n");
    for (const line of lines.slice(0, -1)) {
      for (const heard of this.#heard) heard(JSON.parse(line));
    }
  }

  /** Looks whenever another process has changed something. */
  async #watch(): Promise<void> {
    if (this.#watcher === undefined) return;
    for await (const { kind } of this.#watcher) if (kind !== "access") this.#handOverSoon();
  }

  #requireOpen(what: string): void {
    if (this.#isClosed) throw new Error(`Cannot ${what}: the log is closed; open it anew`);
  }
}

/** Somebody who follows. */
class Following {
  next: number;
  readonly reader: LogReader;
  isStopped = false;
  /** The end that it has been told, if the log is too short. */
  toldLast: number | undefined;

  constructor(from: number, reader: LogReader) {
    this.next = from;
    this.reader = reader;
  }
}

function readFirst(directory: string): number | undefined {
  try {
    return Number(Deno.readTextFileSync(`${directory}/first`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
