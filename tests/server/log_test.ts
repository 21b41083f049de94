/**
 * The log: what it must never do first, then what its lines look like.
 *
 * @module
 */

import { Log, type LogFields, type LogLevel } from "../../src/server/log.ts";
import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

/** Writes one line and gives it back without its time. */
function lineOf(message: string, fields?: LogFields): string {
  const lines: string[] = [];
  const log = new Log({ level: "debug", write: (line) => lines.push(line), now: () => NOW });
  log.info(message, fields);
  assertEquals(lines.length, 1);
  return lines[0]?.replace("2026-01-02T03:04:05.006Z ", "") ?? "";
}

/** Logs in a process of its own whose output ends as told; gives its standard output. */
async function runWithOutput(redirection: string): Promise<string> {
  const log = new URL("../../src/server/log.ts", import.meta.url).href;
  const code = `import { Log } from "${log}";
    const log = new Log({ level: "info" });
    for (let i = 0; i < 3; i++) log.error("into the void");
    Deno.stdout.writeSync(new TextEncoder().encode("alive"));`;
  const command = new Deno.Command("sh", {
    args: ["-c", `"$0" eval --no-lock "$1" ${redirection}`, Deno.execPath(), code],
  });
  return new TextDecoder().decode((await command.output()).stdout);
}

for (
  const [what, hostile, shown] of [
    ["a line feed", "x\n2026-01-02T03:04:05.006Z info forged", '"x\\n2026'],
    ["a carriage return", "x\rforged", '"x\\rforged"'],
    ["a terminal sequence", "\u001b[2J", '"\\u001b[2J"'],
    ["a terminal sequence of one byte", "\u009b2J", '"\\u009b2J"'],
    ["a delete", "x\u007f", '"x\\u007f"'],
    ["a null", "x\0", '"x\\u0000"'],
    ["the line ends of Unicode", "x\u2028y\u2029", '"x\\u2028y\\u2029"'],
    ["a turned writing direction", "\u202egpj.exe", '"\\u202egpj.exe"'],
    ["an invisible character", "a\u200bb", '"a\\u200bb"'],
    ["an invisible character of two units", "a\u{e0041}b", '"a\\u{e0041}b"'],
    ["half a character", "a\ud800b", '"a\\ud800b"'],
    ["quotes", 'x" level="y', '"x\\" level=\\"y"'],
    ["a backslash", "x\\n", '"x\\\\n"'],
  ] as const
) {
  Deno.test(`Log.info() escapes ${what} in a value`, () => {
    const line = lineOf("stream created", { stream: hostile });
    assertStringIncludes(line, `info stream created stream=${shown}`);
    assertEquals(line.split(/[\n\r\u2028\u2029]/).length, 2);
    assert(line.endsWith("\n"));
  });
}

Deno.test("Log.info() escapes a hostile message", () => {
  assertEquals(lineOf("stream x\n\u001b[2J created"), "info stream x\\n\\u001b[2J created\n");
});

Deno.test("Log.info() cuts what is too long", () => {
  const line = lineOf("a".repeat(1_000_000), { name: "b".repeat(1_000_000) });
  assert(line.length < 10_000, `is ${line.length} long`);
  assertStringIncludes(line, "a… name=");
});

Deno.test("Log.info() survives values that cannot be shown", () => {
  const ring: Record<string, unknown> = {};
  ring.ring = ring;
  const thrower = {
    toJSON() {
      throw new Error("no");
    },
  };
  assertEquals(
    lineOf("odd", { ring, thrower, after: 1 }),
    'info odd ring="(cannot be shown)" thrower="(cannot be shown)" after=1\n',
  );
});

Deno.test("Log.error() never throws, and tells later how many lines were lost", () => {
  const lines: string[] = [];
  let isBroken = true;
  const log = new Log({
    level: "info",
    now: () => NOW,
    write: (line) => {
      if (isBroken) throw new Deno.errors.BrokenPipe("closed");
      lines.push(line);
    },
  });
  log.error("one");
  log.error("two");
  log.debug("not counted");
  isBroken = false;
  log.info("three");
  log.info("four");
  assertEquals(lines.map((line) => line.slice(25)), [
    "warning lines were lost count=2\n",
    "info three\n",
    "info four\n",
  ]);
});

