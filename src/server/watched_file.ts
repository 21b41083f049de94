/** How often a file is looked at, in milliseconds. */
const INTERVAL_MS = 500;

/** After how long a changed file is looked at again: it may be on its way to its name. */
const SETTLE_MS = 100;

/** What a file was the last time that it was looked at. */
type State =
  | { readonly id: string; readonly content: string }
  | { readonly id: string; readonly fault: Error };

/** Hears of a file that is watched. */
export interface WatchedFileOwner {
  /** The content has changed. */
  readonly onContent: (content: string) => void;
  /** It cannot be read; not told again until that changes. */
  readonly onFault: (fault: Error) => void;
  /** Hears of the time of the next tick, if that is earlier than the last one returned. */
  readonly hasten?: (at: number) => void;
}

/**
 * A file that is looked at twice a second: what it is now, and not the events of its directory, is what
 * links and mounts of all kinds can tell. A change counts when the file has been still for a moment, so
 * that a file that is half written is not read.
 */
export class WatchedFile {
  readonly path: string;
  readonly #bytesMax: number;
  #owner: WatchedFileOwner | undefined;
  /** The state that the owner knows. */
  #known: string | undefined;
  /** A new state, seen once. */
  #seen: string | undefined;
  #lookAt = 0;
  #looking: Promise<void> | undefined;

  /**
   * @param path The file; a link is followed.
   * @param bytesMax The largest content, in bytes; a larger one is a fault.
   */
  constructor(path: string, bytesMax: number) {
    this.path = path;
    this.#bytesMax = bytesMax;
  }

  /** Reads it for the first time; rejects if that fails. */
  async read(): Promise<string> {
    const state = await this.#read();
    if ("fault" in state) throw state.fault;
    this.#known = state.id;
    return state.content;
  }

  /** Whom to tell of changes since {@linkcode WatchedFile.read}. */
  watch(owner: WatchedFileOwner): void {
    this.#owner = owner;
  }

  /** Looks at it if it is time; returns when to call it again. */
  tick(now: number): number {
    if (this.#owner === undefined) return Infinity;
    if (now < this.#lookAt) return this.#lookAt;
    // A disk of another machine may keep it waiting.
    if (this.#looking !== undefined) return now + SETTLE_MS;
    this.#lookAt = now + INTERVAL_MS;
    this.#looking = this.#look(now)
      .catch((error) => this.#owner?.onFault(toError(error)))
      .finally(() => this.#looking = undefined);
    return this.#lookAt;
  }

  /** Resolves when nothing is under way. */
  async whenLooked(): Promise<void> {
    await this.#looking;
  }

  /** Tells of no more changes. */
  async close(): Promise<void> {
    this.#owner = undefined;
    await this.#looking;
  }

  async #look(now: number): Promise<void> {
    const id = await this.#identify();
    if (id === this.#known) {
      this.#seen = undefined;
      return;
    }
    if (id !== this.#seen) return this.#lookAgain(id, now);
    const state = await this.#read();
    if (state.id !== id) return this.#lookAgain(state.id, now);
    this.#known = id;
    this.#seen = undefined;
    if ("fault" in state) this.#owner?.onFault(state.fault);
    else this.#owner?.onContent(state.content);
  }

  /** It has changed just now: whether it is still is to be seen. */
  #lookAgain(id: string, now: number): void {
    this.#seen = id;
    this.#lookAt = now + SETTLE_MS;
    this.#owner?.hasten?.(this.#lookAt);
  }

  /** What changes with the file; for one that cannot be read, why. */
  async #identify(): Promise<string> {
    try {
      const { dev, ino, size, mtime, ctime } = await Deno.stat(this.path);
      return [dev, ino, size, mtime?.getTime(), ctime?.getTime()].join(" ");
    } catch (error) {
      return toError(error).message;
    }
  }

  async #read(): Promise<State> {
    const id = await this.#identify();
    try {
      const { size } = await Deno.stat(this.path);
      if (size > this.#bytesMax) throw new Error(`found ${size} bytes, allowed ${this.#bytesMax}`);
      const content = await Deno.readTextFile(this.path);
      return { id, content };
    } catch (error) {
      return { id, fault: toError(error) };
    }
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
