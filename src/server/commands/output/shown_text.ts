/**
 * Texts of others as a terminal may show them: nothing in them moves the cursor, and their width is known.
 *
 * @module
 */

/** What a terminal would act on, or show in another order: control characters, and those of directions. */
// deno-lint-ignore no-control-regex
const UNSAFE_RULE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Shows control characters as escapes: `\n`, `\u001b`. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE_RULE, (character) => {
    const short = JSON.stringify(character).slice(1, -1);
    return short !== character
      ? short
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Characters that take no column: combining ones, and joiners. */
const NARROW_RULE = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

/** Characters that take two columns: those of East Asia, and emoji. */
const WIDE_RULE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]$/u;

/** How many columns of a terminal a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (character <= "\u007e") width++;
    else if (!NARROW_RULE.test(character)) width += WIDE_RULE.test(character) ? 2 : 1;
  }
  return width;
}

/** A text with so many columns: filled with spaces, and cut where it is longer. */
export function fitText(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text + " ".repeat(columns - widthOf(text));
  let cut = "";
  for (const character of text) {
    if (widthOf(cut + character) > columns - 1) break;
    cut += character;
  }
  return `${cut}…${" ".repeat(Math.max(0, columns - 1 - widthOf(cut)))}`;
}
