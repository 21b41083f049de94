// The only place of the bench that prints.

const encoder = new TextEncoder();

/** Prints a line of the result to standard output. */
export function print(line = ""): void {
  writeLine(Deno.stdout, line);
}

/** Tells how far the bench is, on standard error: the result can be redirected into a file. */
export function tell(line: string): void {
  writeLine(Deno.stderr, line);
}

function writeLine(output: { writeSync(bytes: Uint8Array): number }, line: string): void {
  const bytes = encoder.encode(`${line}\n`);
  for (let written = 0; written < bytes.length;) {
    written += output.writeSync(bytes.subarray(written));
  }
}
