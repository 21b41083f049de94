import { FrameWriter, writeControlFrame } from "../../../protocol.ts";
import type { Duplex } from "../../transport/duplex.ts";
import type { Log } from "../log.ts";

/** How many clients are told at a time; others are closed without a message. */
const TOLD_MAX = 32;

/** The least interval between two lines of the log, in milliseconds; a line counts all since the last. */
const LOG_MS = 1000;

/**
 * Turns away connections over the limit: each is told the reason and closed. Those being told are limited,
 * too, so that a storm of connections takes no descriptors that files need.
 */
export class TurnedAway {
  readonly #log: Log;
  readonly #now: () => number;
  #telling = 0;
  /** The connections turned away since the last line of the log. */
  #untold = 0;
  #loggedAt = -Infinity;

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  get count(): number {
    return this.#telling;
  }

  /** Closes a connection, after the reason if possible. */
  add(duplex: Duplex, peer: string, reason: string): void {
    this.#note(peer, reason);
    if (this.#telling >= TOLD_MAX) return duplex.close();
    const writer = new FrameWriter();
    writeControlFrame(writer, "error", { code: "TOO_MANY_CONNECTIONS", message: reason });
    this.#telling++;
    // A fresh connection takes these few bytes at once, or is closed already.
    duplex.write(writer.take()).catch(() => {}).finally(() => {
      this.#telling--;
      duplex.close();
    });
  }

  #note(peer: string, reason: string): void {
    const now = this.#now();
    this.#untold++;
    if (now - this.#loggedAt < LOG_MS) return;
    this.#log.warning("connection turned away", { peer, reason, count: this.#untold });
    this.#untold = 0;
    this.#loggedAt = now;
  }
}
