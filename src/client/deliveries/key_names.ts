/** How many names are kept; a power of two. */
const NAMES_MAX = 4096;

/** A key of a stream, and its name. */
interface KnownKey {
  readonly stream: string;
  readonly bytes: Uint8Array;
  readonly name: string;
}

// A mark in front of a key is a part of it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The names of keys among those of all streams, found by their bytes: the same key gives the same string again, whose
 * hash is known. Making a string of each message's key would take more time than all the rest of handing it out.
 *
 * Each key has two places. Of keys that fall upon the same ones only the last two are kept; the others are made again.
 */
export class KeyNames {
  readonly #known: (KnownKey | undefined)[] = [];

  /** The name of the key that lies in `bytes` from `start` to `end`. */
  find(stream: string, bytes: Uint8Array, start: number, end: number): string {
    let hash = end - start;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    const place = (hash ^ hash >>> 15) & (NAMES_MAX - 1);
    const known = this.#known[place];
    if (known !== undefined && isKey(known, stream, bytes, start, end)) return known.name;
    const other = this.#known[place ^ 1];
    if (other !== undefined && isKey(other, stream, bytes, start, end)) return other.name;
    const key = bytes.slice(start, end);
    const name = `${decoder.decode(key)}\n${stream}`;
    if (known !== undefined) this.#known[place ^ 1] = known;
    this.#known[place] = { stream, bytes: key, name };
    return name;
  }
}

/** Whether a key of a stream lies in `bytes` from `start` to `end`. */
function isKey(
  { stream, bytes: key }: KnownKey,
  other: string,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  if (stream !== other || key.length !== end - start) return false;
  for (let index = 0; index < key.length; index++) {
    if (key[index] !== bytes[start + index]) return false;
  }
  return true;
}
