/**
 * Writes the sources of the page into the broker, as constants: `deno task ui`. A package of JSR and a
 * compiled binary have modules only, no files beside them.
 *
 * @module
 */

const ROOT = new URL("./", import.meta.url);
const TARGET = new URL("../src/server/http/page/assets/page_assets.ts", import.meta.url);

/** The endings of files that browsers get, and what they are served as. */
export const TYPES: { readonly [ending: string]: string } = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/** A source of the page. */
export interface PageSource {
  /** Where it is served. */
  readonly path: string;
  readonly type: string;
  readonly content: string;
}

/** Reads the sources of the page, by their path. */
export function readSources(): PageSource[] {
  return listFiles("").sort().flatMap((path) => {
    const type = TYPES[path.slice(path.lastIndexOf(".") + 1)];
    if (type === undefined) return [];
    const content = Deno.readTextFileSync(new URL(path, ROOT));
    return [{ path: path === "index.html" ? "/" : `/assets/${path}`, type, content }];
  });
}

/** The module that holds the sources. */
export function writeModule(sources: readonly PageSource[]): string {
  const rows = sources.map(({ path, type, content }) =>
    `  {\n    path: ${JSON.stringify(path)},\n    type: ${JSON.stringify(type)},\n` +
    `    content: ${JSON.stringify(content)},\n  },\n`
  );
  return HEAD + rows.join("") + "];\n";
}

const HEAD = `// deno-fmt-ignore-file: \`deno task ui\` writes this from the sources in ui/.

/** A file of the page. */
export interface PageAsset {
  /** Where it is served: \`/\`, or \`/assets/…\`. */
  readonly path: string;
  /** What it is served as. */
  readonly type: string;
  /** What is in it. */
  readonly content: string;
}

/** The files of the page. */
export const PAGE_ASSETS: readonly PageAsset[] = [
`;

function listFiles(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder || ".", ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory ? listFiles(`${folder}${name}/`) : [`${folder}${name}`]
  );
}

if (import.meta.main) Deno.writeTextFileSync(TARGET, writeModule(readSources()));
