/**
 * All programs of the documents pass the type check, and print what the documents show when they run
 * in the order of their page. README.md in `tests/docs/` says how a page is written.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { isLong } from "../support/length.ts";
import { Page, ROOT } from "./page.ts";
import { Reader } from "./reader.ts";

const pages = Page.readAll().filter((page) => page.hasPrograms);
const english = pages.filter(({ path }) => !path.startsWith("docs/ru/"));

for (const page of english) {
  Deno.test({
    name: `${page.path}: what is shown is what happens`,
    // What is ended by Ctrl-C leaves its timers behind.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using reader = await Reader.open(page);
      await reader.readAll();
    },
  });
}

async function checkTypes(): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    for (const { path, programs } of english) {
      const folder = `${directory}/${path}`;
      await Deno.mkdir(folder, { recursive: true });
      for (const { name, text } of programs) await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--config", "deno.json", directory],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

// This takes longer than to run all of them.
if (isLong) Deno.test("the programs of the documents pass the type check", checkTypes);

Deno.test("a program has no name of a file that is in the repository", () => {
  const taken = [...Deno.readDirSync(ROOT)].map(({ name }) => name);
  for (const { path, programs } of english) {
    for (const { name } of programs) assert(!taken.includes(name), `${path}: ${name}`);
  }
});

for (const page of pages.filter(({ path }) => path.startsWith("docs/ru/"))) {
  Deno.test(`${page.path} shows the same blocks as the English page`, () => {
    const path = page.path.endsWith("README.md") ? "README.md" : page.path.replace("ru/", "");
    const other = pages.find((one) => one.path === path)!;
    const show = ({ language, text }: { language: string; text: string }) => [
      language,
      // Comments of a shell are in the language of the page.
      language === "sh" ? text.replaceAll(/ *#.*$/gm, "") : text,
    ];
    assertEquals(page.blocks.map(show), other.blocks.map(show));
  });
}
