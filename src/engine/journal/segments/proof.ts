import type { SyncLevel } from "../../../broker/engine.ts";
import type { DiskFile } from "../disk/disk.ts";

/**
 * Proof that a group is as durable as the level in force promises. It is made only here, by the flush or
 * write that makes it true, so that no path of the program can confirm anything else.
 */
export class Proof {
  /** Everything before this position is as durable as promised. */
  readonly position: number;
  /** Whether it was flushed: then segments that it frees may be removed. */
  readonly isFlushed: boolean;
  // An object of the same shape is no proof.
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
   * Accepts a write as proof, where the level allows it.
   *
   * @param position The position behind the last byte that is written.
   */
  static byWrite(level: Exclude<SyncLevel, "always">, position: number): Proof {
    void level;
    return new Proof(position, false);
  }
}
