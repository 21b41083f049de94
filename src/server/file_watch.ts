/** After how long changed files are looked at again: they may be on their way to their names. */
const SETTLE_MS = 100;

/** What is done with files that are watched. */
export interface FileWatchOwner<Content> {
  /** Reads the files; rejects if they cannot be used. */
  readonly read: () => Promise<Content>;
  /** The files have changed. */
  readonly onContent: (content: Content) => void;
  /** They have changed, and cannot be used; not told again until they change. */
  readonly onFault: (fault: Error) => void;
  /** Hears of the time of the next tick, if that is earlier than the last one returned. */
  readonly hasten?: (at: number) => void;
}

/**
 * Files that are looked at twice a second: what they are now, and not the events of their directories, is
 * what links and mounts of all kinds can tell. A change counts when the files have been still for a moment:
 * a file that is half written is not read, nor a pair of which only one file is replaced.
 */
export class FileWatch<Content> {
  /** How often files are looked at, in milliseconds. Tests set it. */
  static intervalMs = 500;

  readonly #paths: readonly string[];
  #owner: FileWatchOwner<Content> | undefined;
  /** The state that the owner knows. */
  #known: string | undefined;
  /** A new state, seen once. */
  #seen: string | undefined;
  #now = 0;
  #lookAt = 0;
  #looking: Promise<void> | undefined;

  /** @param paths The files; links are followed. */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /** Reads the files for the first time; rejects if that fails. */
  async read(read: () => Promise<Content>): Promise<Content> {
    this.#known = await this.#describe();
    return await read();
  }

  /** Whom to tell of changes since {@linkcode FileWatch.read}. */
  watch(owner: FileWatchOwner<Content>): void {
    this.#owner = owner;
  }

  /** Looks at the files if it is time; returns when to call it again. */
  tick(now: number): number {
    if (this.#owner === undefined) return Infinity;
    if (now < this.#lookAt) return this.#lookAt;
    // A disk of another machine may keep it waiting.
    if (this.#looking !== undefined) return now + SETTLE_MS;
    this.#now = now;
    this.#lookAt = now + FileWatch.intervalMs;
    this.look();
    return this.#lookAt;
  }

  /** Looks at the files now; resolves when that is done. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error) => this.#owner?.onFault(toError(error)))
      .finally(() => this.#looking = undefined);
    return this.#looking;
  }

  /** Reads the files at the next look even if they have not changed. */
  retry(): void {
    this.#seen ??= this.#known;
    this.#known = undefined;
  }

  /** Resolves when no look is under way. */
  async whenLooked(): Promise<void> {
    await this.#looking;
  }

  /** Tells of no more changes. */
  async close(): Promise<void> {
    this.#owner = undefined;
    await this.#looking;
  }

  async #look(): Promise<void> {
    const owner = this.#owner;
    const state = await this.#describe();
    if (state === this.#known) {
      this.#seen = undefined;
      return;
    }
    if (owner === undefined || state !== this.#seen) return this.#lookAgain(state);
    const found = await owner.read().then((content) => ({ content }), toError);
    const after = await this.#describe();
    if (after !== state) return this.#lookAgain(after);
    this.#known = state;
    this.#seen = undefined;
    if (this.#owner === undefined) return;
    if (found instanceof Error) owner.onFault(found);
    else owner.onContent(found.content);
  }

  /** They have changed just now: whether they still are is to be seen. */
  #lookAgain(state: string): void {
    this.#seen = state;
    this.#lookAt = this.#now + SETTLE_MS;
    this.#owner?.hasten?.(this.#lookAt);
  }

  /** What changes with the files; for one that cannot be found, why. */
  async #describe(): Promise<string> {
    const states = await Promise.all(this.#paths.map(describeFile));
    return states.join(", ");
  }
}

async function describeFile(path: string): Promise<string> {
  try {
    const { dev, ino, size, mode, mtime, ctime } = await Deno.stat(path);
    return [dev, ino, size, mode, mtime?.getTime(), ctime?.getTime()].join(" ");
  } catch (error) {
    return toError(error).message;
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
