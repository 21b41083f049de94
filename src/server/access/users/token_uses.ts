import type { LogFields } from "../../log.ts";

/** How often a token's use is noted, in milliseconds: the file is written at most so often for each. */
const DAY_MS = 24 * 60 * 60 * 1000;

/** How long uses are collected before they are written, in milliseconds. */
const WRITE_MS = 1000;

/** When tokens were used last, by their hashes: dates as ISO 8601. */
export type LastUses = Readonly<Record<string, string>>;

/** The file beside a file of users in which the broker notes when tokens were used. */
export function findUsesPath(usersPath: string): string {
  return usersPath.replace(/(\.ya?ml)?$/, ".last-used.json");
}

/** Reads when tokens were used last; a file that is missing or makes no sense says nothing. */
export async function readLastUses(usersPath: string): Promise<LastUses> {
  const uses: Record<string, string> = Object.create(null);
  try {
    const found: unknown = JSON.parse(await Deno.readTextFile(findUsesPath(usersPath)));
    for (const [hash, date] of Object.entries(found as object)) {
      if (typeof date === "string" && !Number.isNaN(Date.parse(date))) uses[hash] = date;
    }
  } catch {
    // It is nice to know, and not needed.
  }
  return uses;
}

/** The parts of {@linkcode TokenUses}. */
export interface TokenUsesParts {
  readonly usersPath: string;
  /** The uses that were noted before. */
  readonly uses: LastUses;
  /** The hashes of the tokens that exist. */
  readonly hashes: () => Iterable<string>;
  /** Writes a line into the log, at the level `debug`. */
  readonly debug: (message: string, fields: LogFields) => void;
}

/**
 * Notes when tokens were used last, once a day for each, in a file of its own: the broker never writes the
 * file of users.
 */
export class TokenUses {
  readonly #parts: TokenUsesParts;
  /** The times of the uses that are noted, by the tokens' hashes. */
  readonly #noted = new Map<string, number>();
  #writeAt = Infinity;
  #writing: Promise<void> | undefined;

  constructor(parts: TokenUsesParts) {
    this.#parts = parts;
    for (const [hash, date] of Object.entries(parts.uses)) this.#noted.set(hash, Date.parse(date));
  }

  /**
   * Notes a use.
   *
   * @param hash The token's SHA-256, as hex digits.
   * @param date The calendar's time.
   */
  note(hash: string, date: number): void {
    const noted = this.#noted.get(hash) ?? -Infinity;
    if (Math.abs(date - noted) < DAY_MS) return;
    this.#noted.set(hash, date);
    if (this.#writeAt === Infinity) this.#writeAt = -Infinity;
  }

  /** Writes what is to be written, some time after it was noted; returns when to call it again. */
  tick(now: number): number {
    if (this.#writeAt === -Infinity) this.#writeAt = now + WRITE_MS;
    if (now < this.#writeAt) return this.#writeAt;
    if (this.#writing !== undefined) return now + WRITE_MS;
    this.#writeAt = Infinity;
    this.#writing = this.#write().finally(() => this.#writing = undefined);
    return Infinity;
  }

  /** Writes what is left to be written. */
  async close(): Promise<void> {
    await this.#writing;
    if (this.#writeAt === Infinity) return;
    this.#writeAt = Infinity;
    await this.#write();
  }

  async #write(): Promise<void> {
    const path = findUsesPath(this.#parts.usersPath);
    this.#forgetGone();
    const dates = [...this.#noted].map(([hash, at]) => [hash, new Date(at).toISOString()]);
    const part = `${path}.tmp`;
    try {
      await requireWriting(path, part);
      const text = `${JSON.stringify(Object.fromEntries(dates), undefined, 2)}\n`;
      // A link that somebody has put there is not followed.
      await Deno.remove(part).catch(() => {});
      await Deno.writeTextFile(part, text, { mode: 0o600, createNew: true });
      await Deno.rename(part, path);
    } catch (error) {
      this.#parts.debug("cannot note when tokens were used", { error: String(error) });
    }
  }

  /** Forgets the tokens that are not there any more. */
  #forgetGone(): void {
    const hashes = new Set(this.#parts.hashes());
    for (const hash of [...this.#noted.keys()]) {
      if (!hashes.has(hash)) this.#noted.delete(hash);
    }
  }
}

/** Throws where writing is not allowed: in a terminal the broker would wait for an answer. */
async function requireWriting(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    for (const name of ["read", "write"] as const) {
      const { state } = await Deno.permissions.query({ name, path });
      if (state !== "granted") throw new Error(`${name} access to ${path} is not allowed`);
    }
  }
}
