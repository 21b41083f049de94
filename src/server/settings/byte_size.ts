/** The bytes of each unit, the largest first. */
const UNITS: readonly (readonly [name: string, bytes: number])[] = [
  ["TiB", 1024 ** 4],
  ["TB", 1000 ** 4],
  ["GiB", 1024 ** 3],
  ["GB", 1000 ** 3],
  ["MiB", 1024 ** 2],
  ["MB", 1000 ** 2],
  ["KiB", 1024],
  ["KB", 1000],
  ["B", 1],
];

/** Reads a whole number of bytes as people write it: `65536`, `256MiB`, `1.5 gb`. */
export function parseByteSize(text: string): number | undefined {
  const [, digits, unit] = /^(-?\d{1,16}(?:\.\d{1,6})?) ?([a-z]{0,3})$/i.exec(text.trim()) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const name = (unit || "B").toLowerCase();
  const factor = UNITS.find(([known]) => known.toLowerCase() === name)?.[1];
  const bytes = Number(digits) * (factor ?? NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Writes a number of bytes with the largest unit of 1,024s that needs no fraction. */
export function formatByteSize(bytes: number): string {
  const fitting = UNITS.find(([name, factor]) =>
    name.endsWith("iB") && bytes >= factor && bytes % factor === 0
  );
  return fitting ? `${bytes / fitting[1]}${fitting[0]}` : String(bytes);
}
