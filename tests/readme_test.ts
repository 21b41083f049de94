/**
 * What the README says, against what there is: its programs run, its commands name files that exist,
 * its tables are those of the code.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import type { Connection, ConnectionOptions, Cursor } from "@simplemq/simplemq";
import type { BrokerServer } from "@simplemq/simplemq/server";
import { pathToFileURL } from "node:url";
import manifest from "../deno.json" with { type: "json" };
import {
  BODY_BYTES_DEFAULT,
  BODY_BYTES_MAX,
  ERROR_CODES,
  HEADER_BYTES_MAX,
  LABEL_LENGTH_MAX,
  PATTERN_LENGTH_MAX,
  REASON_BYTES_MAX,
  SPAN_MS_MAX,
  STREAM_NAME_RULE,
} from "../protocol.ts";
import {
  ATTACHMENTS_MAX,
  MEMBERS_MAX,
  PATTERN_STEPS_MAX,
  PEEK_BYTES_MAX,
  PEEK_COUNT_MAX,
  PEL_ENTRIES_MAX,
  STREAMS_MAX,
} from "../src/protocol/limits.ts";
import {
  DEDUP_COUNT_MAX,
  DEDUP_WINDOW_MS_MAX,
  DELIVERIES_MAX,
  STREAM_OPTIONS_DEFAULT,
} from "../src/protocol/messages/stream_options.ts";
import { LOST_COUNT_MAX } from "../src/broker/state/publisher_registry.ts";
import { formatByteSize } from "../src/server/settings/byte_size.ts";
import { requireRow, SETTING_ROWS } from "../src/server/settings/setting_table.ts";
import { loadSettings } from "../src/server/settings/settings.ts";
import { startBroker } from "./support/broker/broker.ts";

/** A wait that takes so long has failed; nothing in a test that passes waits for it. */
const PATIENCE_MS = 20_000;

const HOUR_MS = 60 * 60 * 1000;

const root = new URL("../", import.meta.url);

/** A piece of a README between fences. */
interface Block {
  readonly language: string;
  /** Without the indentation that it has in a list. */
  readonly text: string;
  /** The file that the line before says it shows. */
  readonly file: string | undefined;
}

/** A README, taken apart. */
class Readme {
  readonly name: string;
  readonly text: string;

  constructor(name: string) {
    this.name = name;
    this.text = Deno.readTextFileSync(new URL(name, root));
  }

  /** All pieces of a language, or of every language. */
  getBlocks(wanted?: string): Block[] {
    const rule = /^( *)```(\w+)\n(.*?)^ *```$/gms;
    return [...this.text.matchAll(rule)]
      .map(({ 1: indent = "", 2: language = "", 3: lines = "", index }) => ({
        language,
        text: lines.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
        file: findFile(this.text.slice(0, index)),
      }))
      .filter(({ language }) => wanted === undefined || wanted === language);
  }

  /** The cells of all rows of tables, without those of the heads. */
  get rows(): string[][] {
    return this.text.split("\n")
      .filter((line) => line.startsWith("| ") && !line.startsWith("| -"))
      .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()));
  }
}

/** The file that a text ends with the announcement of: its name begins the last paragraph. */
function findFile(text: string): string | undefined {
  const paragraph = text.trimEnd().split("\n\n").at(-1)!;
  // Of several files that are named there, the last one is shown.
  return [...paragraph.matchAll(/^ *`(examples\/[\w/]+\.ts)`/gm)].at(-1)?.[1];
}

const readmes = [new Readme("README.md"), new Readme("README.ru.md")];
const [english, russian] = readmes as [Readme, Readme];

