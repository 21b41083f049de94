/**
 * Choices that look random and follow from a seed: the generator sfc32 of Chris Doty-Humphrey.
 *
 * @module
 */

/** Numbers that follow from a seed. */
export class Random {
  #a: number;
  #b: number;
  #c = 0;
  #counter = 1;

  /** @param seed A whole number; of a large one the low 53 bits count. */
  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 0x1_0000_0000) | 0;
    // Seeds that are close to each other have not come apart before.
    for (let round = 0; round < 12; round++) this.next();
  }

  /** A number from 0 on, below 1. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 0x1_0000_0000;
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** Whether something happens that happens so often: never at 0, always at 1. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of some things. Throws a `RangeError` if there is none. */
  pick<T>(things: readonly T[]): T {
    if (things.length === 0) throw new RangeError("there is nothing to pick from");
    return things[this.below(things.length)]!;
  }
}
