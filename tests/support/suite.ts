/**
 * The tests of a folder, and of those below it, as one: loading a module with all that it needs costs as much as many tests
 * take, and so it is done once for a folder and not once for each file in it.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** The files that are entries of their own: those that take long, so that others run beside them. */
const ALONE: ReadonlySet<string> = new Set(
  manifest.test.include.map((path) => new URL(path, ROOT).href),
);

/**
 * Imports all files with tests beside a module and in the folders below it, in the order of their
 * names. A folder that has a suite of its own is left to that.
 *
 * @param suite The module's URL.
 */
export async function importTests(suite: string): Promise<void> {
  for (const href of (await listTests(new URL(".", suite))).sort()) {
    if (ALONE.has(href)) continue;
    try {
      await import(href);
    } catch (error) {
      // The others are to run all the same.
      Deno.test(`${href.slice(ROOT.href.length)} can be loaded`, () => {
        throw error;
      });
    }
  }
}

/** The files with tests in a folder and below it. */
async function listTests(folder: URL): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const { href } = new URL(isDirectory ? `${name}/` : name, folder);
    if (name.endsWith("_test.ts")) found.push(href);
    if (isDirectory && !ALONE.has(`${href}suite.ts`)) found.push(...await listTests(new URL(href)));
  }
  return found;
}
