/**
 * What SimpleMQ relies on in `@std/async`, `@std/cli` and `@std/yaml`. Passes on the members in
 * `std/` and on the real packages: where those two differ, nothing is pinned, and nothing may be used.
 *
 * @module
 */

import {
  assertEquals,
  assertFalse,
  assertGreater,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { abortable, deadline, delay } from "@std/async";
import { abortable as abortableAlone } from "@std/async/abortable";
import { deadline as deadlineAlone } from "@std/async/deadline";
import { delay as delayAlone } from "@std/async/delay";
import { parseArgs } from "@std/cli";
import { parseArgs as parseArgsAlone } from "@std/cli/parse-args";
import { parse, stringify } from "@std/yaml";
import { parse as parseAlone } from "@std/yaml/parse";

/** Far longer than any test: whoever waits for it in earnest hangs, and that is noticed. */
const LONG_MS = 3_600_000;

Deno.test("@std: a subpath gives the same function as the package", () => {
  assertStrictEquals(abortable, abortableAlone);
  assertStrictEquals(deadline, deadlineAlone);
  assertStrictEquals(delay, delayAlone);
  assertStrictEquals(parseArgs, parseArgsAlone);
  assertStrictEquals(parse, parseAlone);
});

// @std/async

Deno.test("delay() rejects with the reason of its signal, before and while it waits", async () => {
  const reason = new Error("enough");
  const early = await assertRejects(() => delay(LONG_MS, { signal: AbortSignal.abort(reason) }));
  assertStrictEquals(early, reason);
  const controller = new AbortController();
  const waiting = delay(LONG_MS, { signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
});

Deno.test("delay() resolves after its time, at once for 0 and for negative times", async () => {
  const startedMs = performance.now();
  assertEquals(await delay(5, { signal: new AbortController().signal }), undefined);
  assertGreater(performance.now() - startedMs, 3);
  await delay(0);
  await delay(-1);
});

Deno.test("delay() waits also for longer than one timer can", async () => {
  const controller = new AbortController();
  const waiting = delay(2 ** 40, { signal: controller.signal });
  const first = await Promise.race([waiting.then(() => "over"), delay(5).then(() => "waiting")]);
  assertEquals(first, "waiting");
  controller.abort();
  await assertRejects(() => waiting, DOMException);
});

Deno.test("deadline() rejects with a TimeoutError, or the reason of its signal", async () => {
  const never = new Promise<never>(() => {});
  const error = await assertRejects(() => deadline(never, 1), DOMException);
  assertEquals(error.name, "TimeoutError");
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(await assertRejects(() => deadline(never, LONG_MS, { signal })), reason);
});

Deno.test("deadline() settles as its promise does", async () => {
  const reason = new Error("failed");
  assertEquals(await deadline(Promise.resolve(1), LONG_MS), 1);
  assertEquals(await deadline(Promise.resolve(1), Infinity), 1);
  assertStrictEquals(
    await assertRejects(() => deadline(Promise.reject(reason), LONG_MS)),
    reason,
  );
});

Deno.test("abortable() rejects with the reason of its signal, before and while it waits", async () => {
  const never = new Promise<never>(() => {});
  const reason = new Error("enough");
  const early = await assertRejects(() => abortable(never, AbortSignal.abort(reason)));
  assertStrictEquals(early, reason);
  const controller = new AbortController();
  const waiting = abortable(never, controller.signal);
  controller.abort();
  const error = await assertRejects(() => waiting, DOMException);
  assertEquals(error.name, "AbortError");
});

Deno.test("abortable() settles as its promise does", async () => {
  const { signal } = new AbortController();
  const reason = new Error("failed");
  assertEquals(await abortable(Promise.resolve(1), signal), 1);
  assertStrictEquals(
    await assertRejects(() => abortable(Promise.reject(reason), signal)),
    reason,
  );
});

// @std/cli

Deno.test("parseArgs() keeps string flags as they are", () => {
  const string = ["port", "host", "name", "_"];
  const args = ["--port", "0123", "--host=a=b", "--name=", "1e3", "007"];
  const found: Record<string, unknown> = parseArgs(args, { string });
  assertEquals(found, { _: ["1e3", "007"], port: "0123", host: "a=b", name: "" });
});

Deno.test("parseArgs() gives an empty text for a string flag without a value", () => {
  const string = ["port", "host"];
  const found: Record<string, unknown> = parseArgs(["--port", "--host"], { string });
  assertEquals(found, { _: [], port: "", host: "" });
});

Deno.test("parseArgs() takes a negative value only behind an equals sign", () => {
  const found: Record<string, unknown> = parseArgs(["--port=-1"], { string: ["port"] });
  assertEquals(found, { _: [], port: "-1" });
});

Deno.test("parseArgs() takes the last value of a flag that comes twice", () => {
  const args = ["--port", "1", "--port=2"];
  assertEquals(parseArgs(args, { string: ["port"] }).port, "2");
});

Deno.test("parseArgs() makes boolean flags false unless given, and gives them no value", () => {
  const found: Record<string, unknown> = parseArgs(["--help", "more"], {
    boolean: ["help", "version"],
  });
  assertEquals(found, { _: ["more"], help: true, version: false });
});

Deno.test("parseArgs() knows aliases and defaults", () => {
  const options = { string: ["port"], boolean: ["help"], alias: { help: "h" } };
  const found: Record<string, unknown> = parseArgs(["-h"], { ...options, default: { port: "1" } });
  assertEquals(found, { _: [], help: true, h: true, port: "1" });
});

Deno.test("parseArgs() tells unknown arguments as they are written, and drops them", () => {
  const unknown: string[] = [];
  const drop = (arg: string) => {
    unknown.push(arg);
    return !arg.startsWith("-");
  };
  const args = [
    "verify",
    "--prot",
    "1",
    "--storage.engine=x",
    "--no-insecure",
    "--port",
    "2",
    "-q",
  ];
  const options = { string: ["port", "insecure"], unknown: drop };
  const found: Record<string, unknown> = parseArgs(args, options);
  assertEquals(found, { _: ["verify"], port: "2" });
  assertEquals(unknown, ["verify", "--prot", "--storage.engine=x", "--no-insecure", "-q"]);
});

Deno.test("parseArgs() leaves what is behind -- and, if told to, behind the first word", () => {
  const string = ["port", "_"];
  const found: Record<string, unknown> = parseArgs(["--port=1", "--", "--port=2", "3"], { string });
  assertEquals(found, { _: ["--port=2", "3"], port: "1" });
  const args = ["--port=1", "verify", "--no-port", "--port=2"];
  const early: Record<string, unknown> = parseArgs(args, { string, stopEarly: true });
  assertEquals(early, { _: ["verify", "--no-port", "--port=2"], port: "1" });
});

Deno.test("parseArgs() does not let a flag reach a prototype", () => {
  parseArgs(["--__proto__.polluted=1", "--constructor.prototype.polluted=1"]);
  assertFalse("polluted" in {});
});

// @std/yaml

function parseCore(content: string): unknown {
  return parse(content, { schema: "core" });
}

for (
  const [what, content] of [
    ["a list that does not end", "a: [1, 2"],
    ["a text that does not end", 'a: "b'],
    ["a key without its level", "a: 1\n  b: 2"],
    ["a key that comes twice", "a: 1\na: 2"],
    ["a nested key that comes twice", "a:\n  b: 1\n  b: 2"],
    ["an unknown tag", "a: !secret b"],
    ["a tag of another schema", "a: !!binary aGk="],
    ["an alias without its anchor", "a: *b"],
    ["two documents", "a: 1\n---\nb: 2"],
  ] as const
) {
  Deno.test(`parse() refuses ${what} with a SyntaxError`, () => {
    const error = assertThrows(() => parseCore(content), SyntaxError);
    assertGreater(error.message.length, 0);
  });
}

Deno.test("parse() names the line of a mistake in the first line of its message", () => {
  const error = assertThrows(() => parseCore("a: 1\nb: 2\na: 3"), SyntaxError);
  assertMatch(error.message.split("\n")[0] ?? "", /\bat line [23], column \d+/);
});

Deno.test("parse() gives null for an empty document", () => {
  for (const content of ["", "\n", "# only a comment\n", "---\n", "null", "~"]) {
    assertEquals(parseCore(content), null);
  }
});

for (
  const [content, expected] of [
    ["a: text with spaces # and a comment", "text with spaces"],
    ["a: 'quoted # text'", "quoted # text"],
    ['a: "tab\\tnew"', "tab\tnew"],
    ["a: ::1", "::1"],
    ["a: 256MiB", "256MiB"],
    ["a: yes", "yes"],
    ["a: off", "off"],
    ["a: 2026-01-02", "2026-01-02"],
    ["a: 12:30", "12:30"],
    ["a: 0o10", "0o10"],
    ["a: '9090'", "9090"],
    ["a: 9090", 9090],
    ["a: -1", -1],
    ["a: 1.5", 1.5],
    ["a: 1e3", 1000],
    ["a: 1_000", 1000],
    ["a: 0x1f", 31],
    ["a: 010", 8],
    ["a: .inf", Infinity],
    ["a: true", true],
    ["a: False", false],
    ["a: null", null],
    ["a:", null],
    ["a: [1, b]", [1, "b"]],
    ["a:\n  b: 1\n  c: x", { b: 1, c: "x" }],
    ["a: {b: {c: 1}}", { b: { c: 1 } }],
    ["x: &n {b: 1}\na: *n", { b: 1 }],
    ["a: {<<: {b: 1}}", { "<<": { b: 1 } }],
  ] as const
) {
  Deno.test(`parse() reads ${JSON.stringify(content)}`, () => {
    const document = parseCore(content) as Record<string, unknown>;
    assertEquals(document.a, expected as unknown);
  });
}

Deno.test("parse() gives plain objects, and __proto__ is a key as any other", () => {
  const document = parseCore("__proto__: {polluted: true}\na: 1") as Record<string, unknown>;
  assertStrictEquals(Object.getPrototypeOf(document), Object.prototype);
  assertEquals(Object.keys(document), ["__proto__", "a"]);
  assertFalse("polluted" in document);
});

Deno.test("parse() lets a later key replace an earlier one if duplicates are allowed", () => {
  const options = { schema: "core", allowDuplicateKeys: true } as const;
  assertEquals(parse("a: 1\na: 2", options), { a: 2 });
});

for (
  const value of [
    {},
    { users: {} },
    { list: [], text: "", flags: { on: true, off: false }, none: null },
    { users: { "a.b@c": { tokens: [{ sha256: "0".repeat(64), label: "two words" }] } } },
    ["a*", "*", "*.dead", "-", "--- a", "? b", "& c", "# no comment", "a: b", "a #b", "{a}", "[a]"],
    ["true", "no", "null", "~", "1", "-1.5", "1_000", "0b1", "0x1f", "017", "1e3", ".inf", ".nan"],
    [
      "1234e5678",
      `${"12345678".repeat(7)}e1234567`,
      "2027-11-30",
      "2027-11-30T12:00:00Z",
      "12:30:45",
    ],
    ["it's", 'say "a"', "größe", "back\\slash", " a ", "a\tb", `${"long words ".repeat(20)}end`],
    { yes: 1, "1": "a", "": "b", "a b": 0.5, "*": -3, n: 1024 ** 3 },
  ]
) {
  Deno.test(`parse() reads what stringify() writes: ${JSON.stringify(value).slice(0, 60)}`, () => {
    assertEquals(parse(stringify(value, { schema: "core" }), { schema: "core" }), value);
  });
}

Deno.test("stringify() writes a line to a plain value, in the order of the object", () => {
  assertEquals(
    stringify({ users: { b: { metrics: true }, a: {} } }, { schema: "core" }),
    "users:\n  b:\n    metrics: true\n  a: {}\n",
  );
});

Deno.test("stringify() refuses undefined", () => {
  assertThrows(() => stringify({ a: undefined }, { schema: "core" }), TypeError);
});
