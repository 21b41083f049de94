/**
 * Tarballs as npm has them: regular files below `package/`.
 *
 * @module
 */

/** The contents of files, by their paths. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** The size of a header, and what sizes are rounded up to. */
const BLOCK_BYTES = 512;

/** The longest path that a plain header can hold, in bytes. */
const PATH_BYTES_MAX = 100;

/** The date that npm gives all files: the same files are the same bytes. */
const DATE = Date.UTC(1985, 9, 26, 8, 15) / 1000;

const PREFIX = "package/";

/** Takes a tarball apart. */
export async function readTarball(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Map<string, Uint8Array>> {
  const tar = await pipe(bytes, new DecompressionStream("gzip"));
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at < tar.length && tar[at] !== 0;) {
    const path = readText(tar, at, PATH_BYTES_MAX);
    const length = Number.parseInt(readText(tar, at + 124, 12), 8);
    const type = String.fromCharCode(tar[at + 156]!);
    if (type !== "0" && type !== "\0") {
      throw new Error(`Cannot read "${path}": it is of type ${type}`);
    }
    at += BLOCK_BYTES;
    files.set(path.slice(PREFIX.length), tar.slice(at, at + length));
    at += Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return files;
}

/** Makes a tarball, the paths in order. */
export async function writeTarball(files: Files): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const [path, bytes] of [...files].toSorted(([a], [b]) => a < b ? -1 : 1)) {
    parts.push(makeHeader(PREFIX + path, bytes.length), bytes);
    parts.push(new Uint8Array((BLOCK_BYTES - bytes.length % BLOCK_BYTES) % BLOCK_BYTES));
  }
  parts.push(new Uint8Array(2 * BLOCK_BYTES));
  const tar = new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  return await pipe(tar, new CompressionStream("gzip"));
}

function makeHeader(path: string, length: number): Uint8Array {
  const header = new Uint8Array(BLOCK_BYTES);
  const put = (at: number, text: string) => header.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0") + "\0";
  if (new TextEncoder().encode(path).length > PATH_BYTES_MAX) {
    throw new Error(`Cannot pack "${path}": its path is longer than ${PATH_BYTES_MAX} bytes`);
  }
  put(0, path);
  put(100, octal(0o644, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(length, 11));
  put(136, octal(DATE, 11));
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar\x0000");
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, octal(sum, 6) + " ");
  return header;
}

function readText(bytes: Uint8Array, at: number, length: number): string {
  const [text = ""] = new TextDecoder().decode(bytes.subarray(at, at + length)).split("\0");
  return text;
}

async function pipe(
  bytes: Uint8Array<ArrayBuffer>,
  through: CompressionStream | DecompressionStream,
): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(through);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
