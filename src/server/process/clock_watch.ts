import type { Clock, ClockUser } from "../../transport/clock.ts";
import type { Duplex } from "../../transport/duplex.ts";

/** Tells a clock that does not go by itself what a broker has to do before time may go on. */
export class ClockWatch implements ClockUser {
  /** How many reads and writes have done something, over all connections. */
  activity = 0;
  readonly noteDateSet: () => void;
  readonly whenIdle: () => Promise<void> | void;

  /** @param user Hears of a new date, and settles what was begun. */
  constructor(user: Required<Pick<ClockUser, "noteDateSet" | "whenIdle">>) {
    this.noteDateSet = user.noteDateSet;
    this.whenIdle = user.whenIdle;
  }

  /** Attaches it to the clock, if that does not go by itself; returns how to end that. */
  attachTo(clock: Clock): (() => void) | undefined {
    return clock.attach?.(this);
  }

  /** Gives a connection whose transfers are counted. */
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
