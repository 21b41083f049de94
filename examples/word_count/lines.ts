/**
 * Cuts a text into lines.
 *
 * @module
 */

const NEWLINE = 0x0a;

/**
 * Cuts a text into its lines, without their ends, as they come in.
 *
 * A line that is too long for one message is cut at white space, so that the words stay whole.
 *
 * @param text The bytes of the text.
 * @param bytesMax The most bytes that one message may have.
 * @returns The lines of each piece that was read.
 * @throws {RangeError} If there is a word that is too long for one message.
 */
export async function* splitLines(
  text: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<Uint8Array[]> {
  let rest: Uint8Array = new Uint8Array();
  for await (const piece of text) {
    const bytes = join(rest, piece);
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = 0; (end = bytes.indexOf(NEWLINE, start)) !== -1; start = end + 1) {
      lines.push(...cut(bytes.subarray(start, end), bytesMax));
    }
    const parts = cut(bytes.subarray(start), bytesMax);
    rest = parts.pop() ?? new Uint8Array();
    lines.push(...parts);
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0) yield [rest];
}

/** Cuts one line into parts that are short enough; there is always one at least. */
function cut(line: Uint8Array, bytesMax: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let rest = line;
  while (rest.length > bytesMax) {
    const end = rest.subarray(0, bytesMax + 1).findLastIndex(isSpace);
    if (end === -1) {
      throw new RangeError(`Cannot publish a line: it has a word of more than ${bytesMax} bytes`);
    }
    parts.push(rest.subarray(0, end));
    rest = rest.subarray(end + 1);
  }
  parts.push(rest);
  return parts;
}

/** Whether a byte is white space in ASCII: it is never part of another character in UTF-8. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other;
  const bytes = new Uint8Array(one.length + other.length);
  bytes.set(one);
  bytes.set(other, one.length);
  return bytes;
}
