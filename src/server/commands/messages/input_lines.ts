/** The longest line, in bytes; longer ones are no lines. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Reads lines as they come: each array has those that arrived together, so that a person who types gets an
 * answer to each line, and a file goes in large pieces.
 *
 * @param input The bytes, in UTF-8.
 * @throws {RangeError} If a line is longer than 64 MiB.
 */
export async function* readLines(
  input: ReadableStream<Uint8Array>,
): AsyncGenerator<readonly string[]> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of input) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_BYTES_MAX) {
      throw new RangeError(`Cannot read a line: it has more than ${LINE_BYTES_MAX} bytes`);
    }
    if (lines.length > 0) yield lines.map(withoutReturn);
  }
  rest += decoder.decode();
  if (rest !== "") yield [withoutReturn(rest)];
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
