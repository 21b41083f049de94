/**
 * The runtimes, from npm: real programs, in a folder outside of the checkout.
 *
 * @module
 */

/** A program that runs JavaScript. */
export interface Runtime {
  readonly name: string;
  /** What starts it, and what comes before the path of a program. */
  readonly command: readonly string[];
}

/** The packages with runtimes, and where these are in them. */
const PACKAGES: readonly { readonly name: string; readonly spec: string; readonly path: string }[] =
  [
    { name: "Node 22", spec: "node@22", path: "node/bin/node" },
    { name: "Node 24", spec: "node@24", path: "node/bin/node" },
    { name: "Bun", spec: "bun@1", path: "bun/bin/bun.exe" },
  ];

/** Installs the runtimes; this Deno is the first of them. */
export async function installRuntimes(folder: string): Promise<Runtime[]> {
  const deno = { name: `Deno ${Deno.version.deno}`, command: [Deno.execPath(), "run", "-A"] };
  const installing = PACKAGES.map(async ({ name, spec, path }) => {
    const home = `${folder}/${spec}`;
    await installPackages(home, [spec]);
    const program = `${home}/node_modules/${path}`;
    const version = await runProgram([program, "--version"], folder);
    return { name: `${name.split(" ")[0]} ${version.trim().replace("v", "")}`, command: [program] };
  });
  return [deno, ...await Promise.all(installing)];
}

/** Installs npm packages in a folder; their own install scripts fetch what they are made of. */
export async function installPackages(folder: string, specs: readonly string[]): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const flags = ["--no-audit", "--no-fund", "--no-package-lock", "--no-update-notifier"];
  await runProgram(["npm", "install", "--prefix", ".", ...flags, ...specs], folder);
}

/** Runs a program that has to succeed; returns what it printed. */
export async function runProgram(command: readonly string[], cwd: string): Promise<string> {
  const [program = "", ...args] = command;
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, { args, cwd, stdin: "null" }).output();
  } catch (cause) {
    throw new Error(`Cannot run "${program}": is it installed?`, { cause });
  }
  const { success, stdout, stderr } = output;
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  throw new Error(`${command.join(" ")}: ${decoder.decode(stdout)}${decoder.decode(stderr)}`);
}
