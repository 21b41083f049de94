/**
 * JSON with very many strings: it is checked without being parsed, and means the same.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { hasManyStrings, JSON_STRINGS_MAX } from "../../../src/protocol/json_strings.ts";
import { JsonScanner } from "../../../src/server/json_lines/json_scanner.ts";
import {
  type PublishRequest,
  readLineRequest,
} from "../../../src/server/json_lines/line_request.ts";
import { assertCode } from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { publishLine } from "../../support/wire/line_client.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

Deno.test("JsonScanner takes what JSON.parse() takes, and nothing else (random)", () => {
  const pieces = fc.constantFrom(
    ...'{}[],:" \t\n\r\\/',
    '"a"',
    '"\\u00e9"',
    '"\\x"',
    "-0",
    "01",
    "1e5",
    ".5",
    "true",
    "null",
    "nul",
    "\u0001",
    "\u2028",
  );
  const texts = fc.oneof(
    fc.array(pieces, { maxLength: 12 }).map((all) => all.join("")),
    fc.json(),
    fc.tuple(fc.json(), fc.nat(), pieces).map(([json, at, piece]) => {
      const index = at % (json.length + 1);
      return json.slice(0, index) + piece + json.slice(index + 1);
    }),
  );
  fc.assert(
    fc.property(texts, (text) => assertEquals(new JsonScanner(text).scan(), isJson(text), text)),
    fuzz(5000),
  );
});

Deno.test("JsonScanner finds the value of a key as JSON.parse() does (random)", () => {
  const object = fc.dictionary(fc.constantFrom("a", "b", "a\\u0062", "c"), fc.jsonValue());
  fc.assert(
    fc.property(object, fc.jsonValue(), (value, last) => {
      const inner = JSON.stringify(value).slice(1, -1);
      const text = ` {${inner}${inner === "" ? "" : ","} "\\u0061b" : ${JSON.stringify(last)} } `;
      const scanner = new JsonScanner(text, "ab");
      assertEquals(scanner.scan(), true);
      const { start, end } = scanner.value!;
      assertEquals(JSON.parse(text.slice(start, end)), JSON.parse(text).ab);
    }),
    fuzz(500),
  );
});

Deno.test("JsonScanner follows a million nested lists", () => {
  const depth = 1_000_000;
  assertEquals(new JsonScanner("[".repeat(depth) + "]".repeat(depth)).scan(), true);
  assertEquals(new JsonScanner("[".repeat(depth)).scan(), false);
});

/** The body of a line that publishes. */
function bodyOf(line: string): string {
  const request = readLineRequest(encoder.encode(line.trim())) as PublishRequest;
  return decoder.decode(request.body.bytes);
}

Deno.test("the body of a line may have very many strings, all else may not", () => {
  const many = Object.fromEntries(
    Array.from({ length: 5000 }, (_, index) => [`key ${index}`, `value ${index}`]),
  );
  for (const body of [many, Object.keys(many), JSON.stringify(many), { ...many, n: 1 }]) {
    const found = bodyOf(publishLine("a", JSON.stringify(body)));
    assertEquals(typeof body === "string" ? found : JSON.parse(found), body);
  }
  const line = publishLine("a", "1").trim();
  const beside = line.replace(/\}$/, `,"x":${JSON.stringify(many)}}`);
  assertCode("BAD_FRAME", () => readLineRequest(encoder.encode(beside)));
  const broken = publishLine("a", JSON.stringify(many).replace("}", "]")).trim();
  assertCode("BAD_FRAME", () => readLineRequest(encoder.encode(broken)));
});

Deno.test("hasManyStrings() counts keys and values, and looks no further than necessary", () => {
  const list = (count: number) => JSON.stringify(Array(count).fill("ab"));
  assertEquals(hasManyStrings(list(JSON_STRINGS_MAX)), false);
  assertEquals(hasManyStrings(list(JSON_STRINGS_MAX + 1)), true);
  assertEquals(hasManyStrings("x".repeat(100_000)), false);
  assertLess(JSON_STRINGS_MAX, 1000);
});
