import { BrokerError } from "../../../protocol.ts";

/** Frames and lines up to this size need no place while memory for them is not short, in bytes. */
export const PLACELESS_BYTES_MAX: number = 128 * 1024;

/** The least speed of a place's holder while others wait, in bytes a second. */
export const RATE_MIN: number = 16 * 1024;

/** How long fewer bytes may come while others wait, in milliseconds: less if many do. */
export const GRACE_MS = 10_000;
const GRACE_MS_MIN = 1000;

/** A frame or line that needs a place. */
export interface PlaceOptions {
  /** How large the frame or line is, or may be, in bytes. */
  readonly bytes: number;
  /** The bytes received over its connection, in all. */
  readonly countReceived: () => number;
  /** Ends its session: it sends too slowly while others wait. */
  readonly end: (error: BrokerError) => void;
}

/** A place for a large frame or line, or the wish for one. */
export interface ReceivingPlace {
  /** A promise to wait for before reading on, if there is one. */
  wait(): Promise<void> | undefined;
  /** Gives the place up: all has arrived, or never will. */
  free(): void;
}

/** A place, as the room sees it. */
interface Seat extends PlaceOptions {
  readonly granted: PromiseWithResolvers<void>;
  /** The bytes received when it was granted. */
  receivedBefore: number;
  /** When a sweep first saw it granted. */
  since: number | undefined;
  /** The bytes received at the last sweep that saw enough progress, and its time. */
  seenBytes: number;
  seenAt: number;
}

/**
 * The room for incomplete frames and lines of all connections. Small ones mostly need no place. To receive the
 * rest of a large one, a connection needs a place; until it has one it is not read, and TCP holds its
 * client back. Frames announce their size, a line may become as large as the limit: each kind has its own
 * room, so that lines do not keep frames waiting.
 */
export class ReceivingRoom {
  readonly #bytesMax: number;
  readonly #taken = new Set<Seat>();
  readonly #waiting = new Set<Seat>();
  #bytes = 0;

  /** @param bytesMax The most bytes in places; a single frame or line may be larger. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The bytes of all places. */
  get bytes(): number {
    return this.#bytes;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  ask(options: PlaceOptions): ReceivingPlace {
    const granted = Promise.withResolvers<void>();
    const seat: Seat = {
      ...options,
      granted,
      receivedBefore: 0,
      since: undefined,
      seenBytes: 0,
      seenAt: 0,
    };
    this.#waiting.add(seat);
    this.#grant();
    return {
      wait: () => this.#waiting.has(seat) ? granted.promise : undefined,
      free: () => this.#free(seat),
    };
  }

  /** Ends sessions that keep others waiting. */
  sweep(now: number): void {
    for (const seat of [...this.#taken]) {
      seat.since ??= seat.seenAt = now;
      const bytes = seat.countReceived() - seat.receivedBefore;
      if (bytes - seat.seenBytes >= RATE_MIN * (now - seat.seenAt) / 1000) {
        seat.seenBytes = bytes;
        seat.seenAt = now;
      }
      if (this.#waiting.size === 0) continue;
      // The more wait, the less time there is for each.
      const graceMs = GRACE_MS * this.#taken.size / (this.#taken.size + this.#waiting.size);
      if (now - seat.seenAt <= Math.max(GRACE_MS_MIN, graceMs)) continue;
      this.#free(seat);
      seat.end(
        new BrokerError(
          "SLOW_WRITER",
          `Cannot wait for the rest of a message: ${bytes} bytes came in ` +
            `${Math.round(now - seat.since)} ms, and others wait`,
        ),
      );
    }
  }

  #free(seat: Seat): void {
    if (this.#taken.delete(seat)) this.#bytes -= seat.bytes;
    this.#waiting.delete(seat);
    seat.granted.resolve();
    this.#grant();
  }

  /** Grants places, in the order of requests. */
  #grant(): void {
    for (const seat of this.#waiting) {
      if (this.#taken.size > 0 && this.#bytes + seat.bytes > this.#bytesMax) return;
      this.#waiting.delete(seat);
      this.#taken.add(seat);
      this.#bytes += seat.bytes;
      seat.receivedBefore = seat.countReceived();
      seat.granted.resolve();
    }
  }
}
