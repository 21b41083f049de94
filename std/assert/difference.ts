/**
 * Two values side by side, as the message of a failed assertion shows them.
 *
 * @module
 */

/** How many equal lines are shown before and after the ones that differ. */
const CONTEXT_LINES = 3;

/**
 * Shows a value over as many lines as it needs.
 *
 * @param value The value.
 * @returns Its text.
 */
export function show(value: unknown): string {
  return Deno.inspect(value, {
    compact: false,
    depth: Infinity,
    iterableLimit: Infinity,
    sorted: true,
    strAbbreviateSize: Infinity,
    trailingComma: true,
  });
}

/**
 * Shows where two values differ: the lines of one with `-`, those of the other with `+`.
 *
 * @param actual What was found.
 * @param expected What was expected.
 * @returns The lines that differ and a few around them.
 */
export function showDifference(actual: unknown, expected: unknown): string {
  const found = show(actual).split("\n");
  const wanted = show(expected).split("\n");
  const lengthMin = Math.min(found.length, wanted.length);
  let head = 0;
  while (head < lengthMin && found[head] === wanted[head]) head++;
  let tail = 0;
  while (tail < lengthMin - head && found.at(-1 - tail) === wanted.at(-1 - tail)) tail++;
  return [
    "  [found: -]  [expected: +]",
    ...found.slice(Math.max(0, head - CONTEXT_LINES), head).map((line) => `    ${line}`),
    ...found.slice(head, found.length - tail).map((line) => `-   ${line}`),
    ...wanted.slice(head, wanted.length - tail).map((line) => `+   ${line}`),
    ...found.slice(found.length - tail).slice(0, CONTEXT_LINES).map((line) => `    ${line}`),
  ].join("\n");
}
