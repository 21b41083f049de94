import { abortable } from "../member/abortable.ts";
import { checkToken, type ReadToken } from "./token.ts";

/** More than a token with spaces around it, in bytes. */
const FILE_BYTES_MAX = 4096;

/** A file that holds a token and nothing else, and may be replaced by one with a new token. */
export class TokenFile {
  readonly #path: string;
  /** What names the file: an option or a variable. */
  readonly #name: string;

  constructor(path: string, name: string) {
    this.#path = path;
    this.#name = name;
  }

  /** Reads the token anew. */
  readonly read: ReadToken = async (signal) => {
    const action = "Cannot connect";
    const reading = this.#readText(action);
    const text = (await (signal ? abortable(reading, signal) : reading)).trim();
    checkToken(`the token in ${this.#path} (${this.#name})`, text, action);
    return text;
  };

  async #readText(action: string): Promise<string> {
    const where = `${this.#path} (${this.#name})`;
    let bytes: Uint8Array | undefined;
    try {
      const { stat } = await import("node:fs/promises");
      // A pipe may never end.
      if (!(await stat(this.#path)).isFile()) throw new TypeError("it is no file");
      bytes = await readSome(this.#path);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${action}: the token cannot be read from ${where}: ${why}`, { cause });
    }
    if (bytes === undefined) {
      throw new RangeError(
        `${action}: ${where} has more than ${FILE_BYTES_MAX} bytes, ` +
          "allowed is a token and nothing else",
      );
    }
    return new TextDecoder().decode(bytes);
  }
}

/** Reads a file; `undefined` if it is too large. */
async function readSome(path: string): Promise<Uint8Array | undefined> {
  const { open } = await import("node:fs/promises");
  const file = await open(path);
  try {
    const buffer = new Uint8Array(FILE_BYTES_MAX + 1);
    for (let length = 0;;) {
      const { bytesRead } = await file.read(buffer, length);
      if (bytesRead === 0) return buffer.subarray(0, length);
      length += bytesRead;
      if (length > FILE_BYTES_MAX) return undefined;
    }
  } finally {
    await file.close();
  }
}
