const encoder = new TextEncoder();

function print(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

/** What was checked, and how it went. */
export class CheckList {
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  /** Notes a check that this machine cannot make. */
  skip(name: string, why: string): void {
    this.#skipped++;
    print(`skipped ${name}: ${why}`);
  }

  /** Runs a check, and prints its outcome; what it throws is why it failed. */
  async check(name: string, run: () => Promise<string | void> | string | void): Promise<void> {
    try {
      const more = await run();
      this.#passed++;
      print(`ok      ${name}${more ? `: ${more}` : ""}`);
    } catch (error) {
      this.#failed++;
      const why = error instanceof Error ? error.message : String(error);
      print(`FAILED  ${name}\n${why.replaceAll(/^/gm, "        ")}`);
    }
  }

  /** Prints the sum, as CI reads it; returns the exit code. */
  finish(): number {
    const verdict = this.#failed === 0 ? "ok" : "FAILED";
    const skipped = this.#skipped > 0 ? ` | ${this.#skipped} ignored` : "";
    print(`\n${verdict} | ${this.#passed} passed | ${this.#failed} failed${skipped} (all)`);
    return this.#failed === 0 ? 0 : 1;
  }
}

/** Whether the machine has a command. */
export async function hasCommand(name: string): Promise<boolean> {
  return (await runCommand("sh", ["-c", `command -v ${name}`])).code === 0;
}

/** The root of the checkout. */
export const ROOT: URL = new URL("../../", import.meta.url);

/** Reads a file of the checkout. */
export function readText(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** The outcome of a command. */
export interface Outcome {
  readonly code: number;
  /** Standard output and standard error. */
  readonly text: string;
}

/** Runs a command to its end. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: Omit<Deno.CommandOptions, "args" | "stdin" | "stdout" | "stderr"> = {},
): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    ...options,
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Runs a command; throws what it printed if it fails. */
export async function requireCommand(
  ...parameters: Parameters<typeof runCommand>
): Promise<string> {
  const { code, text } = await runCommand(...parameters);
  if (code !== 0) throw new Error(`${parameters[0]} ended with exit code ${code}:\n${text}`);
  return text;
}
