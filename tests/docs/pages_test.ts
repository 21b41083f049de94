/**
 * What the documents name is there, and none is longer than it may be.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { parseUsers } from "../../src/server/access/users/users_file.ts";
import { parseDeclarations } from "../../src/server/commands/streams/declared_streams.ts";
import { loadSettings } from "../../src/server/settings/load_settings.ts";
import { LINES_MAX, Page, ROOT } from "./page.ts";

const pages = Page.readAll();

/** Loads settings as the broker does. */
async function load(args: readonly string[], file: string): Promise<void> {
  const env = () => undefined;
  const readTextFile = () => Promise.resolve(file);
  await loadSettings({ args, env, readTextFile, defaultFile: "settings.yaml" });
}

function exists(path: string): boolean {
  try {
    Deno.statSync(new URL(path, ROOT));
    return true;
  } catch {
    return false;
  }
}

for (const page of pages) {
  Deno.test(`${page.path} is not too long`, () => {
    const count = page.text.trimEnd().split("\n").length;
    assert(count <= LINES_MAX[page.path]!, `${count} lines, ${LINES_MAX[page.path]} are allowed`);
  });

  Deno.test(`${page.path}: links lead somewhere`, () => {
    for (const link of page.links.filter((link) => !/^https?:/.test(link))) {
      const [, file, anchor] = /^([^#]*)#?(.*)$/.exec(link)!;
      const { href } = new URL(file === "" ? page.path : file!, new URL(page.path, ROOT));
      const path = file === "" ? page.path : href.slice(ROOT.href.length);
      assert(exists(path), `there is no ${path}`);
      if (anchor === "") continue;
      const target = Page.read(path)!;
      assert(target.anchors.includes(anchor!), `${path} has no heading for #${anchor}`);
    }
  });

  Deno.test(`${page.path}: commands name files, tasks and flags that exist`, async () => {
    const own = page.hasPrograms ? page.programs.map(({ name }) => name) : [];
    const shells = page.blocks.filter(({ language }) => language === "sh");
    const lines = shells.flatMap(({ text }) => text.trim().split("\n"))
      .map((line) => line.replace(/ *#.*$/, ""));
    for (const line of lines) {
      for (const [file] of line.matchAll(/(?<![\w./-])\w[\w/-]*\.(?:ts|yaml|md)\b/g)) {
        assert(own.includes(file) || exists(file), `there is no ${file}: ${line}`);
      }
      const [, task] = /\bdeno task ([\w:-]+)/.exec(line) ?? [];
      assert(task === undefined || task in manifest.tasks, `no task ${task}`);
      const [, flags] = /\bserver\.ts((?: --?\S+(?: [^-\s]\S*)?)+)$/.exec(line) ?? [];
      if (flags !== undefined) await load(flags.trim().split(" "), "");
    }
  });

  Deno.test(`${page.path}: files named in the text exist`, () => {
    const files = page.prose.match(/(?<=`)\w[\w./-]*\/[\w./-]+\.(?:ts|yaml|md|json)(?=`)/g) ?? [];
    const folders = page.prose.match(
      /(?<=`)(?:src|tests|docs|bench|examples|std)\/[\w./-]*\/(?=`)/g,
    );
    assertEquals([...files, ...folders ?? []].filter((path) => !exists(path)), []);
  });

  Deno.test(`${page.path}: settings and users as shown are accepted`, async () => {
    for (const { language, text } of page.blocks) {
      if (language !== "yaml") continue;
      if (/^(users|anonymous):\n/m.test(text)) parseUsers(text, page.path);
      else if (/^streams:\n/m.test(text)) parseDeclarations(text, page.path);
      else await load([], text);
    }
  });
}

Deno.test("every document is held to a number of lines, but for lists that grow", () => {
  assertEquals(pages.map(({ path }) => path), Object.keys(LINES_MAX));
  const known = [
    ...Object.keys(LINES_MAX),
    "CHANGELOG.md",
    "ARCHITECTURE.md",
    "docs/internals/limits.md",
  ];
  const found = ["", "docs/", "docs/ru/"].flatMap((folder) =>
    [...Deno.readDirSync(new URL(folder, ROOT))].map(({ name }) => `${folder}${name}`)
  );
  const documents = found.filter((path) => path.endsWith(".md"));
  assertEquals(documents.filter((path) => !known.includes(path)), []);
});

/** Figures that were measured: numbers with a separator of thousands that are not round. */
function findFigures({ text }: Page): Set<string> {
  return new Set(
    text.match(/(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])/g)?.filter((number) =>
      !number.endsWith("000")
    ),
  );
}

/** The pages in English; a translation has the figures of its original. */
const originals = pages.filter(({ path }) => !path.startsWith("docs/ru/"));

Deno.test("no figure stands in two documents", () => {
  const found = new Map<string, string>();
  for (const page of originals) {
    for (const figure of [...findFigures(page), ...page.text.match(/\b\d+×/g) ?? []]) {
      const other = found.get(figure) ?? page.path;
      assertEquals(other, page.path, `${figure} stands in both`);
      found.set(figure, page.path);
    }
  }
});

Deno.test("no stream is used by two pages, whose readers have one broker", () => {
  const rule = /(?:createStream\(|"CREATE_STREAM","message_body":)"([^"]+)"/g;
  const found = new Map<string, string>();
  for (const page of originals.filter(({ path }) => path !== "docs/testing.md")) {
    for (const [, stream] of page.blocks.flatMap(({ text }) => [...text.matchAll(rule)])) {
      const other = found.get(stream!) ?? page.path;
      assertEquals(other, page.path, `${stream} is in both`);
      found.set(stream!, page.path);
    }
  }
});

Deno.test("how many messages a second there are is said in docs/internals/benchmarks.md only", () => {
  const rule = /\d{1,3}(?:,\d{3})+ (?:\w+ )*?messages(?:\/s| a second| per second)/;
  for (const { path, prose } of originals) {
    if (path !== "docs/internals/benchmarks.md") {
      assert(!rule.test(prose), `${path}: ${rule.exec(prose)}`);
    }
  }
});
