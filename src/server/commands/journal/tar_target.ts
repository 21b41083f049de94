import type { BackupFile } from "../../../../protocol.ts";
import type { BackupTarget } from "./backup_target.ts";
import { MANIFEST_NAME } from "./manifest.ts";
import { makeTarHead, TAR_BLOCK_BYTES } from "./tar_head.ts";

/** A backup as a tar archive that is written to a stream. */
export class TarTarget implements BackupTarget {
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  readonly #at: number;
  /** The bytes of the file that are still to come, and those that fill its last block. */
  #left = 0;
  #padding = 0;

  /**
   * @param write Writes bytes, all of them.
   * @param at The time of the files, in milliseconds since 1970.
   */
  constructor(write: (bytes: Uint8Array) => Promise<void>, at: number) {
    this.#write = write;
    this.#at = at;
  }

  async begin({ name, bytes }: BackupFile): Promise<void> {
    this.#left = bytes;
    this.#padding = (TAR_BLOCK_BYTES - bytes % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
    await this.#write(makeTarHead({ name, bytes, at: this.#at }));
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#left -= bytes.length;
    await this.#write(bytes);
  }

  async end(): Promise<void> {
    if (this.#left !== 0) throw new Error("a file has another size than was told");
    if (this.#padding > 0) await this.#write(new Uint8Array(this.#padding));
  }

  async finish(manifest = ""): Promise<void> {
    const bytes = new TextEncoder().encode(manifest);
    await this.begin({ name: MANIFEST_NAME, bytes: bytes.length });
    await this.write(bytes);
    await this.end();
    await this.#write(new Uint8Array(2 * TAR_BLOCK_BYTES));
  }

  /** Nothing can be taken back: without its manifest the archive is refused. */
  abandon(): Promise<void> {
    return Promise.resolve();
  }
}
