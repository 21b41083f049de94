/**
 * The tests of a folder as one: loading a module with all that it needs costs as much as many tests
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
 * Imports all files with tests beside a module, in the order of their names.
 *
 * @param suite The module's URL.
 */
export async function importTests(suite: string): Promise<void> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(new URL(".", suite))) names.push(name);
  for (const name of names.filter((name) => name.endsWith("_test.ts")).sort()) {
    const { href } = new URL(name, suite);
    if (ALONE.has(href)) continue;
    try {
      await import(href);
    } catch (error) {
      // The others are to run all the same.
      Deno.test(`${name} can be loaded`, () => {
        throw error;
      });
    }
  }
}
