import type { DiskFile } from "../disk/disk.ts";

/** When the disk is flushed: before every confirm, at least every so often, or when the system likes. */
export type SyncLevel = "always" | "interval" | "never";

/**
 * Proof that a group is as durable as the level in force promises. Only here can one be made, and
 * only out of what makes it true, so that no path of the program can confirm anything else.
 */
export class Proof {
  /** Everything before this position is as durable as promised. */
  readonly position: number;
  /** Whether it was flushed: then what it frees may be removed. */
  readonly isFlushed: boolean;
  // A structure that looks the same is no proof.
  readonly #isProof = true;

  private constructor(position: number, isFlushed: boolean) {
    this.position = position;
    this.isFlushed = isFlushed;
  }

  static isProof(value: object): value is Proof {
    return #isProof in value && value.#isProof;
  }

  /**
   * Flushes a file.
   *
   * @param position The position behind the last byte that is written to it now.
   */
  static async bySync(file: DiskFile, position: number): Promise<Proof> {
    await file.sync();
    return new Proof(position, true);
  }

  /**
   * Takes writing for enough, where the level says so.
   *
   * @param position The position behind the last byte that is written.
   */
  static byWrite(level: Exclude<SyncLevel, "always">, position: number): Proof {
    void level;
    return new Proof(position, false);
  }
}
