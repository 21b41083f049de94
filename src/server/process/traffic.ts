/**
 * How much connections carry: as long as the count stays the same, nothing moves.
 *
 * @module
 */

import type { Duplex } from "../../transport/duplex.ts";

/** Counts what goes through connections. */
export class Traffic {
  /** How many reads and writes have done something, over all connections. */
  count = 0;

  /** Gives a connection that is counted. */
  watch(duplex: Duplex): Duplex {
    const count = async <T>(transfer: Promise<T>): Promise<T> => {
      const result = await transfer;
      this.count++;
      return result;
    };
    return {
      read: (buffer) => count(duplex.read(buffer)),
      write: (bytes) => count(duplex.write(bytes)),
      close: () => duplex.close(),
    };
  }
}
