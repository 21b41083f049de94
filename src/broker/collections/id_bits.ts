import type { IdRange } from "./id_ranges.ts";
import { RunList } from "./run_list.ts";

/** How many ids a block has, and a word of it. */
const BLOCK_IDS = 1024;
const WORD_IDS = 32;

/** Some of 1,024 consecutive ids. */
class Block {
  readonly words = new Uint32Array(BLOCK_IDS / WORD_IDS);
  count = 0;
}

/**
 * A set of ids, a bit for each one, that knows its smallest one. Ids mostly come in order, and lie near to each
 * other; a block without ids is dropped.
 */
export class IdBits {
  readonly #blocks = new Map<number, Block>();
  /** The numbers of the blocks, sorted. */
  readonly #order = new RunList();
  /** The block that was used last. */
  #lastNumber = -1;
  #last: Block | undefined;

  /** The smallest id; undefined if there is none. */
  get first(): number | undefined {
    if (this.#order.count === 0) return undefined;
    const number = this.#order.firstId;
    const { words } = this.#blocks.get(number)!;
    const index = words.findIndex((word) => word !== 0);
    const word = words[index]!;
    // The lowest bit alone, and the zeros in front of it.
    const bit = 31 - Math.clz32(word & -word);
    return number * BLOCK_IDS + index * WORD_IDS + bit;
  }

  /** Adds an id that is not here. */
  add(id: number): void {
    const number = Math.floor(id / BLOCK_IDS);
    let block = this.#find(number);
    if (block === undefined) {
      block = new Block();
      this.#blocks.set(number, block);
      this.#order.add(number, 1);
      this.#last = block;
    }
    const index = id % BLOCK_IDS;
    block.words[index >>> 5]! |= 1 << (index & 31);
    block.count++;
  }

  /** Takes out ids that are here. */
  delete(firstId: number, count: number = 1): void {
    for (let id = firstId; id < firstId + count; id++) {
      const number = Math.floor(id / BLOCK_IDS);
      const block = this.#find(number)!;
      const index = id % BLOCK_IDS;
      block.words[index >>> 5]! &= ~(1 << (index & 31));
      block.count--;
      if (block.count === 0) this.#drop(number);
    }
  }

  /** Those of some ids that are here, in order. */
  list({ firstId, count }: IdRange): number[] {
    const ids: number[] = [];
    const endId = firstId + count;
    const blocks = this.#order.list(
      Math.floor(firstId / BLOCK_IDS),
      Math.floor((endId - 1) / BLOCK_IDS) + 1,
    );
    for (const { firstId: firstBlock, count } of blocks) {
      const from = Math.max(firstId, firstBlock * BLOCK_IDS);
      const to = Math.min(endId, (firstBlock + count) * BLOCK_IDS);
      for (let id = from; id < to; id++) if (this.#has(id)) ids.push(id);
    }
    return ids;
  }

  #has(id: number): boolean {
    const index = id % BLOCK_IDS;
    const { words } = this.#find(Math.floor(id / BLOCK_IDS))!;
    return (words[index >>> 5]! & (1 << (index & 31))) !== 0;
  }

  #find(number: number): Block | undefined {
    if (number !== this.#lastNumber) {
      this.#lastNumber = number;
      this.#last = this.#blocks.get(number);
    }
    return this.#last;
  }

  #drop(number: number): void {
    this.#blocks.delete(number);
    this.#order.remove([{ firstId: number, count: 1 }]);
    this.#last = undefined;
  }
}
