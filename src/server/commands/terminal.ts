/** Where a command writes. */
export interface Terminal {
  /** Whether somebody looks at standard output, so that it goes into no file and no pipe. */
  readonly isWatched: boolean;
  /** Writes a result to standard output. */
  print(text: string): void;
  /** Writes a line for people to standard error. */
  note(line: string): void;
}

/** The standard streams of this process. */
export const standardStreams: Terminal = {
  get isWatched() {
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
