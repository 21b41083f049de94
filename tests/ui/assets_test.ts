/**
 * Holds what the broker serves equal to the sources in `ui/`, and what these may contain. A Chromium
 * looks at the page in `tests/page/`.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { PAGE_ASSETS } from "../../src/server/http/page/assets/page_assets.ts";
import { readSources } from "../../ui/write_assets.ts";

const ROOT = new URL("../../", import.meta.url);

/** The texts of the assets of one kind, by their path. */
function textsOf(ending: RegExp): [string, string][] {
  return PAGE_ASSETS.filter(({ path }) => ending.test(path)).map((
    { path, content },
  ) => [path, content]);
}

/** What a strict content security policy forbids, and what would read data as HTML. */
const FORBIDDEN: readonly RegExp[] = [
  /\b(?:innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|srcdoc)\b/,
  /\bdocument\.write|\beval\(|new Function|createContextualFragment|DOMParser/,
  /\bsetAttribute\("style"|\bstyle: "|cssText/,
  /<script(?![^>]* src="\/)|<style|\sstyle="|\son[a-z]+="/,
  /@import|url\(/,
  /\bhttps?:\/\/(?!www\.w3\.org\/2000\/svg)|["'(]\/\/[a-z]/,
];

Deno.test("the broker serves the sources of the page: run `deno task ui` after a change", () => {
  const sources = readSources();
  assertGreater(sources.length, 30);
  assertEquals(PAGE_ASSETS.map(({ path }) => path), sources.map(({ path }) => path));
  const old = sources.filter(({ content, type }, index) =>
    PAGE_ASSETS[index]?.content !== content || PAGE_ASSETS[index]?.type !== type
  );
  assertEquals(old.map(({ path }) => path), []);
});

Deno.test("nothing of the page is inline, comes from elsewhere, or reads data as HTML", () => {
  const found = textsOf(/./).flatMap(([path, text]) =>
    FORBIDDEN.filter((form) => form.test(text)).map((form) => `${path}: ${form}`)
  );
  assertEquals(found, []);
  for (
    const bad of [
      "<script>x</script>",
      `<a onclick="x">`,
      "box.innerHTML = text",
      `src="https://cdn.example/x.js"`,
      `fetch("//cdn.example")`,
      `el("p", { style: "color: red" })`,
    ]
  ) assert(FORBIDDEN.some((form) => form.test(bad)), bad);
});

Deno.test("all modules of the page parse, and all files are used", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-config", "ui/app.js"],
    cwd: ROOT,
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { specifier: string; error?: string }[];
  };
  assertEquals(modules.flatMap(({ error }) => error ?? []), []);
  const loaded = modules.map(({ specifier }) => specifier.slice(`${ROOT.href}ui/`.length));
  const index = textsOf(/^\/$/)[0]![1];
  const unused = PAGE_ASSETS.map(({ path }) => path).filter((path) =>
    path !== "/" && !index.includes(`"${path}"`) && !loaded.includes(path.slice("/assets/".length))
  );
  assertEquals(unused, []);
  const linked = [...index.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path!);
  const paths = new Set(PAGE_ASSETS.map(({ path }) => path));
  assertEquals(linked.filter((path) => !paths.has(path)), []);
  // Otherwise a browser would find modules only in those that import them, round trip by round trip.
  assertEquals([...paths].filter((path) => path.endsWith(".js") && !linked.includes(path)), []);
});
