/**
 * The npm package: its tarball, and what would break a program that uses it. `deno task test:runtimes` makes it and
 * uses it.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { findPackageMistakes } from "../../npm/package_check.ts";
import { writeManifest } from "../../npm/package_manifest.ts";
import { type Files, readTarball, writeTarball } from "../../npm/tarball.ts";

/** Files with these texts. */
function filesOf(texts: Readonly<Record<string, string>>): Files {
  const encoder = new TextEncoder();
  return new Map(Object.entries(texts).map(([path, text]) => [path, encoder.encode(text)]));
}

/** A package in which nothing is wrong. */
const GOOD = {
  "package.json": '{ "exports": { ".": { "types": "./a.d.ts", "default": "./a.js" } } }',
  "a.js": 'import { b } from "./src/b.js";\nconst text = ["from", from];\nexport { b };\n',
  "a.d.ts": '/** Runs on Deno. */\nexport { b } from "./src/b.js";\n',
  "src/b.js": 'import { isIP } from "node:net";\nexport const b = () => import("../a.js");\n',
  "src/b.d.ts": "export declare const b: () => Promise<unknown>;\n",
};

Deno.test("a tarball is read as it was written, and the same files are the same bytes", async () => {
  const files = filesOf({ ...GOOD, "empty.txt": "", "full.txt": "x".repeat(512) });
  const bytes = await writeTarball(files);
  const back = await readTarball(new Uint8Array(bytes));
  const sorted = [...files].toSorted(([a], [b]) => a < b ? -1 : 1);
  assertEquals([...back], sorted);
  assertEquals(await writeTarball(back), bytes);
});

Deno.test("a path that does not fit is refused", async () => {
  const files = filesOf({ [`${"deep/".repeat(20)}a.js`]: "" });
  await assertRejects(() => writeTarball(files), Error, "is longer than 100 bytes");
});

const PLANTED: readonly [what: string, texts: Record<string, string>, mistakes: string[]][] = [
  ["a package", { "a.js": 'import x from "@std/async";' }, ["a.js imports @std/async"]],
  ["a module that is missing", { "a.js": 'import "./c.js";' }, ["a.js imports ./c.js"]],
  ["a source", { "a.js": 'export * from "./src/b.ts";' }, ["a.js imports ./src/b.ts"]],
  ["types of Node", { "a.d.ts": 'import type { Socket } from "node:net";' }, [
    "a.d.ts imports node:net",
  ]],
  ["a name of Deno", { "a.d.ts": "export type A = Deno.TcpConn;" }, ["a.d.ts names Deno"]],
  [
    "an entry without types",
    { "package.json": '{ "exports": { "./b": { "types": "./b.d.ts" } } }' },
    ['"./b" leads to ./b.d.ts, which is not there'],
  ],
];

for (const [what, texts, mistakes] of PLANTED) {
  Deno.test(`a package is not made with ${what}`, () => {
    assertEquals(findPackageMistakes(filesOf({ ...GOOD, ...texts })), mistakes);
  });
}

Deno.test("a package in order is let pass", () => {
  assertEquals(findPackageMistakes(filesOf(GOOD)), []);
});

Deno.test("the package has the name and the version of deno.json, and needs no other one", () => {
  const { name, version, exports, ...rest } = JSON.parse(writeManifest());
  assertEquals([name, version], [manifest.name, manifest.version]);
  assertEquals(Object.keys(exports), [".", "./client", "./protocol"]);
  assertEquals(Object.keys(rest).filter((key) => /dependencies/i.test(key)), []);
});
