/**
 * Patterns: what they find, what is refused, and that none of them takes long.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { BrokerError } from "../../protocol.ts";
import { compilePattern } from "../../src/engine/pattern.ts";
import { assertCode } from "../support/wire/frames.ts";

Deno.test("compilePattern() finds a pattern anywhere in a name", () => {
  const matches = compilePattern("world", false);
  for (const name of ["world", "hello_world", "worlds", "a.world.b"]) assert(matches(name), name);
  for (const name of ["word", "WORLD", ""]) assertFalse(matches(name), name);
});

Deno.test("compilePattern() understands what people write in patterns", () => {
  const cases: [pattern: string, yes: string[], no: string[]][] = [
    [".+_world", ["hello_world", "a_worlds"], ["_world", "world"]],
    ["^orders$", ["orders"], ["orders.eu", "my-orders"]],
    ["^orders\\.(eu|us)$", ["orders.eu", "orders.us"], ["orders.asia", "ordersXeu"]],
    ["[0-9]{3}", ["a123", "1234"], ["12", "abc"]],
    ["\\d\\w\\b", ["1a", "x-2b"], ["ab"]],
    ["^(?:a|b)*?c", ["abc", "c"], ["bda"]],
    [".", ["x"], [""]],
  ];
  for (const [pattern, yes, no] of cases) {
    const matches = compilePattern(pattern, false);
    for (const name of yes) assert(matches(name), `${pattern} ${name}`);
    for (const name of no) assertFalse(matches(name), `${pattern} ${name}`);
  }
});

Deno.test("compilePattern() ignores case if asked to, and only then", () => {
  assert(compilePattern("Hello", true)("say-HELLO"));
  assertFalse(compilePattern("Hello", false)("say-HELLO"));
  assert(compilePattern("(?i)Hello", false)("say-HELLO"));
});

Deno.test("compilePattern() gives a matcher that keeps no state between names", () => {
  const matches = compilePattern("a", false);
  assertEquals(["a", "b", "a", "ba"].map(matches), [true, false, true, true]);
});

for (
  const [what, pattern] of [
    ["lookahead", "(?=a)b"],
    ["negative lookahead", "^(?!dead).*"],
    ["lookbehind", "(?<=a)b"],
    ["a backreference", "(a)\\1"],
    ["a named backreference", "(?<x>a)\\k<x>"],
    ["an open bracket", "[a"],
    ["an open group", "(a"],
    ["a repetition of nothing", "*a"],
    ["a backslash at the end", "a\\"],
    ["a repetition that is too large", "a{100000}"],
    ["repetitions of repetitions that are too large", "(((a{100}){100}){100})"],
    ["an expression that would need too much memory", "(.{0,1000}){1000}"],
  ] as const
) {
  Deno.test(`compilePattern() refuses ${what} with BAD_PATTERN and names the pattern`, () => {
    const message = assertCode("BAD_PATTERN", () => compilePattern(pattern, false));
    assertStringIncludes(message, JSON.stringify(pattern));
    assertStringIncludes(message, "lookaround and backreferences are not supported");
  });
}

Deno.test("compilePattern(): patterns that stop other engines are quick on the longest name", () => {
  const name = "a".repeat(128);
  const patterns = [
    "(a*)*$b",
    "(a+)+$b",
    "(a|aa)+$b",
    "(a|a?)+$b",
    "(.*a){20}$b",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    `${"a?".repeat(100)}${"a".repeat(50)}$b`,
  ];
  const startedMs = performance.now();
  for (const pattern of patterns) assertFalse(compilePattern(pattern, false)(name), pattern);
  // A backtracking engine would need longer than the age of the universe.
  assertLess(performance.now() - startedMs, 2000);
});

Deno.test("compilePattern() refuses what would be slow for every name, and says why", () => {
  for (const pattern of ["((a{0,10}){0,10}){0,10}$", "(?:.?){1,999}$", "(a{1,30}){1,30}"]) {
    const error = assertThrows(() => compilePattern(pattern, false), BrokerError, "too complex");
    assertEquals(error.code, "BAD_PATTERN");
    assert(error.message.includes(JSON.stringify(pattern)));
  }
  assert(compilePattern("a".repeat(256), false)("a".repeat(256)));
  assert(compilePattern("^[a-z0-9]{1,64}\\.[a-z]{1,64}$", false)("orders.eu"));
});