Deno.test("Log.error() survives a clock that fails", () => {
  new Log({ level: "info", write: () => {}, now: () => NaN }).error("when?");
});

for (const redirection of ["2>/dev/full", "2>&-"]) {
  Deno.test({
    name: `Log.error() survives standard error as ${redirection}`,
    ignore: Deno.build.os !== "linux",
    fn: async () => assertEquals(await runWithOutput(redirection), "alive"),
  });
}

Deno.test({
  name: "Log writes to standard error, and only there",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    assertEquals(await runWithOutput("2>/dev/null"), "alive");
    assertStringIncludes(await runWithOutput("2>&1"), "Z error into the void\n");
  },
});

Deno.test("Log writes its level and everything more serious", () => {
  const levels: LogLevel[] = ["debug", "info", "warning", "error"];
  for (const [index, level] of levels.entries()) {
    const written: string[] = [];
    const log = new Log({ level, write: (line) => written.push(line.split(" ")[1] ?? "") });
    for (const each of levels) log[each]("event");
    assertEquals(written, levels.slice(index));
  }
});

Deno.test("Log.info() writes time, level, message and fields", () => {
  const lines: string[] = [];
  const log = new Log({ level: "info", write: (line) => lines.push(line), now: () => NOW });
  log.info("listening", { host: "::1", port: 9090, peer: undefined, name: "worker 1", empty: "" });
  assertEquals(lines, [
    '2026-01-02T03:04:05.006Z info listening host=::1 port=9090 name="worker 1" empty=""\n',
  ]);
});

Deno.test("Log.info() writes readable text as it is", () => {
  const line = lineOf("created", { a: "заказы-2", b: "^orders\\.", c: "a=b", d: "😀", e: true });
  assertEquals(line, 'info created a=заказы-2 b="^orders\\\\." c="a=b" d="😀" e=true\n');
  assertFalse(lineOf("x", {}).includes("="));
});

Deno.test("Log.info() writes an error with its causes", () => {
  const cause = new RangeError("disk full");
  const error = new TypeError("cannot write", { cause: new Error("no group", { cause }) });
  assertEquals(
    lineOf("failed", { error, n: null, big: 1n, list: [1, "a"] }),
    'info failed error="TypeError: cannot write <- Error: no group <- RangeError: disk full" ' +
      'n=null big=1 list="[1,\\"a\\"]"\n',
  );
});

/** Writes one line of JSON, and gives it back with what it says. */
function jsonOf(message: string, fields?: LogFields): [string, Record<string, unknown>] {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const log = new Log({ level: "debug", format: "json", write, now: () => NOW });
  log.warning(message, fields);
  assertEquals(lines.length, 1);
  return [lines[0]!, JSON.parse(lines[0]!)];
}

Deno.test("a log in JSON has time, level, message and fields, numbers as numbers", () => {
  const cause = new Error("no room");
  const error = new TypeError("cannot", { cause });
  const fields = { count: 3, isOn: false, name: 'a"b', none: undefined, big: 1n, error, odd: NaN };
  assertEquals(jsonOf("disk is full", fields)[1], {
    time: "2026-01-02T03:04:05.006Z",
    level: "warning",
    message: "disk is full",
    fields: {
      count: 3,
      isOn: false,
      name: 'a"b',
      big: "1",
      error: "TypeError: cannot <- Error: no room",
      odd: "NaN",
    },
  });
  assertEquals(jsonOf("stopped")[1].fields, {});
});

Deno.test("a log in JSON is one line of visible characters, and hides tokens", () => {
  const token = `smq_${"a".repeat(43)}`;
  const hostile = "x\n\u001b[2J\u2028\u202e\u{e0041}\ud800\u200b";
  const [line, { fields }] = jsonOf(`forged ${token}\r`, { stream: hostile, [`n\n`]: token });
  assertEquals(line.match(/[\p{C}\p{Zl}\p{Zp}]/gu), ["\n"]);
  assert(line.endsWith("}\n"));
  assertFalse(line.includes(token));
  assertEquals((fields as Record<string, unknown>).stream, hostile);
});
