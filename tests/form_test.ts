/**
 * Holds how large folders, files and functions are, and that ARCHITECTURE.md names every folder.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  FILES_MAX,
  findFullFolders,
  findFunctions,
  findLongParts,
  FUNCTION_LINES_MAX,
  LINES_MAX,
} from "./support/checking/form_rules.ts";

const ROOT = new URL("../", import.meta.url);

/** Folders of the repository whose files are its own. */
const FOLDERS = [".ci", "bench", "docs", "examples", "src", "std", "tests", "ui"];

/** Written by old versions of the journal, to be read by new ones. */
const FIXTURES = /\/formats\/v\d+\//;

/** All files below a folder, by their path from the root. */
function listFiles(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory ? listFiles(`${folder}${name}/`) : [`${folder}${name}`]
  );
}

/** The files beside the folders: programs of a newcomer lie there, too, which git does not know. */
function listTop(): string[] {
  const git = new Deno.Command("git", { args: ["ls-files", ":(glob)*"], cwd: ROOT });
  const known = new Set(new TextDecoder().decode(git.outputSync().stdout).split("\n"));
  return [...Deno.readDirSync(ROOT)].filter(({ isFile }) => isFile).map(({ name }) => name)
    .filter((name) => known.size === 1 || known.has(name));
}

const TOP = listTop();
const FILES = [...TOP, ...FOLDERS.flatMap((folder) => listFiles(`${folder}/`))]
  .filter((path) => !FIXTURES.test(path));
const SOURCES = FILES.filter((path) => /\.(?:ts|js|css)$/.test(path));

Deno.test(`a folder has at most ${FILES_MAX} files`, () => {
  assertGreater(FILES.length, 400);
  assertEquals(findFullFolders(FILES), []);
});

Deno.test(`a file has at most ${LINES_MAX} lines, a function at most ${FUNCTION_LINES_MAX}`, () => {
  assertGreater(SOURCES.length, 400);
  const mistakes = SOURCES.flatMap((path) =>
    findLongParts(path, Deno.readTextFileSync(new URL(path, ROOT)))
  );
  assertEquals(mistakes, []);
});

Deno.test("ARCHITECTURE.md names every folder of the sources, and none that is not there", () => {
  const text = Deno.readTextFileSync(new URL("ARCHITECTURE.md", ROOT));
  const named = [...text.matchAll(/`((?:src|std|tests|bench|docs|examples|ui)\/[\w/]*)`/g)]
    .map(([, folder]) => folder!).filter((path) => path.endsWith("/"));
  const folders = new Set(
    FILES.map((path) => path.slice(0, path.lastIndexOf("/") + 1))
      .filter((folder) => folder.startsWith("src/")),
  );
  const all = new Set([
    ...folders,
    ...FOLDERS.filter((name) => name !== ".ci" && name !== "src").map((name) => `${name}/`),
  ]);
  assertEquals([...all].filter((folder) => !named.includes(folder)).sort(), [], "not named");
  assertEquals(named.filter((folder) => !FILES.some((path) => path.startsWith(folder))), []);
});

Deno.test("functions are found with their lengths, whatever their heads are", () => {
  const lines = [
    "export class A {", //                     1
    "  #a(", //                                2
    "    b: number,", //
    "  ): Promise<void> {", //
    "    if (b > 0) {", //
    "      return;", //
    "    }", //
    "  }", //                                  8
    "  get size(): number {", //               9
    "    return 1;", //
    "  }", //
    "}", //
    "const run = async (x: number) => {", //   13
    "  for (const y of [x]) {", //
    "    while (y > 0) {", //
    "      f(y);", //
    "    }", //
    "  }", //
    "};", //
    'Deno.test("it", async () => {', //        20
    "  await run(1);", //
    "});", //
    "export default async function (", //      23
    "  a: string,", //
    ") {", //
    "  await a;", //
    "}", //                                    27
  ];
  assertEquals(findFunctions(lines).map(({ line, length }) => [line, length]), [
    [2, 7],
    [9, 3],
    [13, 7],
    [20, 3],
    [23, 5],
  ]);
});

Deno.test("a folder, a file and a function that are too long are told of", () => {
  const files = Array.from({ length: FILES_MAX }, (_, index) => `src/a/${index}.ts`);
  assertEquals(findFullFolders([...files, "src/a/b/c.ts"]), []);
  assertEquals(findFullFolders([...files, "src/a/b.ts"]), ["src/a/ has 16 files, 15 are allowed"]);
  const body = "  a();\n".repeat(FUNCTION_LINES_MAX - 2);
  assertEquals(findLongParts("a.ts", `function a() {\n${body}}\n`), []);
  assertEquals(findLongParts("a.ts", `function a() {\n  b();\n${body}}\n`), [
    "a.ts:1 function a() { has 71 lines, 70 are allowed",
  ]);
  const full = "\n".repeat(LINES_MAX);
  assertEquals(findLongParts("a.ts", full), []);
  assert(findLongParts("a.ts", `${full}\n`)[0]!.includes("a.ts has 401 lines"));
});
