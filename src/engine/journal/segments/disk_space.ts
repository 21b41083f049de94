import { BrokerError } from "../../../../protocol.ts";
import { FACT_BYTES } from "../../../broker/events/fact_list.ts";
import { RESERVE_NAME } from "./directory.ts";
import { DescriptorShortageError, type Disk, DiskFullError } from "../disk/disk.ts";

/** The largest reserve, in bytes. */
export const RESERVE_BYTES: number = 16 * 1024 * 1024;

/** The smallest reserve, on a small disk, in bytes. */
const RESERVE_BYTES_MIN = 64 * 1024;

/** A small disk is used up to this part of what was free at first. */
const RESERVE_SHARE = 1 / 16;

/** The bytes that stay free beside the room for acknowledgements. */
const FREE_BYTES_MIN = 64 * 1024;

/** The interval of checks while the disk is full, in milliseconds. */
const LOOK_MS = 250;

/** The interval of checks otherwise, in milliseconds: other programs use the disk, too. */
const LOOK_MS_MAX = 1000;

/** The reserve is written in pieces of this size. */
const PIECE_BYTES = 1024 * 1024;

export interface DiskSpaceOptions {
  readonly disk: Disk;
  /** The largest reserve; smaller on a small disk. */
  readonly reserveBytes: number;
  /** The number of stored messages, which may have to be acknowledged. */
  readonly countMessages: () => number;
  /** Hears when the disk becomes full, and when there is room again. */
  readonly noteChange: (isFull: boolean) => void;
}

/**
 * Room on the disk. Acknowledging must work on a full disk: without acknowledgements nothing could ever
 * be removed. So room for them is reserved, and publishing stops before all room is used.
 *
 * The reserve is a file. When there is no room left, it is removed, and its room serves acknowledgements.
 * When there is room again, it is written again, and only then messages are accepted.
 */
export class DiskSpace {
  readonly #options: DiskSpaceOptions;
  #isFull = false;
  #hasReserve = false;
  /** The free bytes when last measured, less the bytes written since. */
  #free = Infinity;
  #lookAt = 0;

  constructor(options: DiskSpaceOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** The free bytes of the disk; undefined if it does not tell. */
  get freeBytes(): number | undefined {
    return this.#free === Infinity ? undefined : Math.max(0, this.#free);
  }

  /** Reserves room, if there is any. */
  begin(): void {
    const { disk } = this.#options;
    this.#measure();
    const size = disk.list().find(({ name }) => name === RESERVE_NAME)?.size;
    this.#hasReserve = size !== undefined;
    // A crash may have interrupted its writing, or lost it.
    if (size !== undefined && size < (this.#chooseReserve(this.#free + size) ?? 0)) {
      disk.remove(RESERVE_NAME);
      this.#hasReserve = false;
      this.#measure();
    }
    this.#look();
  }

  /** The error for messages of so many bytes, if they cannot be stored. */
  findObstacle(bytes: number): BrokerError | undefined {
    if (!this.#isFull) {
      this.#free -= bytes;
      if (this.#free >= this.#freeMin) return undefined;
      // By the count there is too little room: measure it.
      this.#measure();
      this.#free -= bytes;
      if (this.#free >= this.#freeMin) return undefined;
      this.#setFull(true);
    }
    return new BrokerError(
      "DISK_FULL",
      `Cannot store ${
        bytes === 0 ? "anything" : `${bytes} bytes`
      }: there is no room on the disk of ` +
        `${this.#options.disk.path}; ` +
        "deliveries and acknowledgements go on",
    );
  }

  /** Gives up the reserve for a necessary write that has no room. */
  useReserve(): void {
    this.#setFull(true);
    if (!this.#hasReserve) return;
    this.#hasReserve = false;
    this.#options.disk.remove(RESERVE_NAME);
  }

  /** Checks whether the disk is full; returns when to check again. */
  tick(now: number): number {
    if (now < this.#lookAt) return this.#lookAt;
    this.#lookAt = now + LOOK_MS;
    try {
      this.#measure();
      this.#look();
      if (!this.#isFull) this.#lookAt = now + LOOK_MS_MAX;
    } catch (error) {
      // The reserve needs a file. Whether there is room is not known; it stays as it was.
      if (!(error instanceof DescriptorShortageError)) throw error;
    }
    return this.#lookAt;
  }

  /** The bytes that must stay free beside the reserve. */
  get #freeMin(): number {
    return FREE_BYTES_MIN + this.#options.countMessages() * FACT_BYTES;
  }

  #measure(): void {
    this.#free = this.#options.disk.measureFree() ?? Infinity;
  }

  #look(): void {
    if (!this.#hasReserve) this.#reserve();
    // Some more room is required, so that the state does not flip to and fro.
    const needed = this.#freeMin + (this.#isFull ? FREE_BYTES_MIN : 0);
    this.#setFull(!this.#hasReserve || this.#free < needed);
  }

  /** The size of the reserve for a number of free bytes; `undefined` if that leaves no room. */
  #chooseReserve(free: number): number | undefined {
    const bytes = Math.floor(Math.min(
      this.#options.reserveBytes,
      Math.max(RESERVE_BYTES_MIN, free * RESERVE_SHARE),
    ));
    return free < bytes + this.#freeMin + FREE_BYTES_MIN ? undefined : bytes;
  }

  /** Writes the reserve, if that leaves room. */
  #reserve(): void {
    const { disk } = this.#options;
    const bytes = this.#chooseReserve(this.#free);
    if (bytes === undefined) return;
    try {
      writeZeros(disk, bytes);
      this.#hasReserve = true;
      this.#measure();
    } catch (error) {
      if (error instanceof DescriptorShortageError) throw error;
      // Not even the name may have had room.
      if (disk.list().some(({ name }) => name === RESERVE_NAME)) disk.remove(RESERVE_NAME);
      if (!(error instanceof DiskFullError)) throw error;
    }
  }

  #setFull(isFull: boolean): void {
    if (this.#isFull === isFull) return;
    this.#isFull = isFull;
    this.#options.noteChange(isFull);
  }
}

function writeZeros(disk: Disk, bytes: number): void {
  const file = disk.create(RESERVE_NAME);
  try {
    // Real blocks, not a hole: a file system gives those only for bytes that are written.
    const piece = new Uint8Array(Math.min(PIECE_BYTES, bytes));
    for (let written = 0; written < bytes;) {
      written += file.write(piece.subarray(0, Math.min(piece.length, bytes - written)), written);
    }
  } finally {
    file.close();
  }
}
