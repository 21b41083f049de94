/**
 * What names, patterns and sizes are allowed, at the edges.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { STREAM_NAME_RULE } from "../../protocol.ts";
import {
  findLabelMistake,
  findPatternMistake,
  findReplyStreamMistake,
  findStreamNameMistake,
} from "../../src/protocol/limits.ts";
import { isUtf8 } from "../../src/protocol/utf8.ts";

Deno.test("findStreamNameMistake() lets pass what the rule allows", () => {
  const names = [
    "a",
    "Z",
    "0",
    "a".repeat(128),
    "hello_queue",
    "orders.2024-eu_1",
    "a..b",
    "a.",
    "a-",
    "a_",
    "orders.dead",
    `${"a".repeat(128)}.dead`,
    "CON",
  ];
  for (const name of names) assertEquals(findStreamNameMistake(name), undefined, name);
});

Deno.test("findStreamNameMistake() complains of every name outside the rule", () => {
  const names = [
    "",
    "a".repeat(129),
    `${"a".repeat(129)}.dead`,
    `${"a".repeat(128)}.deaf`,
    ".dead",
    "$",
    "$internal",
    "a$",
    ".",
    "..",
    "../a",
    "a/b",
    "a\\b",
    "_a",
    "-a",
    ".a",
    " a",
    "a b",
    "a\n",
    "\na",
    "a\0",
    "ä",
    "a\u0301",
    "Ω",
    "😀",
    "a:b",
    "a*",
  ];
  for (const name of names) {
    assertMatch(
      findStreamNameMistake(name) ?? "no mistake",
      /^a stream name must have 1 to 128 /,
      name,
    );
  }
});

Deno.test("findStreamNameMistake() complains of what is not a string", () => {
  for (const name of [undefined, null, 1, true, {}, ["a"]]) {
    assertStringIncludes(
      findStreamNameMistake(name) ?? "no mistake",
      "a stream name must be a string",
    );
  }
});

Deno.test("findStreamNameMistake() quotes the name, and never more than a line of it", () => {
  assertStringIncludes(findStreamNameMistake("a b")!, '"a b"');
  assertLess(findStreamNameMistake("x".repeat(10_000))!.length, 250);
});

Deno.test("STREAM_NAME_RULE keeps no state between two uses", () => {
  assertEquals(STREAM_NAME_RULE.flags, "");
});

Deno.test("findPatternMistake() allows 1 to 256 characters", () => {
  assertEquals(findPatternMistake("."), undefined);
  assertEquals(findPatternMistake("a".repeat(256)), undefined);
  assertStringIncludes(findPatternMistake("a".repeat(257))!, "at most 256 characters, found 257");
  assertStringIncludes(findPatternMistake("")!, "at least one character");
  assertStringIncludes(findPatternMistake(/a/)!, "a pattern must be a string");
});

Deno.test("findLabelMistake() allows 1 to 128 characters, whatever they are", () => {
  assertEquals(findLabelMistake("x"), undefined);
  assertEquals(findLabelMistake("worker 1 / Büro 😀"), undefined);
  assertEquals(findLabelMistake("x".repeat(128)), undefined);
  assertStringIncludes(findLabelMistake("x".repeat(129))!, "found 129");
  assertStringIncludes(findLabelMistake("")!, "found 0");
  assertStringIncludes(findLabelMistake(7)!, "a name must be a string");
});

Deno.test("a text with half a surrogate pair is no name and no pattern", () => {
  for (const find of [findLabelMistake, findPatternMistake]) {
    assertStringIncludes(find("🎉\udf89")!, "has half a surrogate pair at index 2");
    assertEquals(find("🎉"), undefined);
  }
});

Deno.test("isUtf8() lets pass what a strict decoder does, and looks only where it is told to", () => {
  const bytes = new Uint8Array([0xff, 0x61, 0xc3, 0xa4, 0xf0, 0x9f, 0x8e, 0x89, 0xed, 0xa0, 0xbc]);
  assert(isUtf8(bytes, 1, 8));
  assert(isUtf8(bytes, 1, 1));
  for (const [start, end] of [[0, 8], [1, 7], [3, 8], [8, 11], [1, 3]] as const) {
    assert(!isUtf8(bytes, start, end), `${start} to ${end}`);
  }
});

Deno.test("findReplyStreamMistake() lets pass $reply. and what stands in names", () => {
  for (const rest of ["a", "0", ".", crypto.randomUUID(), "x".repeat(121)]) {
    assertEquals(findReplyStreamMistake(`$reply.${rest}`), undefined, rest);
  }
  const names = [
    "",
    "orders",
    "$reply",
    "$reply.",
    "reply.a",
    "$reply.a b",
    "$reply.ä",
    " $reply.a",
  ];
  for (const name of [...names, "$reply.a\n", `$reply.${"x".repeat(122)}`, 1, null, undefined]) {
    assertStringIncludes(findReplyStreamMistake(name) ?? "allowed", "must be $reply. and 1 to 121");
  }
});
