/**
 * What an npm package of the client must be, as a function from its files to mistakes.
 *
 * @module
 */

import type { Files } from "./tarball.ts";

const COMMENT = /\/\*[^]*?\*\/|\/\/.*/g;
const IMPORT = /\sfrom\s+["']([^"'\n]+)["'];|\bimport\s*\(?\s*["']([^"'\n]+)["']/g;

/** Finds what would break a program that uses the package. */
export function findPackageMistakes(files: Files): string[] {
  const mistakes: string[] = [];
  for (const [path, bytes] of files) {
    if (!/\.(js|d\.ts)$/.test(path)) continue;
    const code = new TextDecoder().decode(bytes).replace(COMMENT, " ");
    for (const [, named, plain] of code.matchAll(IMPORT)) {
      const specifier = named ?? plain ?? "";
      if (!isThere(files, path, specifier)) mistakes.push(`${path} imports ${specifier}`);
    }
    if (path.endsWith(".d.ts") && /\bDeno\b/.test(code)) mistakes.push(`${path} names Deno`);
  }
  const { exports } = JSON.parse(new TextDecoder().decode(files.get("package.json")));
  for (const [entry, conditions] of Object.entries<Record<string, string>>(exports)) {
    const missing = Object.values(conditions).filter((file) => !files.has(file.slice(2)));
    mistakes.push(...missing.map((file) => `"${entry}" leads to ${file}, which is not there`));
  }
  return mistakes;
}

/** Whether what a module imports can be had: a part of Node, or a file of the package. */
function isThere(files: Files, path: string, specifier: string): boolean {
  if (!specifier.startsWith(".")) return specifier.startsWith("node:") && path.endsWith(".js");
  const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
  if (!target.endsWith(".js")) return false;
  return files.has(path.endsWith(".d.ts") ? target.replace(/\.js$/, ".d.ts") : target);
}
