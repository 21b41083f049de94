/**
 * What a word is.
 *
 * @module
 */

/**
 * A word is what stands between white space, as for `wc -w` in a UTF-8 locale: beside the white space
 * of ASCII, the spaces of other scripts and those at which no line may break end a word.
 */
const WORD_RULE = /[^\t-\r \u00a0\u1680\u2000-\u200a\u202f\u205f\u2060\u3000]+/g;

/** Control characters alone are no word for `wc`, nor is what no character is assigned to. */
const BLANK_RULE = /^[\p{Cc}\p{Cn}]+$/u;

const decoder = new TextDecoder();

/** Counts the words of a text, given as its bytes. */
export function countWords(bytes: Uint8Array): number {
  const words = decoder.decode(bytes).match(WORD_RULE) ?? [];
  return words.filter((word) => !BLANK_RULE.test(word)).length;
}
