import { DescriptorShortageError } from "./disk.ts";

/** So many are kept: for the next segment, the reserve, a look at the directory, reading back. */
const SPARE_COUNT = 4;

interface OpenThing {
  close(): void;
}

/**
 * Descriptors that are open for nothing, so that the journal can open its files when everybody else has
 * taken all that the process, or the machine, may have. They are given up one at a time.
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
   * Does something that needs a descriptor, in place of a spare one if there is no other.
   *
   * @param keptCount So many spares are left for others.
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

  /** Takes descriptors again for those that were given up, as far as there are any. */
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
