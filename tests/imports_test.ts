/**
 * Holds the lines between the layers, and proves that it would notice if one were crossed.
 *
 * @module
 */

import { assertEquals, assertGreater } from "@std/assert";
import manifest from "../deno.json" with { type: "json" };
import { findMistakes, parse } from "./support/checking/source_rules.ts";

const ROOT = new URL("../", import.meta.url);

/** Reads all modules of a folder, by their path from the root. */
async function readSources(folder: string, sources: Map<string, string>): Promise<void> {
  for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) await readSources(`${path}/`, sources);
    else if (path.endsWith(".ts")) sources.set(path, await Deno.readTextFile(new URL(path, ROOT)));
  }
}

/** Reads what the package is made of. */
async function readPackage(): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  for (const path of ["mod.ts", "client.ts", "server.ts", "protocol.ts", "cli.ts"]) {
    sources.set(path, await Deno.readTextFile(new URL(path, ROOT)));
  }
  await readSources("src/", sources);
  return sources;
}

Deno.test("the sources keep to their layers, and to what their layer may do", async () => {
  const sources = await readPackage();
  assertGreater(sources.size, 40);
  assertEquals(findMistakes(sources), []);
});

Deno.test("the imports of the sources are found, all of them", async () => {
  for (const [path, source] of await readPackage()) {
    const found = parse(path, source).imports.filter(({ isDynamic }) => !isDynamic).length;
    const lines = source.split("\n");
    const counted = lines.filter((line) => /^(import .*|export .*|\}) from "|^import "/.test(line));
    assertEquals(found, counted.length, path);
  }
});

Deno.test("a client loads modules for TLS and certificates only where it uses them", async () => {
  const sources = await readPackage();
  const loaded = new Set(["client.ts"]);
  for (const path of loaded) {
    const { imports } = parse(path, sources.get(path) ?? "");
    for (const { target, isTypeOnly, isDynamic } of imports) {
      if (!isTypeOnly && !isDynamic) loaded.add(target);
    }
  }
  assertGreater(loaded.size, 40);
  const builtIns = [...loaded].filter((target) => target.startsWith("node:"));
  assertEquals(builtIns.toSorted(), ["node:timers"]);
});

Deno.test("no test measures the memory of a process that it shares with others", async () => {
  const tests = new Map<string, string>();
  await readSources("tests/", tests);
  assertGreater(tests.size, 100);
  const measure = /\bmemoryUsage\(\)\.rss\b|\brss\b[^\n]*\} =|\bVm(RSS|HWM)\b/;
  const found = [...tests].filter(([path, source]) =>
    path !== "tests/imports_test.ts" && measure.test(source)
  );
  assertEquals(found.map(([path]) => path), []);
  assertEquals(measure.test("const { external, rss } = Deno.memoryUsage();"), true);
});

Deno.test("every file with tests is an entry, or below a suite that imports it", async () => {
  const files = new Map<string, string>();
  for (const folder of ["tests/", "examples/"]) await readSources(folder, files);
  const entries = new Set(manifest.test.include);
  const tests = [...files.keys()].filter((path) => path.endsWith("_test.ts"));
  const lost = tests.filter((path) => {
    const folders = path.split("/").slice(0, -1).map((_, depth, all) =>
      all.slice(0, depth + 1).join("/")
    );
    const suites = folders.map((folder) => `${folder}/suite.ts`);
    return !entries.has(path) && !suites.some((suite) => entries.has(suite) && files.has(suite));
  });
  assertGreater(tests.length, 100);
  assertEquals(lost, []);
  assertEquals([...entries].filter((path) => !files.has(path)), []);
});

