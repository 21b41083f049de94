/**
 * Plants bugs in a copy of the project, one at a time, and sees whether the tests find them.
 *
 * ```sh
 * deno task test:planted              # all of them
 * deno task test:planted flush        # those with a word in their description
 * TEST_LENGTH=short deno task test:planted  # by the tests as they are in the suite
 * ```
 *
 * @module
 */

import { PLANTED_BUGS } from "./bugs.ts";
import type { PlantedBug } from "./planted_bug.ts";

const ROOT = new URL("../../", import.meta.url);

/** What a copy of the project is made of. */
const PARTS = ["docs", "npm", "src", "std", "tests", "ui"];

/**
 * Puts a bug into a source.
 *
 * @throws {Error} If the place that it belongs to is not there exactly once.
 */
export function plant(source: string, { what, file, from, to }: PlantedBug): string {
  const count = source.split(from).length - 1;
  if (count !== 1) throw new Error(`"${what}" has ${count} places in ${file}, not one`);
  return source.replace(from, () => to);
}

async function copy(from: URL, to: string): Promise<void> {
  for await (const entry of Deno.readDir(from)) {
    const path = `${to}/${entry.name}`;
    if (entry.isDirectory) {
      await Deno.mkdir(path);
      await copy(new URL(`${entry.name}/`, from), path);
    } else {
      await Deno.copyFile(new URL(entry.name, from), path);
    }
  }
}

/** Copies what the tests need. */
async function copyProject(to: string): Promise<void> {
  for await (const entry of Deno.readDir(ROOT)) {
    const isPart = entry.isDirectory ? PARTS.includes(entry.name) : entry.isFile;
    if (!isPart) continue;
    if (entry.isFile) await Deno.copyFile(new URL(entry.name, ROOT), `${to}/${entry.name}`);
    else {
      await Deno.mkdir(`${to}/${entry.name}`);
      await copy(new URL(`${entry.name}/`, ROOT), `${to}/${entry.name}`);
    }
  }
}

/** Runs tests; resolves to whether all of them passed. */
async function passes(directory: string, [command = "", ...rest]: readonly string[]) {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [command, "--no-check", ...rest],
    cwd: directory,
    env: { NO_COLOR: "1", TEST_LENGTH: Deno.env.get("TEST_LENGTH") ?? "long" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}

/** Plants a bug for as long as the tests run that have to find it; resolves to whether they did. */
async function isFound(directory: string, bug: PlantedBug): Promise<boolean> {
  const path = `${directory}/${bug.file}`;
  const source = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, plant(source, bug));
  const hasPassed = await passes(directory, bug.found);
  await Deno.writeTextFile(path, source);
  return !hasPassed;
}

/** Tests that fail without a bug find nothing. */
async function checkTests(directory: string, bugs: readonly PlantedBug[]): Promise<void> {
  for (const command of new Set(bugs.map(({ found }) => found.join(" ")))) {
    if (await passes(directory, command.split(" "))) continue;
    throw new Error(`deno ${command} fails without any bug`);
  }
}

if (import.meta.main) {
  // deno-lint-ignore no-console
  const say = console.log;
  const [word = ""] = Deno.args;
  const bugs = PLANTED_BUGS.filter(({ what }) => what.includes(word));
  const directory = await Deno.makeTempDir();
  let missedCount = 0;
  try {
    await copyProject(directory);
    await checkTests(directory, bugs);
    for (const bug of bugs) {
      const found = await isFound(directory, bug);
      if (!found) missedCount++;
      say(`${found ? "found " : "MISSED"} ${bug.what}`);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  say(`planted: ${bugs.length}, found: ${bugs.length - missedCount}, missed: ${missedCount}`);
  if (missedCount > 0 || bugs.length === 0) Deno.exit(1);
}
