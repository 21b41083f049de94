/**
 * Who may import whom, who may touch the world outside, and what every file has: section 10 of the
 * design as a function from sources to mistakes. It reads imports with expressions, not with a
 * parser, which is enough for formatted code.
 *
 * @module
 */

/** An import or a re-export of one module. */
interface Import {
  /** The path inside the project, or the package without version and subpath. */
  readonly target: string;
  readonly isTypeOnly: boolean;
  readonly isDynamic: boolean;
}

/** A module, taken apart. */
interface Module {
  readonly path: string;
  readonly source: string;
  /** Its source without comments and strings. */
  readonly code: string;
  readonly imports: readonly Import[];
}

/** What some files may import; nothing else. */
interface ImportRule {
  readonly files: RegExp;
  readonly may: RegExp;
}

const IMPORT_RULES: readonly ImportRule[] = [
  { files: /^protocol\.ts$/, may: /^src\/protocol\// },
  { files: /^src\/protocol\//, may: /^src\/protocol\// },
  { files: /^src\/broker\//, may: /^(src\/broker\/|src\/protocol\/|protocol\.ts$)/ },
  {
    files: /^src\/engine\/(?!journal\/|replicated\/)/,
    may: /^(src\/engine\/|src\/broker\/|src\/protocol\/|protocol\.ts$|croner$|re2js$)/,
  },
  // The only ones that know of NATS.
  {
    files: /^src\/engine\/replicated\/jetstream\//,
    may:
      /^(src\/engine\/replicated\/(jetstream\/|log\.ts$)|@nats-io\/transport-node(\/|$)|node:(net|tls)$)/,
  },
  {
    files: /^src\/engine\/replicated\/(?!jetstream\/)/,
    may: /^(src\/engine\/|src\/broker\/|src\/protocol\/|protocol\.ts$|node:zlib$)/,
  },
  {
    files: /^src\/engine\/journal\/(?!disk\/deno_(disk|file)\.ts$)/,
    may:
      /^(src\/engine\/journal\/|src\/broker\/|src\/protocol\/|protocol\.ts$|node:(timers|zlib)$)/,
  },
  {
    files: /^src\/engine\/journal\/disk\/deno_(disk|file)\.ts$/,
    may: /^(src\/engine\/journal\/|node:fs$)/,
  },
  {
    files:
      /^src\/transport\/(?!(node_duplex|node_sockets|duplex_stream|tls_acceptor|tls_trial)\.ts$)/,
    may: /^(src\/transport\/|src\/protocol\/|protocol\.ts$|node:timers$)/,
  },
  {
    files: /^src\/transport\/(node_duplex|node_sockets|duplex_stream|tls_acceptor|tls_trial)\.ts$/,
    may: /^(src\/transport\/|node:(buffer|net|stream|timers|tls)$)/,
  },
  {
    files:
      /^(?!src\/transport\/(node_sockets|tls_acceptor|tls_trial)\.ts$|src\/engine\/replicated\/jetstream\/nats_sockets\.ts$)/,
    may: /^(?!node:(tls|https|http2)$)/,
  },
  { files: /^(?!src\/server\/http\/http_acceptor\.ts$)/, may: /^(?!node:http$)/ },
  // Whatever runs Node's modules runs the client: it needs no package.
  {
    files: /^(src\/client\/(?!dialing\/(tls_options|token_file)\.ts$)|client\.ts$)/,
    may: /^(src\/client\/|src\/transport\/|src\/protocol\/|protocol\.ts$|node:timers$)/,
  },
  {
    files: /^src\/client\/dialing\/token_file\.ts$/,
    may: /^(src\/client\/|node:fs$)/,
  },
  // Certificates and keys are checked before anything is sent.
  {
    files: /^src\/client\/dialing\/tls_options\.ts$/,
    may: /^(src\/client\/|node:crypto$)/,
  },
  {
    files: /^src\/server\//,
    may:
      /^(src\/server\/|src\/transport\/|src\/broker\/engine\.ts$|src\/broker\/collections\/(histogram|keyed_hash|text_map)\.ts$|src\/protocol\/|protocol\.ts$|client\.ts$|@std\/|node:)/,
  },
  { files: /^mod\.ts$/, may: /^(client|protocol)\.ts$/ },
  { files: /^(?!src\/program\/|src\/engine\/)/, may: /^(?!src\/engine\/)/ },
];

/** What some files may not do. */
interface CodeRule {
  readonly files: RegExp;
  readonly what: string;
  readonly code: RegExp;
}

const PURE = /^(protocol\.ts$|src\/protocol\/|src\/broker\/)/;

const CODE_RULES: readonly CodeRule[] = [
  { files: PURE, what: "names Deno", code: /\bDeno\s*[.[]/ },
  // Whatever touches the disk has to go where the tests can put another one.
  {
    files: /^src\/engine\/(?!journal\/disk\/deno_(disk|file)\.ts$)/,
    what: "names Deno",
    code: /\bDeno\s*[.[]/,
  },
  {
    files: /^(client\.ts$|src\/client\/(?!dialing\/environment\.ts$))/,
    what: "names Deno",
    code: /\bDeno\s*[.[]/,
  },
  {
    files: /^src\/transport\/(?!deno_sockets\.ts$)/,
    what: "names Deno",
    code: /\bDeno\s*[.[]/,
  },
  {
    files: /^(?!src\/transport\/deno_sockets\.ts$)/,
    what: "opens sockets",
    code: /\bDeno\s*\.\s*(connect|listen|startTls)/,
  },
  // They leave Nagle's algorithm on, or cannot show another certificate later.
  { files: /./, what: "uses TLS that stalls", code: /\bDeno\s*\.\s*(connect|listen)Tls\b/ },
  { files: PURE, what: "sets a timer", code: /\bset(Timeout|Interval|Immediate)\b/ },
  {
    files: PURE,
    what: "looks at the clock",
    // A date that is made of a number asks nobody.
    code: /\b(Date\.now|performance\.now)\b|\bnew Date(\s*\(\s*\)|\b(?!\s*\())/,
  },
  { files: PURE, what: "rolls dice", code: /\b(Math\.random|crypto\.)/ },
  {
    files: /^(?!src\/server\/(log|commands\/terminal)\.ts$|server\.ts$)/,
    what: "prints",
    code: /\bconsole\b|\bDeno\.std(out|err)\b/,
  },
];

/**
 * Finds what breaks a rule.
 *
 * @param sources The sources of all modules, by their path from the project's root.
 * @returns The mistakes, as sentences.
 */
export function findMistakes(sources: ReadonlyMap<string, string>): string[] {
  const modules = [...sources].map(([path, source]) => parse(path, source));
  return [
    ...modules.flatMap(findImportMistakes),
    ...modules.flatMap(findCodeMistakes),
    ...modules.flatMap(findFormMistakes),
    ...findCycles(findNeeds(modules)),
    ...findCycles(findRoomNeeds(modules)),
  ];
}

function findImportMistakes({ path, imports }: Module): string[] {
  const rules = IMPORT_RULES.filter(({ files }) => files.test(path));
  return imports
    .filter(({ target }) => rules.some(({ may }) => !may.test(target)))
    .map(({ target }) => `${path} imports ${target}`);
}

function findCodeMistakes({ path, code }: Module): string[] {
  return CODE_RULES
    .filter((rule) => rule.files.test(path) && rule.code.test(code))
    .map(({ what }) => `${path} ${what}`);
}

function findFormMistakes({ path, source }: Module): string[] {
  const [doc] = /^\/\*\*[^]*?\*\//.exec(source) ?? [""];
  const isEntry = !path.includes("/");
  return isEntry && !/^ \* @module$/m.test(doc) ? [`${path} has no module doc`] : [];
}

/** Which modules each module needs to run; types may go round in circles. */
function findNeeds(modules: readonly Module[]): Map<string, string[]> {
  return new Map(modules.map(({ path, imports }) => [
    path,
    imports.filter((one) => !one.isTypeOnly && !one.isDynamic).map(({ target }) => target),
  ]));
}

/** Which rooms each room imports, types included: a folder without folders is one, any other file, too. */
function findRoomNeeds(modules: readonly Module[]): Map<string, Set<string>> {
  const folders = modules.map(({ path }) => folderOf(path));
  const roomOf = (path: string) => {
    const folder = folderOf(path);
    return folders.some((one) => one !== folder && one.startsWith(folder)) ? path : folder;
  };
  const needs = new Map<string, Set<string>>();
  for (const { path, imports } of modules) {
    const room = roomOf(path);
    const targets = imports.map(({ target }) => roomOf(target)).filter((target) => target !== room);
    needs.set(room, (needs.get(room) ?? new Set()).union(new Set(targets)));
  }
  return needs;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

function findCycles(needs: ReadonlyMap<string, Iterable<string>>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    const seenAt = trail.indexOf(path);
    if (seenAt >= 0) cycles.push(`${[...trail.slice(seenAt), path].join(" → ")} is a circle`);
    if (seenAt >= 0 || done.has(path)) return;
    for (const target of needs.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of needs.keys()) visit(path, []);
  return cycles;
}

const COMMENT_OR_STRING =
  /\/\*[^]*?\*\/|\/\/.*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[^]|[^`\\])*`/g;
const STATIC_IMPORT =
  /^[ \t]*(?:import|export)\s+(type\s)?(?:([^"';=()]*?)\s?from\s+)?["']([^"']+)["']/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*["'`]([^"'`]+)["'`]/g;

/** Takes a module apart. */
export function parse(path: string, source: string): Module {
  const uncommented = source.replace(
    COMMENT_OR_STRING,
    (text) => text.startsWith("/") ? " " : text,
  );
  // What stands in a template may be code, so only plain strings go.
  const code = uncommented.replace(COMMENT_OR_STRING, (text) => text.startsWith("`") ? text : '""');
  const imports: Import[] = [];
  for (const [, type, names = "", specifier] of uncommented.matchAll(STATIC_IMPORT)) {
    const isTypeOnly = type !== undefined || hasOnlyTypes(names);
    imports.push({ target: resolve(path, specifier!), isTypeOnly, isDynamic: false });
  }
  for (const [, specifier] of uncommented.matchAll(DYNAMIC_IMPORT)) {
    imports.push({ target: resolve(path, specifier!), isTypeOnly: false, isDynamic: true });
  }
  return { path, source, code, imports };
}

/** Whether all names in braces are marked as types. */
function hasOnlyTypes(names: string): boolean {
  const list = /^\{([^]*)\}$/.exec(names.trim())?.[1];
  if (list === undefined) return false;
  const entries = list.split(",").map((name) => name.trim()).filter((name) => name !== "");
  return entries.every((name) => name.startsWith("type "));
}

/** The path that a relative specifier means, or the name of a package. */
function resolve(path: string, specifier: string): string {
  if (specifier.startsWith(".")) return new URL(specifier, `file:///${path}`).pathname.slice(1);
  const name = specifier.replace(/^(npm|jsr):\/?/, "");
  return /^(@[^/]+\/[^/@]+|node:[^/]+|[^/@]+)/.exec(name)?.[0] ?? name;
}
