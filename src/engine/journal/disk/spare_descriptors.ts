import { DescriptorShortageError } from "./disk.ts";

/** How many are kept: for the next segment, the reserve, listing the directory, reading back. */
const SPARE_COUNT = 4;

interface OpenThing {
  close(): void;
}

/**
 * Unused open descriptors, so that the journal can open its files when all descriptors of the process or
 * the machine are taken. They are given up one at a time.
 */
export class SpareDescriptors {
  readonly #open: () => OpenThing;
  readonly #spares: OpenThing[] = [];

  /** Takes descriptors. */
  constructor(open: () => OpenThing) {
    this.#open = open;
    this.refill();
  }

  /**
   * Does something that needs a descriptor; gives up a spare one if no other is free.
   *
   * @param keptCount How many spares to leave for others.
   * @throws {DescriptorShortageError} If there are no more; it may be tried again later.
   */
  use<T>(act: () => T, keptCount = 0): T {
    for (;;) {
      try {
        return act();
      } catch (cause) {
        if (!isShortage(cause)) throw cause;
        if (this.#spares.length <= keptCount) {
          throw new DescriptorShortageError("Too many files are open", { cause });
        }
        this.#spares.pop()!.close();
      }
    }
  }

  /** Replaces descriptors that were given up, if some are free. */
  refill(): void {
    try {
      while (this.#spares.length < SPARE_COUNT) this.#spares.push(this.#open());
    } catch {
      // The next call that needs one reports it; the next file that is closed leaves one.
    }
  }

  close(): void {
    for (const spare of this.#spares.splice(0)) spare.close();
  }
}

function isShortage(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return code === "EMFILE" || code === "ENFILE";
}
