/**
 * Which known name somebody may have meant.
 *
 * @module
 */

/** A longer name is not looked at: nobody misspells that much. */
const NAME_LENGTH_MAX = 64;

/** Names have to begin alike with so many characters at least. */
const BEGINNING_LENGTH_MIN = 3;

/**
 * Finds the known name nearest to a mistaken one. `-`, `_`, `.` and the case do not count, and the
 * last part of a known name is enough: `engine` finds `storage.engine`. If none is near, one that
 * begins with the mistaken name, or that the mistaken name begins with, is: `hostname` finds `host`.
 *
 * @param name The mistaken name.
 * @param known The names to choose from.
 * @returns The nearest, or `undefined` if none is near.
 */
export function findNearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > NAME_LENGTH_MAX) return undefined;
  const mistaken = simplify(name);
  const all = [...known];
  let nearest: string | undefined;
  let least = Math.max(1, Math.floor(mistaken.length / 3)) + 1;
  for (const candidate of all) {
    const distance = Math.min(
      countEdits(mistaken, simplify(candidate)),
      countEdits(mistaken, simplify(lastPart(candidate))),
    );
    if (distance >= least) continue;
    nearest = candidate;
    least = distance;
  }
  return nearest ?? all.find((candidate) =>
    isBeginning(mistaken, simplify(candidate)) ||
    isBeginning(mistaken, simplify(lastPart(candidate))) ||
    // Not of the whole mistaken name, which may begin with the name of a group.
    isBeginning(simplify(lastPart(candidate)), simplify(lastPart(name)))
  );
}

function isBeginning(short: string, long: string): boolean {
  return short.length >= BEGINNING_LENGTH_MIN && long.startsWith(short);
}

function lastPart(name: string): string {
  return name.split(".").at(-1) ?? name;
}

function simplify(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]/g, "");
}

/** How many characters have to be put in, taken out, replaced or swapped with the next one. */
function countEdits(from: string, to: string): number {
  let previous: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      next.push(Math.min(
        at(row, j) + 1,
        at(next, j - 1) + 1,
        at(row, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1),
        isSwap ? at(previous, j - 2) + 1 : Infinity,
      ));
    }
    previous = row;
    row = next;
  }
  return at(row, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
