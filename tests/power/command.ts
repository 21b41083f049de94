/**
 * Runs programs of the system.
 *
 * @module
 */

/** Runs a program to its end; returns what it has printed. Rejects with its words if it fails. */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  const command = new Deno.Command(program, { args: [...args], stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout).trim();
  throw new Error(`${program} ${args.join(" ")}: ${decoder.decode(stderr).trim()}`);
}
