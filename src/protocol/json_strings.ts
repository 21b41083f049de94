/**
 * The most strings, keys included, in JSON that a broker takes from a client and makes objects of. The runtime
 * keeps each of them in a table whose hash is known: a client could choose strings that collide, and time
 * grows with the square of their number.
 */
export const JSON_STRINGS_MAX = 256;

/**
 * Whether a JSON text may have more strings than that. One with many quotes inside of strings may be
 * taken for one.
 */
export function hasManyStrings(text: string, stringsMax: number = JSON_STRINGS_MAX): boolean {
  if (text.length <= 2 * stringsMax) return false;
  let quoteCount = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) {
    if (++quoteCount > 2 * stringsMax) return true;
  }
  return false;
}
