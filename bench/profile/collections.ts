/**
 * A line such as `[12:0x7f] 345 ms: Scavenge 12.3 (16.0) -> 4.5 (16.0) MB, … 1.25 / 0.00 ms …`; the
 * first of the two times is the pause.
 */
const PAUSE = /\b(?:Scavenge|Mark-Compact|Minor Mark-Sweep)\b.*?([\d.]+) \/ [\d.]+ ms/;

/**
 * Collects from the output of V8's `--trace-gc` how long each garbage collection has stopped the process.
 * The text comes in pieces of any size.
 */
export class CollectionLog {
  #rest = "";
  readonly #pauses: number[] = [];

  /** Takes a piece of the trace. */
  take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const pause = PAUSE.exec(line)?.[1];
      if (pause !== undefined) this.#pauses.push(Number(pause));
    }
  }

  /** Forgets what was until now. */
  clear(): void {
    this.#pauses.length = 0;
  }

  /** Milliseconds, one for each collection. */
  get pauses(): readonly number[] {
    return this.#pauses;
  }
}
