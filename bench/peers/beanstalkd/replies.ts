/** How long the buffer is at first. */
const LENGTH_MIN = 256 * 1024;

const LINE_FEED = 10;

const NO_BODY = new Uint8Array();

/** An answer of beanstalkd to a command: a line, sometimes with a body behind it. */
export interface Reply {
  /** The words of its line: `RESERVED`, `17`, `100`. */
  readonly words: readonly string[];
  /** What came behind the line, until the next reply is asked for. */
  readonly body: Uint8Array;
}

/** These have a body, and the last word is its length. */
const WITH_BODY: ReadonlySet<string> = new Set(["RESERVED", "OK", "FOUND"]);

/** The replies that come in from a connection. */
export class Replies {
  readonly #connection: Deno.Conn;
  #buffer = new Uint8Array(LENGTH_MIN);
  #begin = 0;
  #end = 0;

  /** Begins at the first reply of a connection. */
  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Waits for more bytes; tells whether there are any, else the connection has ended. */
  async fill(): Promise<boolean> {
    this.#makeRoom();
    const count = await this.#connection.read(this.#buffer.subarray(this.#end));
    if (count === null) return false;
    this.#end += count;
    return true;
  }

  /** The next reply, or `undefined` if not all of it is here. */
  take(): Reply | undefined {
    const buffer = this.#buffer;
    const lineFeed = buffer.indexOf(LINE_FEED, this.#begin);
    if (lineFeed === -1 || lineFeed >= this.#end) return undefined;
    const words = readText(buffer, this.#begin, lineFeed - 1).split(" ");
    const [word = ""] = words;
    const begin = lineFeed + 1;
    if (!WITH_BODY.has(word)) {
      this.#begin = begin;
      return { words, body: NO_BODY };
    }
    const end = begin + Number(words.at(-1));
    if (end + 2 > this.#end) return undefined;
    this.#begin = end + 2;
    return { words, body: buffer.subarray(begin, end) };
  }

  #makeRoom(): void {
    if (this.#begin > 0) {
      this.#buffer.copyWithin(0, this.#begin, this.#end);
      this.#end -= this.#begin;
      this.#begin = 0;
    }
    if (this.#end < this.#buffer.length) return;
    const buffer = new Uint8Array(this.#buffer.length * 2);
    buffer.set(this.#buffer);
    this.#buffer = buffer;
  }
}

function readText(bytes: Uint8Array, begin: number, end: number): string {
  let text = "";
  for (let index = begin; index < end; index++) {
    text += String.fromCharCode(bytes[index]!);
  }
  return text;
}
