import type { BatchReceipt, Receipt } from "../../../../client.ts";

/** Consecutive ids in a stream. */
interface IdRange {
  readonly stream: string;
  readonly firstId: number;
  lastId: number;
}

/** The most ranges that are kept: others may publish in between. */
const RANGES_MAX = 10_000;

/** Where messages were stored, summed up. */
export class ReceiptSum {
  readonly #ranges: IdRange[] = [];
  readonly #last = new Map<string, IdRange>();
  #count = 0;
  #duplicates = 0;
  #replaced = 0;
  #left = 0;

  /** How many messages are confirmed; one in several streams counts once in each. */
  get count(): number {
    return this.#count;
  }

  /** How many of them had been stored before. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** How many have taken the places of others; one in several streams counts once in each. */
  get replacedCount(): number {
    return this.#replaced;
  }

  /** Adds the confirm of one message. */
  addOne({ streams, duplicate }: Receipt): void {
    if (duplicate) this.#duplicates++;
    for (const { stream, id, replaced } of streams) {
      this.#add(stream, id, id);
      if (replaced !== undefined) this.#replaced++;
    }
  }

  /** Adds the confirm of several. */
  addBatch({ streams }: BatchReceipt): void {
    for (const { stream, firstId, lastId } of streams) this.#add(stream, firstId, lastId);
  }

  /** For people: `orders 1-100`. */
  toText(): string {
    const lines = this.#ranges.map(({ stream, firstId, lastId }) =>
      `${stream} ${firstId === lastId ? firstId : `${firstId}-${lastId}`}\n`
    );
    return lines.join("") + (this.#left > 0 ? `… and ${this.#left} more ranges\n` : "");
  }

  /** For programs. */
  toJson(): unknown {
    const replaced = this.#replaced === 0 ? {} : { replaced: this.#replaced };
    return { count: this.#count, duplicates: this.#duplicates, ...replaced, streams: this.#ranges };
  }

  #add(stream: string, firstId: number, lastId: number): void {
    this.#count += lastId - firstId + 1;
    const last = this.#last.get(stream);
    if (last !== undefined && last.lastId + 1 === firstId) {
      last.lastId = lastId;
      return;
    }
    const range = { stream, firstId, lastId };
    if (this.#ranges.length < RANGES_MAX) this.#ranges.push(range);
    else this.#left++;
    this.#last.set(stream, range);
  }
}