for (const readme of readmes) {
  Deno.test(`${readme.name}: programs that are in examples/ are as they are there`, async () => {
    const shown = readme.getBlocks("ts").filter(({ file }) => file !== undefined);
    for (const { file, text } of shown) {
      const source = await Deno.readTextFile(new URL(file!, root));
      // The head comment says how to run it, which the README has said already.
      assertEquals(source.replace(/^\/\*\*.*?\*\/\n\n(?:\/\/ deno-lint.*?\n)?/s, ""), text, file);
    }
    assertEquals(shown.length, 11);
  });

  Deno.test(`${readme.name}: commands name files that exist`, async () => {
    const commands = readme.getBlocks("sh").flatMap(({ text }) => text.trim().split("\n"));
    const files = commands.flatMap((command) => command.match(/[\w./-]+\.(?:ts|yaml|md)\b/g) ?? []);
    const named = readme.text.match(/(?<=`)[\w./-]+\/[\w./-]+\.(?:ts|yaml|md)(?=`)/g) ?? [];
    assert(files.length > 15, `found only ${files}`);
    for (const file of [...files, ...named]) await Deno.stat(new URL(file, root));
    for (const command of commands) {
      const isKnown = /^(?:\w+=\S+ )?(?:npx -y )?deno (?:run|test) -A\b|^LC_ALL=C.UTF-8 wc -w /;
      assert(isKnown.test(command), `nobody has looked whether this works: ${command}`);
    }
  });

  Deno.test(`${readme.name}: links lead somewhere`, async () => {
    const anchors = [...readme.text.matchAll(/^#+ (.*)$/gm)]
      .map(([, title]) => `#${title!.toLowerCase().replaceAll(" ", "-")}`);
    for (const [, target] of readme.text.matchAll(/\]\(([^)]+)\)/g)) {
      if (target!.startsWith("#")) assert(anchors.includes(target!), `no heading for ${target}`);
      else await Deno.stat(new URL(target!, root));
    }
  });

  Deno.test(`${readme.name}: settings.yaml as shown is accepted`, async () => {
    for (const { text } of readme.getBlocks("yaml")) {
      await loadSettings({
        args: [],
        env: () => undefined,
        readTextFile: () => Promise.resolve(text),
        defaultFile: "settings.yaml",
      });
    }
  });

  Deno.test(`${readme.name}: the table of settings has all of them with their defaults`, () => {
    const rows = readme.rows.filter((cells) => cells.length === 4).slice(1);
    assertEquals(
      rows.map(([key, initial]) => [key, initial]),
      SETTING_ROWS.map(({ key, setting }) => [`\`${key}\``, setting.show(setting.initial)]),
    );
    // What is allowed: in Russian the same numbers.
    assertEquals(
      rows.map(([, , allowed]) => findNumbers(allowed!)),
      SETTING_ROWS.map(({ setting }) => findNumbers(setting.allowed)),
    );
  });

  Deno.test(`${readme.name}: the table of limits is the code's`, () => {
    const [, restMax] = /\{0,(\d+)\}/.exec(STREAM_NAME_RULE.source)!;
    const title = readme === english ? "| what " : "| что ";
    const table = readme.text.split("\n\n").find((part) => part.startsWith(title))!;
    const limits = table.split("\n").slice(2).map((row) => findNumbers(row.split("|")[2]!));
    assertEquals(limits, [
      [formatByteSize(BODY_BYTES_DEFAULT), formatByteSize(BODY_BYTES_MAX)],
      [formatByteSize(HEADER_BYTES_MAX)],
      [String(Number(restMax) + 1)],
      [String(LABEL_LENGTH_MAX)],
      [String(PATTERN_LENGTH_MAX), String(PATTERN_STEPS_MAX)],
      [findDefault("limits.unacknowledgedMessages"), findDefault("limits.unacknowledgedBytes")],
      [String(MEMBERS_MAX)],
      // For so many minutes.
      [String(LOST_COUNT_MAX), "10"],
      [findDefault("limits.connections")],
      [findDefault("storage.memoryLimit")],
      [String(STREAMS_MAX), String(ATTACHMENTS_MAX)],
      [String(PEL_ENTRIES_MAX)],
      [String(PEEK_COUNT_MAX), formatByteSize(PEEK_BYTES_MAX)],
      [String(SPAN_MS_MAX / (365 * 24 * HOUR_MS))],
      [String(LABEL_LENGTH_MAX), String(DEDUP_COUNT_MAX), String(DEDUP_WINDOW_MS_MAX / HOUR_MS)],
      [String(REASON_BYTES_MAX)],
      [String(DELIVERIES_MAX)],
      [],
    ]);
  });

  Deno.test(`${readme.name}: the table of a stream's options has all of them with their defaults`, () => {
    const defaults = new Map(
      Object.entries(STREAM_OPTIONS_DEFAULT)
        .map((
          [key, value],
        ) => [`\`${key}\``, `\`${JSON.stringify(value).replaceAll(",", ", ")}\``]),
    );
    const rows = readme.rows.filter(([key, , about]) => about !== undefined && defaults.has(key!));
    assertEquals(rows.map(([key, initial]) => [key, initial]), [...defaults]);
  });

  Deno.test(`${readme.name}: the table of errors has all that do not end a session`, () => {
    const codes = readme.rows.map(([code]) => code!.replaceAll("`", ""))
      .filter((code) => /^[A-Z_]+$/.test(code));
    const expected = Object.entries(ERROR_CODES).filter(([, { fatal }]) => !fatal);
    assertEquals(codes, expected.map(([code]) => code));
  });

  Deno.test(`${readme.name}: the table of tasks has all of them`, () => {
    const tasks = readme.rows.map(([name]) => /^`deno task (\S+)`$/.exec(name!)?.[1])
      .filter((name) => name !== undefined);
    assertEquals(tasks, Object.keys(manifest.tasks));
  });
}

Deno.test("README.md: meanings are those of the code", () => {
  const meanings = new Map(english.rows.map((cells) => [cells[0], cells.at(-1)]));
  for (const { key, setting } of SETTING_ROWS) {
    assertEquals(meanings.get(`\`${key}\``), setting.about);
  }
  for (const [code, { fatal, meaning }] of Object.entries(ERROR_CODES)) {
    if (!fatal) assertEquals(meanings.get(`\`${code}\``), meaning);
  }
  for (const [name, { description }] of Object.entries(manifest.tasks)) {
    assertEquals(meanings.get(`\`deno task ${name}\``), description);
  }
});

