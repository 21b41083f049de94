/**
 * Runs programs of the benches.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { TestDirectory } from "../disk/journals.ts";

/** What a program has said, and the names of the files that it has left. */
export interface BenchRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly left: readonly string[];
}

/**
 * Runs a bench in a directory that goes afterwards.
 *
 * @param name Its folder in `bench/`.
 * @param args Its arguments.
 */
export async function runBench(name: string, ...args: string[]): Promise<BenchRun> {
  await using directory = await TestDirectory.create();
  const resolve = (path: string) =>
    fileURLToPath(new URL(`../../../bench/${path}`, import.meta.url));
  const isOfPeers = name === "peers";
  // The packages of the peers have a configuration of their own; without the flag, all of them would be loaded before
  // the first line runs.
  const flags = isOfPeers
    ? ["--unstable-npm-lazy-caching", "--config", resolve("peers/deno.json")]
    : [];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // Quiet: in a fresh checkout, packages are downloaded, and Deno would tell of each.
    args: ["run", "-A", "--quiet", ...flags, resolve(`${name}/main.ts`), ...args],
    cwd: directory.path,
    // No peer is to be found.
    env: { NO_COLOR: "1", ...isOfPeers && { PATH: directory.path } },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  const left = await listFiles(directory.path);
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), left };
}

/** The names of the files in a directory. */
export async function listFiles(directory: string): Promise<string[]> {
  return await Array.fromAsync(Deno.readDir(directory), ({ name }) => name);
}
