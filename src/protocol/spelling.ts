/** The longest name that is compared; a longer one is no misspelling. */
const NAME_LENGTH_MAX = 64;

/** The least number of characters with which both names must begin. */
const BEGINNING_LENGTH_MIN = 3;

/**
 * Finds the known name nearest to a mistaken one, if one is near. `-`, `_`, `.` and the case are ignored, and
 * the last part of a known name is enough: `engine` finds `storage.engine`. If none is near, a known name
 * counts that begins with the mistaken one, or the other way round: `hostname` finds `host`.
 */
export function findNearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > NAME_LENGTH_MAX) return undefined;
  const [mistaken, mistakenEnd] = simplify(name);
  const all = [...known];
  let nearest: string | undefined;
  let least = Math.max(1, Math.floor(mistaken.length / 3)) + 1;
  for (const candidate of all) {
    for (const form of simplify(candidate)) {
      const distance = countEdits(mistaken, form);
      if (distance < least) [nearest, least] = [candidate, distance];
    }
  }
  return nearest ?? all.find((candidate) => {
    const [whole, end] = simplify(candidate);
    // Here only the last part of the mistaken name counts: the whole may begin with the name of a group.
    return isBeginning(mistaken, whole) || isBeginning(mistaken, end) ||
      isBeginning(end, mistakenEnd);
  });
}

function isBeginning(short: string, long: string): boolean {
  return short.length >= BEGINNING_LENGTH_MIN && long.startsWith(short);
}

/** A name and its last part, without the ignored characters. */
function simplify(name: string): [whole: string, end: string] {
  const lower = name.toLowerCase();
  const end = lower.slice(lower.lastIndexOf(".") + 1);
  return [lower.replaceAll(/[-_.]/g, ""), end.replaceAll(/[-_]/g, "")];
}

/** Counts the characters to insert, remove, replace, or swap with the next one. */
function countEdits(from: string, to: string): number {
  const rows = [Array.from({ length: to.length + 1 }, (_, index) => index)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= from.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= to.length; j++) {
      const isSwap = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      rows[i]!.push(Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1),
        isSwap ? at(i - 2, j - 2) + 1 : Infinity,
      ));
    }
  }
  return at(from.length, to.length);
}
