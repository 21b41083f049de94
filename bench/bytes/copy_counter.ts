/** Copies of fewer bytes are not of bodies. */
const COUNTED_BYTES_MIN = 4096;

/** How many bytes were copied, by the place in the sources that did it. */
export type Copies = ReadonlyMap<string, number>;

/** Methods that copy bytes, with how many bytes a call copies. */
const METHODS = {
  set: (_: Uint8Array, [source]: unknown[]) => (source as ArrayLike<number>).length,
  slice: (own: Uint8Array, [start = 0, end = own.length]: unknown[]) =>
    Math.min(Number(end), own.length) - Number(start),
  copyWithin: (own: Uint8Array, [, start = 0, end = own.length]: unknown[]) =>
    Math.min(Number(end), own.length) - Number(start),
} as const;

/**
 * Counts the bytes that this process copies from one typed array to another while something is done: calls
 * of `set`, `slice` and `copyWithin` of a page at least. What the system copies is not counted.
 */
export async function countCopies(work: () => Promise<void>): Promise<Copies> {
  const copies = new Map<string, number>();
  const prototype = Uint8Array.prototype as unknown as Record<string, unknown>;
  for (const [name, measure] of Object.entries(METHODS)) {
    const original = prototype[name] as (...args: unknown[]) => unknown;
    prototype[name] = function (this: Uint8Array, ...args: unknown[]): unknown {
      const bytes = measure(this, args);
      if (bytes >= COUNTED_BYTES_MIN) {
        const place = findPlace(new Error().stack ?? "");
        copies.set(place, (copies.get(place) ?? 0) + bytes);
      }
      return original.apply(this, args);
    };
  }
  try {
    await work();
  } finally {
    // The methods of all typed arrays are there again.
    for (const name of Object.keys(METHODS)) delete prototype[name];
  }
  return copies;
}

/** The file and the function that has called, and the folder of the first caller of another side. */
function findPlace(stack: string): string {
  const lines = stack.split("\n").slice(2).map((line) =>
    /at (.*?) \(?.*\/src\/(.*?):\d+/.exec(line)
  );
  const [own] = lines;
  const side = lines.find((line) => /^(client|server|engine|broker)\//.test(line?.[2] ?? ""));
  const of = own === side || side === undefined || side === null ? "" : ` < ${side[2]}`;
  return own === undefined || own === null
    ? "elsewhere"
    : `${own[2]} ${own[1]!.replace(/^.*\./, "")}${of}`;
}