/** A field of a class that is, or may be, a collection: what it is made with, or what it is said to be. */
const MADE = /^(?:new (?:\w*Map|\w*Set|NumberLine|Ring)\b|\[|NO_|NONE\b)/;
const SAID = /\b(?:\w*Map|\w*Set|Ring)<|\[\]/;
const FIELD =
  /^ {2}(?:(?:readonly|private|protected|static) )*(#?\w+)[?!]?(?::\s+((?:[^=\n]|=>)+?))?(?:\s*= ([^;]*))?;$/gm;

/** The collections of a source's classes, as `Class.field`. */
function findCollections(source: string): string[] {
  const found: string[] = [];
  for (const [, name, body = ""] of source.matchAll(/^(?:export )?class (\w+).*?\{\n(.*?)^\}/gms)) {
    for (const [, field = "", type = "", init = ""] of body.matchAll(FIELD)) {
      const isSaid = field.startsWith("#") && SAID.test(type) && !/^readonly |^Readonly/.test(type);
      if (MADE.test(init) || (isSaid && init === "")) found.push(`${name}.${field}`);
    }
  }
  return found;
}

Deno.test("each collection of broker and client has a line in docs/internals/limits.md, and each line one", async () => {
  const text = await Deno.readTextFile(new URL("docs/internals/limits.md", ROOT));
  const told = [...text.matchAll(/^\| `(\w+\.#?\w+)`/gm)].map(([, name]) => name!);
  const sources = await readPackage();
  const found = [...sources.values()].flatMap(findCollections);
  assertGreater(found.length, 100);
  assertEquals(
    found.filter((name) => !told.includes(name)),
    [],
    "not told of in docs/internals/limits.md",
  );
  assertEquals(told.filter((name) => !found.includes(name)), [], "told of, and not there");
});

Deno.test("collections are found in all ways in which they are made", () => {
  const lines = [
    "export class A<T> extends B {",
    "  readonly #made = new Map<string, T>();",
    "  said: Set<T> = new Set();",
    "  #later: AgedMap<string, T> | undefined;",
    "  #calls: (() => void)[] = [];",
    "  #broken:",
    "    readonly T[] = [];",
    "  readonly #given: readonly T[];",
    "  readonly #number = 1;",
    "}",
  ];
  const found = findCollections(lines.join("\n") + "\n");
  assertEquals(found, ["A.#made", "A.said", "A.#later", "A.#calls", "A.#broken"]);
});

/** A module with a module doc. */
function documented(code: string): string {
  return `/**\n * A module.\n *\n * @module\n */\n\n${code}\n`;
}

/** Sources with a fault, and what must be said about it. */
const planted: [what: string, sources: Record<string, string>, mistakes: string[]][] = [
  [
    "the protocol needs the broker",
    { "protocol.ts": 'export * from "./src/broker/stream.ts";' },
    ["protocol.ts imports src/broker/stream.ts"],
  ],
  [
    "a part of the protocol needs its face",
    { "src/protocol/batch.ts": 'import type { MAGIC } from "../../protocol.ts";' },
    ["src/protocol/batch.ts imports protocol.ts"],
  ],
  [
    "the broker needs an engine, if only its types",
    {
      "src/broker/stream.ts":
        'import {\n  type MemoryEngine,\n  type Other,\n} from "../engine/memory.ts";',
    },
    ["src/broker/stream.ts imports src/engine/memory.ts"],
  ],
  [
    "the broker needs a package",
    { "src/broker/router.ts": 'import { RE2JS } from "npm:re2js@^2/sub";' },
    ["src/broker/router.ts imports re2js"],
  ],
  [
    "an engine needs the server, later",
    { "src/engine/memory.ts": 'const log = await import("../server/log.ts");' },
    ["src/engine/memory.ts imports src/server/log.ts"],
  ],
  [
    "the transport needs a timer that is not node:timers",
    { "src/transport/link.ts": 'import "node:timers/promises";\nimport "node:net";' },
    ["src/transport/link.ts imports node:net"],
  ],
  [
    "the client needs the broker",
    {
      "client.ts": 'import { Broker } from "./src/broker/broker.ts";',
      "src/client/bind.ts": 'export { RE2JS as Pattern } from "re2js";',
    },
    ["client.ts imports src/broker/broker.ts", "src/client/bind.ts imports re2js"],
  ],
  [
    "the client needs a package, or more of Node than timers",
    {
      "src/client/uplink.ts": 'import { delay } from "@std/async/delay";',
      "src/client/dialing/token_file.ts": 'const { connect } = await import("node:net");',
    },
    [
      "src/client/uplink.ts imports @std/async",
      "src/client/dialing/token_file.ts imports node:net",
    ],
  ],
  [
    "the server names an engine",
    { "src/server/listener.ts": 'import type { MemoryEngine } from "../engine/memory.ts";' },
    ["src/server/listener.ts imports src/engine/memory.ts"],
  ],
  [
    "the server needs who wires it",
    { "src/server/session.ts": 'import { serve } from "../../server.ts";' },
    ["src/server/session.ts imports server.ts"],
  ],
  [
    "the public face loads the server",
    { "mod.ts": 'export * from "./client.ts";\nexport * from "./server.ts";' },
    ["mod.ts imports server.ts"],
  ],
  [
    "somebody else than server.ts names an engine",
    { "src/other/thing.ts": 'import * as memory from "../engine/memory.ts";' },
    ["src/other/thing.ts imports src/engine/memory.ts"],
  ],
  [
    "modules need each other",
    {
      "src/broker/a.ts": 'import { b } from "./b.ts";',
      "src/broker/b.ts": 'import { c } from "./c.ts";',
      "src/broker/c.ts": 'export * from "./a.ts";',
    },
    ["src/broker/a.ts → src/broker/b.ts → src/broker/c.ts → src/broker/a.ts is a circle"],
  ],
  [
    "rooms need each other, if only for types",
    {
      "src/broker/share/a.ts": 'import { b } from "../store/b.ts";',
      "src/broker/store/b.ts": "",
      "src/broker/store/c.ts": 'import type { d } from "../share/d.ts";',
    },
    ["src/broker/share/ → src/broker/store/ → src/broker/share/ is a circle"],
  ],
  [
    "the server needs more of the broker than its port",
    { "src/server/a/b.ts": 'import type { Broker } from "../../broker/broker.ts";' },
    ["src/server/a/b.ts imports src/broker/broker.ts"],
  ],
  [
    "a module needs itself",
    { "src/broker/a.ts": 'import { a, type b } from "./a.ts";' },
    ["src/broker/a.ts → src/broker/a.ts is a circle"],
  ],
  [
    "a socket is opened, and by TLS that stalls",
    {
      "src/client/a.ts": "await Deno.startTls(socket);",
      "src/transport/deno_sockets.ts": "await Deno.connectTls({ port });",
    },
    [
      "src/client/a.ts names Deno",
      "src/client/a.ts opens sockets",
      "src/transport/deno_sockets.ts uses TLS that stalls",
    ],
  ],
  [
    "the broker names Deno",
    { "src/broker/stream.ts": "const env = Deno.env;" },
    ["src/broker/stream.ts names Deno"],
  ],
  [
    "the broker names Deno in a template",
    { "src/broker/stream.ts": "const text = `pid ${Deno.pid}`;" },
    ["src/broker/stream.ts names Deno"],
  ],
  [
    "the broker sets timers",
    {
      "src/broker/stream.ts": "setTimeout(() => {}, 1);",
      "src/protocol/batch.ts": "setInterval(f);",
    },
    ["src/broker/stream.ts sets a timer", "src/protocol/batch.ts sets a timer"],
  ],
  [
    "the broker looks at the clock",
    {
      "src/broker/a.ts": "const now = Date.now();",
      "src/broker/b.ts": "const now = performance.now();",
      "protocol.ts": "export const now = Number(new Date());",
    },
    [
      "src/broker/a.ts looks at the clock",
      "src/broker/b.ts looks at the clock",
      "protocol.ts looks at the clock",
    ],
  ],
  [
    "the broker rolls dice",
    { "src/broker/a.ts": "Math.random();", "src/broker/b.ts": "crypto.randomUUID();" },
    ["src/broker/a.ts rolls dice", "src/broker/b.ts rolls dice"],
  ],
  [
    "somebody opens sockets",
    {
      "client.ts": "await Deno.connect({ port });",
      "src/server/listener.ts": "const { listen = Deno.listen } = options;",
      "src/transport/deno_sockets.ts": "await Deno.connect({ port });",
    },
    [
      "client.ts names Deno",
      "client.ts opens sockets",
      "src/server/listener.ts opens sockets",
    ],
  ],
  [
    "somebody prints",
    {
      "src/broker/a.ts": "console.log(1);",
      "src/client/b.ts": 'console.error("x");',
      "src/server/session.ts": "Deno.stderr.writeSync(bytes);",
    },
    ["src/broker/a.ts prints", "src/client/b.ts prints", "src/server/session.ts prints"],
  ],
];

for (const [what, sources, mistakes] of planted) {
  Deno.test(`a fault is found: ${what}`, () => {
    const modules = Object.entries(sources).map(([path, code]) =>
      [path, documented(code)] as const
    );
    assertEquals(findMistakes(new Map(modules)), mistakes);
  });
}

Deno.test("a fault is found: no module doc of an entry point, or one without its mark", () => {
  const wrong = [
    "",
    "const a = 1;\n",
    "/** A module. */\n",
    "/* @module */\n",
    "\n" + documented(""),
  ];
  for (const source of wrong) {
    assertEquals(findMistakes(new Map([["client.ts", source]])), [
      "client.ts has no module doc",
    ]);
  }
});

Deno.test("what looks like a fault and is none is let pass", () => {
  const innocent: Record<string, string> = {
    "src/broker/a.ts": [
      'import type { B } from "./b.ts";',
      "// import { MemoryEngine } from '../engine/memory.ts'; Deno.exit(); don't",
      '/* console.log("it\'s") */',
      '/**\n * ```ts\n * import { serve } from "@simplemq/simplemq/server";\n * ```\n */',
      'export const text = "Deno.exit() and console.log() are words here";',
      'export const name = `from "nowhere"`;',
      'export function from(text: string) { return text === "../engine/memory.ts"; }',
    ].join("\n"),
    "src/broker/b.ts":
      'import { type A } from "./a.ts";\nexport { type A as Other } from "./a.ts";',
    "src/server/log.ts": "Deno.stderr.writeSync(bytes);",
    "src/server/commands/terminal.ts": "Deno.stdout.writeSync(help);",
    "src/client/a.ts": 'import "node:timers";\nsetTimeout(() => Date.now());',
    "src/client/dialing/environment.ts": 'Deno.env.get("SIMPLEMQ_TOKEN");',
    "src/program/open_engine.ts":
      'import { MemoryEngine } from "../engine/memory.ts";\nimport "../../client.ts";',
    "src/engine/memory.ts":
      'import { Broker } from "../broker/a.ts";\nimport { RE2JS } from "re2js";',
    "client.ts": 'export async function lazily() {\n  await import("./src/client/a.ts");\n}',
  };
  const modules = Object.entries(innocent).map(([path, code]) => [path, documented(code)] as const);
  assertEquals(findMistakes(new Map(modules)), []);
});
