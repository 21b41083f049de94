import { BrokerError } from "../../../protocol.ts";

/** Frames and lines up to this size need no place, in bytes. */
export const PLACELESS_BYTES_MAX: number = 128 * 1024;

/** While others wait, a place is lost by what comes more slowly than this, in bytes a second. */
const RATE_MIN = 16 * 1024;

/** How long a place is kept in any case, and nothing of it may come, in milliseconds. */
const GRACE_MS = 10_000;

/** What a place is for. */
export interface PlaceOptions {
  /** How large the frame or line is, or may be, in bytes. */
  readonly bytes: number;
  /** How many bytes have come over its connection, in all. */
  readonly countReceived: () => number;
  /** Ends its session: it sends too slowly while others wait. */
  readonly end: (error: BrokerError) => void;
}

/** A place for a large frame or line, or the wish for one. */
export interface ReceivingPlace {
  /** What to wait for before reading on, if anything. */
  wait(): Promise<void> | undefined;
  /** It has come in full, or never will. */
  free(): void;
}

/** A place, as the room sees it. */
interface Seat extends PlaceOptions {
  readonly granted: PromiseWithResolvers<void>;
  /** What had been received when it was granted. */
  receivedBefore: number;
  /** When a sweep first saw it granted. */
  since: number | undefined;
  /** What had come at the last sweep that saw more than the one before, and when that was. */
  seenBytes: number;
  seenAt: number;
}

/**
 * How much the broker keeps of unfinished frames and lines, over all connections. What is small comes
 * without asking. For the rest of what is large its connection needs a place; while there is none it
 * is not read, and TCP holds its client back. Frames say how large they are, a line may become as
 * large as lines may be: each kind has a room of its own, so that some lines do not keep the frames
 * of everybody waiting.
 */
export class ReceivingRoom {
  readonly #bytesMax: number;
  readonly #taken = new Set<Seat>();
  readonly #waiting = new Set<Seat>();
  #bytes = 0;

  /** @param bytesMax How many bytes may be on their way in; one frame or line may be larger. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** How many bytes are on their way in at most, in places. */
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

  /** Ends those that keep others waiting. */
  sweep(now: number): void {
    for (const seat of [...this.#taken]) {
      seat.since ??= seat.seenAt = now;
      const bytes = seat.countReceived() - seat.receivedBefore;
      if (bytes > seat.seenBytes) {
        seat.seenBytes = bytes;
        seat.seenAt = now;
      }
      if (this.#waiting.size === 0) continue;
      const spanMs = now - seat.since - GRACE_MS;
      const isStill = now - seat.seenAt > GRACE_MS;
      if (!isStill && spanMs <= bytes / RATE_MIN * 1000) continue;
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

  /** Gives places away, in the order in which they were asked for. */
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
