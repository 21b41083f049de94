/**
 * The `package.json` of the npm package. Its version is that of `deno.json`.
 *
 * @module
 */

import manifest from "../deno.json" with { type: "json" };

/** What the package is; the same as for JSR. */
export const NAME: string = manifest.name;
export const VERSION: string = manifest.version;
export const LICENSE: string = manifest.license;

/** What a program of Node or Bun can import, and the sources of it. The broker needs Deno. */
export const ENTRIES: Readonly<Record<string, string>> = {
  ".": manifest.exports["."],
  "./client": manifest.exports["./client"],
  "./protocol": manifest.exports["./protocol"],
};

/** The module that browsers get: it says in a sentence what they lack. */
export const BROWSER_MODULE = "browser.js";

/** Makes the text of `package.json`. */
export function writeManifest(): string {
  const exports: Record<string, Record<string, string>> = {};
  for (const [entry, source] of Object.entries(ENTRIES)) {
    const base = source.replace(/\.ts$/, "");
    const hasSockets = entry !== "./protocol";
    exports[entry] = {
      types: `${base}.d.ts`,
      ...hasSockets && { browser: `./${BROWSER_MODULE}` },
      default: `${base}.js`,
    };
  }
  const main = exports["."]!;
  const text = {
    name: NAME,
    version: VERSION,
    description: manifest.description,
    keywords: ["message queue", "queue", "broker", "jobs", "deno", "node", "bun"],
    license: LICENSE,
    type: "module",
    sideEffects: false,
    engines: { node: ">=22", bun: ">=1.4", deno: ">=2.7" },
    main: main.default,
    types: main.types,
    exports,
  };
  return JSON.stringify(text, null, 2) + "\n";
}
