import { FrameWriter, writeControlFrame } from "../../../protocol.ts";
import type { Duplex } from "../../transport/duplex.ts";
import type { Log } from "../log.ts";
import { Tally } from "./tally.ts";

/** How many clients are told at a time; others are closed without a message. */
const TOLD_MAX = 32;

/**
 * Turns away connections over the limit: each is told the reason and closed. Those being told are limited,
 * too, so that a storm of connections takes no descriptors that files need.
 */
export class TurnedAway {
  readonly #tally: Tally;
  #telling = 0;

  constructor(log: Log, now: () => number) {
    this.#tally = new Tally("connection turned away", log, now);
  }

  /** Tells the log of what was only counted, once its time is over. */
  sweep(): void {
    this.#tally.sweep();
  }

  /** Tells the log at once of what was only counted. */
  end(): void {
    this.#tally.end();
  }

  get count(): number {
    return this.#telling;
  }

  /** Closes a connection, after the reason if possible. */
  add(duplex: Duplex, peer: string, reason: string): void {
    this.#tally.note({ peer, reason });
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
}
