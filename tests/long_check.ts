/**
 * All tests that have a short form, at full length: `deno task test:long`.
 *
 * @module
 */

import { assertGreater } from "@std/assert";

const ROOT = new URL("./", import.meta.url);

/** Files with tests that choose their length, by their text: so none is forgotten. */
async function listTests(folder: URL): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const url = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory) found.push(...await listTests(url));
    else if (
      name.endsWith("_test.ts") && (await Deno.readTextFile(url)).includes("/support/length.ts")
    ) {
      found.push(url.href);
    }
  }
  return found.sort();
}

Deno.env.set("TEST_LENGTH", "long");
const tests = await listTests(ROOT);
for (const test of tests) await import(test);

Deno.test("tests that have a short form are found", () => assertGreater(tests.length, 5));
