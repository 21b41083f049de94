/** The key of a hash: two words of 32 bits. */
export type HashKey = readonly [number, number];

/** The rounds at the end, for each 32 bits of the hash. */
const LAST_ROUNDS = 3;

/** The room for words at first; it doubles. */
const WORDS_MIN = 64;

/**
 * HalfSipHash-1-3: a hash with a secret key, so that nobody can choose texts that collide.
 *
 * The runtime's own hash of strings is the same in all of its processes, and that of numbers is public: a
 * client that chooses the keys of a plain `Map` can make each access pass all other entries. The key is random
 * in a broker, and may be fixed in tests.
 */
export class KeyedHash {
  /** The second half of the last hash of bytes. */
  otherHalf = 0;
  readonly #key0: number;
  readonly #key1: number;
  #words = new Int32Array(WORDS_MIN);

  constructor([key0, key1]: HashKey = [0, 0]) {
    this.#key0 = key0 | 0;
    this.#key1 = key1 | 0;
  }

  /** A hash of bytes, 64 bits: one half is returned, the other one is {@linkcode KeyedHash.otherHalf}. */
  ofBytes(bytes: Uint8Array, start: number, end: number): number {
    const count = (end - start) >> 2;
    const words = this.#require(count + 1);
    let at = start;
    for (let index = 0; index < count; index++, at += 4) {
      words[index] = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    }
    let last = (end - start) << 24;
    for (let shift = 0; at < end; at++, shift += 8) last |= bytes[at]! << shift;
    words[count] = last;
    return this.#hash(count + 1, true);
  }

  /** A hash of a text, 32 bits. */
  ofText(text: string): number {
    const { length } = text;
    const count = length >> 1;
    const words = this.#require(count + 1);
    for (let index = 0; index < count; index++) {
      words[index] = text.charCodeAt(index * 2) | text.charCodeAt(index * 2 + 1) << 16;
    }
    words[count] = length << 25 | ((length & 1) === 0 ? 0 : text.charCodeAt(length - 1));
    return this.#hash(count + 1, false);
  }

  /** Another number for each whole number of 32 bits. */
  ofNumber(number: number): number {
    return Math.imul((number ^ this.#key0) | 0, this.#key1 | 1) ^ this.#key1;
  }

  #require(count: number): Int32Array {
    if (count > this.#words.length) this.#words = new Int32Array(count * 2);
    return this.#words;
  }

  /** Hashes the first words; one round for each, and those at the end. */
  #hash(count: number, isLong: boolean): number {
    const words = this.#words;
    let a = this.#key0;
    let b = this.#key1 ^ (isLong ? 0xee : 0);
    let c = this.#key0 ^ 0x6c796765;
    let d = this.#key1 ^ 0x74656462;
    let half = 0;
    const roundCount = count + (isLong ? 2 : 1) * LAST_ROUNDS;
    for (let round = 0; round < roundCount; round++) {
      const word = round < count ? words[round]! : 0;
      if (round === count) c ^= isLong ? 0xee : 0xff;
      else if (round === count + LAST_ROUNDS) {
        half = b ^ d;
        b ^= 0xdd;
      }
      d ^= word;
      a = (a + b) | 0;
      b = (b << 5 | b >>> 27) ^ a;
      a = a << 16 | a >>> 16;
      c = (c + d) | 0;
      d = (d << 8 | d >>> 24) ^ c;
      a = (a + d) | 0;
      d = (d << 7 | d >>> 25) ^ a;
      c = (c + b) | 0;
      b = (b << 13 | b >>> 19) ^ c;
      c = c << 16 | c >>> 16;
      a ^= word;
    }
    this.otherHalf = b ^ d;
    return isLong ? half : b ^ d;
  }
}
