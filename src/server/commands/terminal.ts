/** Where a command writes. */
export interface Terminal {
  /** Whether standard output is a terminal, and not a file or a pipe. */
  readonly isTerminal: boolean;
  /** Writes a result to standard output. */
  print(text: string): void;
  /** Writes a line for people to standard error. */
  note(line: string): void;
}

/** The standard streams of this process. */
export const standardStreams: Terminal = {
  get isTerminal() {
    return Deno.stdout.isTerminal();
  },
  print: (text) => write(Deno.stdout, text),
  note: (line) => write(Deno.stderr, `${line}\n`),
};

function write(stream: typeof Deno.stdout, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) {
    written += stream.writeSync(bytes.subarray(written));
  }
}
