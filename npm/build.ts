/**
 * Makes the npm package of the client: `dist/npm/` with its files, and the tarball beside it.
 *
 * `deno pack` turns the sources into JavaScript and declarations. It takes all files of a folder, so it gets a
 * folder with nothing but the client. What it knows nothing of is added here: `package.json`, and an answer
 * for browsers.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import * as client from "../mod.ts";
import { print } from "../bench/harness/print.ts";
import manifest from "../deno.json" with { type: "json" };
import { findPackageMistakes } from "./package_check.ts";
import {
  BROWSER_MODULE,
  ENTRIES,
  LICENSE,
  NAME,
  VERSION,
  writeManifest,
} from "./package_manifest.ts";
import { readTarball, writeTarball } from "./tarball.ts";

const ROOT = new URL("../", import.meta.url);

/** What is published beside the code. */
const DOCUMENTS = ["README.md", "CHANGELOG.md", "LICENSE"];

/** A library of types that TypeScript takes for granted only in its newest targets. */
const TYPES_HEAD = '/// <reference lib="esnext.disposable" />\n';

/** Makes the package. */
export async function buildPackage(): Promise<Map<string, Uint8Array>> {
  const folder = await Deno.makeTempDir();
  try {
    for (const path of [...await findSources(), ...DOCUMENTS]) {
      const target = `${folder}/${path}`;
      await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
      await Deno.copyFile(new URL(path, ROOT), target);
    }
    const { compilerOptions } = manifest;
    const config = { name: NAME, version: VERSION, license: LICENSE, exports: ENTRIES };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ ...config, compilerOptions }));
    await runDeno(["pack", "--allow-dirty", "--no-source-maps", "-o", "packed.tgz"], folder);
    return complete(await readTarball(await Deno.readFile(`${folder}/packed.tgz`)));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The modules of the client, by their paths. */
async function findSources(): Promise<string[]> {
  const root = fileURLToPath(ROOT);
  const found = new Set<string>();
  for (const entry of Object.values(ENTRIES)) {
    const { modules } = JSON.parse(await runDeno(["info", "--json", entry], root));
    for (const { specifier } of modules as { specifier: string }[]) {
      if (specifier.startsWith(ROOT.href)) found.add(specifier.slice(ROOT.href.length));
    }
  }
  return [...found];
}

function complete(files: Map<string, Uint8Array>): Map<string, Uint8Array> {
  const encoder = new TextEncoder();
  files.set("package.json", encoder.encode(writeManifest()));
  files.set(BROWSER_MODULE, encoder.encode(writeBrowserModule()));
  for (const entry of Object.values(ENTRIES)) {
    const path = entry.slice(2).replace(/\.ts$/, ".d.ts");
    const types = new TextDecoder().decode(files.get(path));
    files.set(path, encoder.encode(TYPES_HEAD + types));
  }
  const mistakes = findPackageMistakes(files);
  if (mistakes.length > 0) throw new Error(`Cannot make the package: ${mistakes.join("; ")}`);
  return files;
}

/** With all names, so that a bundler does not stop before the sentence. */
function writeBrowserModule(): string {
  const why = "Cannot load the client of SimpleMQ: there are no TCP sockets in browsers; " +
    "it runs on Deno, on Node 22 or later, and on Bun";
  const names = Object.keys(client).toSorted();
  const exports = names.map((name) => `export const ${name} = undefined;\n`);
  return `throw new Error(${JSON.stringify(why)});\n${exports.join("")}`;
}

async function runDeno(args: readonly string[], cwd: string): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1" },
  });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`deno ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** Writes the package into a directory, in place of what was there; returns the path of the tarball. */
export async function writePackage(directory: string): Promise<string> {
  const files = await buildPackage();
  await Deno.remove(`${directory}/npm`, { recursive: true }).catch(() => {});
  for (const [path, bytes] of files) {
    const target = `${directory}/npm/${path}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(target, bytes);
  }
  const tarball = `${directory}/${NAME.slice(1).replace("/", "-")}-${VERSION}.tgz`;
  await Deno.writeFile(tarball, await writeTarball(files));
  return tarball;
}

if (import.meta.main) {
  const tarball = await writePackage(fileURLToPath(new URL("dist", ROOT)));
  print(tarball);
}
