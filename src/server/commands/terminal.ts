/** Where a command writes, and whom it can ask. */
export interface Terminal {
  /** Whether standard output is a terminal, and not a file or a pipe. */
  readonly isTerminal: boolean;
  /** Whether there is somebody to ask: standard input and standard error are a terminal. */
  readonly isInteractive: boolean;
  /** Whether standard output takes colours: it is a terminal, and `NO_COLOR` is not set. */
  readonly hasColors: boolean;
  /** The size of the terminal in characters; 80 by 24 where there is none. */
  readonly size: { readonly columns: number; readonly rows: number };
  /** Writes a result to standard output; throws `BrokenPipe` if nobody reads it any more. */
  print(text: string): void;
  /** Writes bytes to standard output, all of them; throws `BrokenPipe` as `print` does. */
  writeBytes(bytes: Uint8Array): Promise<void>;
  /** Writes a line for people to standard error. */
  note(line: string): void;
  /** Shows a line on standard error that the next one replaces; nothing where that is no terminal. */
  showStatus(line: string): void;
  /** Asks a person, and returns the answer; `undefined` if there is none, or nobody to ask. */
  ask(question: string): string | undefined;
  /** Asks for a text that is not shown while it is typed; `undefined` as for `ask`, and after Ctrl-C. */
  askSecret(question: string): string | undefined;
  /** Hears of each key that is pressed, at once, until it is disposed; nothing where there is nobody. */
  watchKeys(onKey: (key: string) => void): Disposable;
  /** Standard input, to be read once. */
  readInput(): ReadableStream<Uint8Array>;
}

/** The standard streams of this process. */
export const standardStreams: Terminal = {
  get isTerminal() {
    return Deno.stdout.isTerminal();
  },
  get isInteractive() {
    return Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
  },
  get hasColors() {
    return Deno.stdout.isTerminal() && !Deno.noColor;
  },
  get size() {
    try {
      return Deno.consoleSize();
    } catch {
      return { columns: 80, rows: 24 };
    }
  },
  print: (text) => write(Deno.stdout, text),
  writeBytes: async (bytes) => {
    for (let written = 0; written < bytes.length;) {
      written += await Deno.stdout.write(bytes.subarray(written));
    }
  },
  note: (line) => write(Deno.stderr, `${clearing()}${line}\n`),
  showStatus: (line) => {
    if (!Deno.stderr.isTerminal()) return;
    const { columns } = standardStreams.size;
    write(Deno.stderr, `${clearing()}${line.slice(0, columns - 1)}`);
    hasStatus = line !== "";
  },
  ask: (question) => {
    if (!standardStreams.isInteractive) return undefined;
    write(Deno.stderr, `${clearing()}${question} `);
    return readAnswer();
  },
  askSecret: (question) => {
    if (!standardStreams.isInteractive) return undefined;
    write(Deno.stderr, `${clearing()}${question} `);
    Deno.stdin.setRaw(true);
    try {
      return readSecret();
    } finally {
      Deno.stdin.setRaw(false);
      write(Deno.stderr, "\n");
    }
  },
  watchKeys: (onKey) => Deno.stdin.isTerminal() ? new KeyWatch(onKey) : { [Symbol.dispose]() {} },
  readInput: () => Deno.stdin.readable,
};

/** Reads keys as they are pressed, and shows none of them; Ctrl-C stays a signal. */
class KeyWatch implements Disposable {
  #isOver = false;

  constructor(onKey: (key: string) => void) {
    Deno.stdin.setRaw(true, { cbreak: true });
    this.#read(onKey).catch(() => {});
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    Deno.stdin.setRaw(false);
  }

  /** Reads until the end; what is read last may be lost with the process. */
  async #read(onKey: (key: string) => void): Promise<void> {
    const buffer = new Uint8Array(64);
    const decoder = new TextDecoder();
    for (;;) {
      const count = await Deno.stdin.read(buffer);
      if (count === null || this.#isOver) return;
      for (const key of decoder.decode(buffer.subarray(0, count), { stream: true })) onKey(key);
    }
  }
}

/** Whether the line on standard error is to be replaced. */
let hasStatus = false;

/** What removes the line on standard error. */
function clearing(): string {
  if (!hasStatus) return "";
  hasStatus = false;
  return "\r\u001b[K";
}

/** The most bytes of an answer. */
const ANSWER_BYTES_MAX = 1024;

/** Reads a line; a terminal gives it whole. */
function readAnswer(): string | undefined {
  const buffer = new Uint8Array(ANSWER_BYTES_MAX);
  const count = Deno.stdin.readSync(buffer);
  return count === null ? undefined : new TextDecoder().decode(buffer.subarray(0, count)).trim();
}

/** The keys of a terminal that gives each at once. */
const KEYS = {
  interrupt: 0x03,
  end: 0x04,
  backspace: 0x08,
  newline: 0x0a,
  enter: 0x0d,
  delete: 0x7f,
};

/** Reads keys up to the one that ends a line; `undefined` after Ctrl-C, or Ctrl-D at the beginning. */
function readSecret(): string | undefined {
  const key = new Uint8Array(1);
  const typed: number[] = [];
  while (typed.length < ANSWER_BYTES_MAX && Deno.stdin.readSync(key) !== null) {
    const [byte = 0] = key;
    if (byte === KEYS.interrupt || byte === KEYS.end && typed.length === 0) return undefined;
    if (byte === KEYS.enter || byte === KEYS.newline || byte === KEYS.end) break;
    if (byte !== KEYS.backspace && byte !== KEYS.delete) typed.push(byte);
    // A character may be several bytes, of which all but the first begin with the bits 10.
    else while (((typed.pop() ?? 0) & 0xc0) === 0x80);
  }
  return new TextDecoder().decode(new Uint8Array(typed));
}

function write(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) {
    written += stream.writeSync(bytes.subarray(written));
  }
}
