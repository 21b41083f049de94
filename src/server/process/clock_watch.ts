import type { Clock, ClockUser } from "../../transport/clock.ts";
import type { Duplex } from "../../transport/duplex.ts";

/** Tells a virtual clock whether a broker has work to finish before time may pass. */
export class ClockWatch implements ClockUser {
  /** The reads and writes of all connections that moved bytes. */
  activity = 0;
  readonly noteDateSet: () => void;
  readonly whenIdle: () => Promise<void> | void;

  /** @param user Hears of a new date, and settles what was begun. */
  constructor(user: Required<Pick<ClockUser, "noteDateSet" | "whenIdle">>) {
    this.noteDateSet = user.noteDateSet;
    this.whenIdle = user.whenIdle;
  }

  /** Attaches it to the clock, if that is a virtual one; returns a function that detaches it. */
  attachTo(clock: Clock): (() => void) | undefined {
    return clock.attach?.(this);
  }

  /** Wraps a connection to count its transfers. */
  watch(duplex: Duplex): Duplex {
    const count = async <T>(transfer: Promise<T>): Promise<T> => {
      const result = await transfer;
      this.activity++;
      return result;
    };
    return {
      read: (buffer) => count(duplex.read(buffer)),
      write: (bytes) => count(duplex.write(bytes)),
      close: () => duplex.close(),
    };
  }
}
