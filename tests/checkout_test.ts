/**
 * What a program gets that uses a checkout: SimpleMQ and nothing else, neither what the tests need
 * nor stand-ins in the place of packages of its own. And what JSR gets.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { cpSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../deno.json" with { type: "json" };
import published from "../jsr.json" with { type: "json" };
import { isLong } from "./support/length.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** The packages that the broker is built on; the client is built on none. */
const BROKER_PACKAGES = ["croner", "minimist", "re2js", "yaml"];

/** Runs this Deno; gives what it printed. */
async function runDeno(
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const { cwd = ROOT, env = {} } = options;
  const command = new Deno.Command(Deno.execPath(), { args, cwd, env: { NO_COLOR: "1", ...env } });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** The specifiers of everything that importing a module loads. */
async function listModules(entry: string, cwd: string): Promise<string[]> {
  const { modules } = JSON.parse(await runDeno(["info", "--json", entry], { cwd }));
  return modules.map(({ specifier }: { specifier: string }) => specifier);
}

/** Makes a directory with these files, for as long as `use` takes. */
async function withFiles(
  files: Record<string, string>,
  use: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.realPath(await Deno.makeTempDir());
  try {
    for (const [path, text] of Object.entries(files)) {
      const file = `${directory}/${path}`;
      await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
      await Deno.writeTextFile(file, text);
    }
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** A package that a project has from elsewhere, as it would from JSR: more than our stand-in has. */
const OWN_ASYNC = {
  "own/deno.json": JSON.stringify({
    name: "@std/async",
    version: "1.99.0",
    exports: { "./retry": "./retry.ts" },
  }),
  "own/retry.ts": "export const retry = <Result>(call: () => Result): Result => call();\n",
};

/** A program that follows with SimpleMQ, and uses its own `@std/async`. */
const PROGRAM = `
import { retry } from "@std/async/retry";
import { connect } from "@simplemq/simplemq";
console.log(typeof connect, retry(() => "tried again"));
`;

/** A program that is a broker. */
const BROKER_PROGRAM = `
import { retry } from "@std/async/retry";
import { serve } from "@simplemq/simplemq/server";
await using broker = await serve({ port: 0, storage: { engine: "memory" } });
console.log(broker.engine, retry(() => "tried again"));
`;

/** The configuration that docs/testing.md shows for a project beside a checkout. */
function readShown(): { imports: Record<string, string>; links: string[] } {
  const [, json = ""] =
    /```json\n(.*?)```/s.exec(Deno.readTextFileSync(`${ROOT}docs/testing.md`)) ?? [];
  return JSON.parse(json);
}

/** The ways in which a project names a checkout. */
const WAYS: [way: string, imports: Record<string, string>, isLinked: boolean][] = [
  ["links, as docs/testing.md says,", readShown().imports, true],
  ["paths", {
    "@simplemq/simplemq": `${ROOT}mod.ts`,
    "@simplemq/simplemq/server": `${ROOT}server.ts`,
  }, false],
];

Deno.test("importing the client loads the client, and of what is not ours only node:", async () => {
  for (const entry of ["mod.ts", "client.ts", "protocol.ts"]) {
    const modules = await listModules(entry, ROOT);
    assert(modules.length > 5, "the list is the real one");
    const own = /^(mod|client|protocol)\.ts$|^src\/(client|transport|protocol)\//;
    const unwanted = modules.filter((module) => {
      if (!module.startsWith("file:")) return !module.startsWith("node:");
      return !own.test(relative(ROOT, fileURLToPath(module)));
    });
    assertEquals(unwanted, [], entry);
  }
});

Deno.test("no type that the client shows is one of Deno's", async () => {
  for (const entry of ["mod.ts", "protocol.ts"]) {
    const doc = await runDeno(["doc", "--json", entry]);
    assert(doc.includes('"typeName":"Uint8Array"') || doc.includes('"typeName": "Uint8Array"'));
    assertEquals(doc.match(/"(typeName|repr)": ?"Deno\b[^"]*"/g), null, entry);
  }
});

for (const [way, imports, isLinked] of WAYS) {
  Deno.test(`a project that names a checkout with ${way} keeps its own @std`, async () => {
    await withFiles(
      { "main.ts": PROGRAM, "broker.ts": BROKER_PROGRAM, ...OWN_ASYNC },
      async (cwd) => {
        const config = {
          imports: { ...imports, "@std/async": "jsr:@std/async@^1" },
          links: [...isLinked ? [relative(cwd, ROOT)] : [], "./own"],
        };
        assertEquals(readShown().links, ["../simplemq"]);
        await Deno.writeTextFile(`${cwd}/deno.json`, JSON.stringify(config));
        const check = isLinked && isLong ? ["--check"] : [];
        const main = await runDeno(["run", "-A", ...check, "main.ts"], { cwd });
        assertEquals(main, "function tried again\n");
        assertEquals(await runDeno(["run", "-A", "broker.ts"], { cwd }), "memory tried again\n");
        const modules = await listModules("main.ts", cwd);
        assert(modules.some((module) => module.endsWith("/own/retry.ts")));
        assertEquals(modules.filter((module) => module.startsWith("npm:")), []);
      },
    );
  });
}

Deno.test("a broker in a checkout downloads the packages that it is built on, and no others", async () => {
  const { npmCache } = JSON.parse(await runDeno(["info", "--json"]));
  await withFiles({}, async (denoDir) => {
    for await (const { name: registry } of Deno.readDir(npmCache)) {
      for (const name of BROKER_PACKAGES) {
        const [from, to] = [npmCache, `${denoDir}/npm`].map((dir) => `${dir}/${registry}/${name}`);
        // Of several registries that were used here, one may have only some of them.
        try {
          cpSync(from!, to!, { recursive: true });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        }
      }
    }
    // Nothing else can be had: with `--cached-only` a download is an error.
    const env = { DENO_DIR: denoDir };
    const help = await runDeno(["run", "-A", "--cached-only", "server.ts", "--help"], { env });
    assert(help.startsWith("SimpleMQ, a message queue."));
  });
});

Deno.test("what goes to JSR is what the checkout is, with the real @std", () => {
  const { name, version, license, exports, compilerOptions } = manifest;
  assertEquals(
    [published.name, published.version, published.license, published.exports],
    [name, version, license, exports],
  );
  assertEquals(published.compilerOptions, compilerOptions);
  const names = Object.keys(manifest.imports).filter((key) => /^@std\/\w+$/.test(key));
  assertEquals(
    Object.entries(published.imports).filter(([key]) => key.startsWith("@std/")),
    names.map((key) => [key, `jsr:${key}@^1`]),
  );
  assertEquals(published.workspace, names.map((key) => `./${key.slice(1)}`));
  assertEquals(published.imports.re2js, manifest.imports.re2js);
});