Deno.test("both READMEs have the same programs", () => {
  const programs = english.getBlocks("ts").map(({ text }) => text);
  assertEquals(russian.getBlocks("ts").map(({ text }) => text), programs);
  assertEquals(
    russian.getBlocks().map(({ language }) => language),
    english.getBlocks().map(({ language }) => language),
  );
});

Deno.test("the programs of the READMEs pass the type check", async () => {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--doc-only", ...readmes.map(({ name }) => name)],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
});

Deno.test("README.md: programs run one after the other on one broker, and print what they promise", async (t) => {
  await using broker = await startBroker();
  for (const [index, { text, file }] of english.getBlocks("ts").entries()) {
    // Those of examples/ run in examples_test.ts.
    if (file !== undefined) continue;
    await t.step(`program ${index + 1} runs`, async () => {
      const printed = await checkProgram(text, broker);
      for (const line of findOutput(text)) {
        assert(printed.some((one) => withoutTimes(one) === withoutTimes(line)), `not: ${line}`);
      }
    });
  }
});

/** The lines that are shown behind a program as its output, if there are some. */
function findOutput(program: string): string[] {
  const behind = english.text.slice(english.text.indexOf(program) + program.length);
  const [section = ""] = behind.replace("```", "").split(/^#/m);
  const [, language, lines = ""] = /^```(\w+)\n(.*?)^```$/ms.exec(section) ?? [];
  return language === "text" ? lines.trim().split("\n") : [];
}

function withoutTimes(line: string): string {
  return line.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "(time)");
}

/** Runs a program to its end, or until it waits for more; gives what it has printed. */
async function checkProgram(text: string, broker: BrokerServer): Promise<string[]> {
  const printed: string[] = [];
  const connections: Connection[] = [];
  const running = run(text, {
    connect: async (options) => {
      const connection = await broker.connect(options);
      connections.push(connection);
      return connection;
    },
    print: (line) => printed.push(line),
  });
  if (text.includes("for await") && !text.includes("break;")) {
    // It has published, and waits for more when all that is acknowledged.
    await until(async () => {
      const [connection] = connections;
      return connection !== undefined && printed.length > 0 &&
        await isIdle(connection.cursor(), text);
    });
    await Promise.all(connections.map((connection) => connection.close()));
  }
  assertEquals(await deadline(running, PATIENCE_MS), undefined);
  // What a comment behind a printing line says is what is printed.
  const promised = [...text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)];
  assertEquals(printed.length > 0, text.includes("console.log"));
  for (const [, line] of promised) {
    const isText = !/^\{ version|^one entry/.test(line!);
    if (isText) assert(printed.includes(line!), `printed ${printed}, not ${line}`);
  }
  return printed;
}

/** What a program has instead of a broker at the usual place, and of a terminal. */
interface ProgramWorld {
  readonly connect: (options?: ConnectionOptions) => Promise<Connection>;
  readonly print: (line: string) => void;
}

/** Runs a program in a world of its own; resolves to the error that it ended with. */
async function run(program: string, { connect, print }: ProgramWorld): Promise<unknown> {
  const directory = await Deno.makeTempDir();
  const scope = globalThis as { simplemqReadme?: { connect: unknown; print: unknown } };
  scope.simplemqReadme = {
    connect,
    print: (...values: unknown[]) => {
      print(values.map((one) => typeof one === "string" ? one : Deno.inspect(one)).join(" "));
    },
  };
  try {
    const resolved = program.replaceAll(
      /^import \{ (.*) \} from "(.*)";$/gm,
      (_line, names: string, module: string) =>
        `import { ${names.replace(/,? ?connect\b/, "")} } from "${import.meta.resolve(module)}";`,
    );
    const head = "const { connect, print } = globalThis.simplemqReadme;\n" +
      "const console = { log: print };\n";
    const path = `${directory}/program.ts`;
    await Deno.writeTextFile(path, head + resolved);
    await import(pathToFileURL(path).href);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    delete scope.simplemqReadme;
    await Deno.remove(directory, { recursive: true });
  }
}

/** Whether nothing waits in the streams that a program names. */
async function isIdle(cursor: Cursor, program: string): Promise<boolean> {
  const streams = await cursor.getStreams();
  return streams.every(({ name, ready, pending }) =>
    !program.includes(`"${name}"`) || ready + pending === 0
  );
}

/** Asks until the answer is yes. */
async function until(ask: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!await ask()) {
    assert(performance.now() < end, `${ask} stays false`);
    await delay(5);
  }
}

/** The numbers in a text, with their units. */
function findNumbers(text: string): string[] {
  return text.replaceAll(/`.*?`/g, "").match(/\d+(?:[KMGT]iB)?/g) ?? [];
}

/** The default of a setting, as it is written. */
function findDefault(path: string): string {
  const { setting } = requireRow(path);
  return setting.show(setting.initial);
}
