/**
 * JSON that stays as it was written, and lines in whatever pieces they come.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BodyKind, BrokerError, writeEntryHead } from "../../../protocol.ts";
import { findValueText, makeBody, showBody } from "../../../src/server/json_lines/json_text.ts";
import { LineBuffer } from "../../../src/server/json_lines/line_buffer.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An entry with some headers, in the midst of other bytes. */
function entryOf(kind: BodyKind, body: Uint8Array | string): [buffer: Uint8Array, offset: number] {
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  const headers = encoder.encode("\x01a\x00\x01b");
  const size = 8 + headers.length + bytes.length;
  const buffer = new Uint8Array(3 + size + 3).fill(0x22);
  writeEntryHead(buffer, 3, { size, kind, headerBytes: headers.length });
  buffer.set(headers, 11);
  buffer.set(bytes, 11 + headers.length);
  return [buffer, 3];
}

for (
  const [what, text, found] of [
    ["alone", '{"b":1}', "1"],
    ["among others", '{"a":[{"b":2},"b"],"b":1.0,"c":{"b":[]}}', "1.0"],
    [
      "with spaces around",
      ' {\t"b"\r\n:  12345678901234567890 \n, "c" : "" } ',
      "12345678901234567890",
    ],
    ["at the end", '{"a":"}","b": -0e7}', "-0e7"],
    ["several times", '{"b":1,"b":[1, 2]}', "[1, 2]"],
    ["behind brackets in strings", '{"a":["]{\\"","\\\\"],"b":{"x":"}"}}', '{"x":"}"}'],
    ["with an escaped name", '{"\\u0062":null}', "null"],
    ["as a string with escapes", '{"b":"\\\\\\"","c":1}', '"\\\\\\""'],
    ["not at all", '{"a":{"b":1}}', ""],
    ["not in an empty object", "{ }", ""],
  ] as const
) {
  Deno.test(`findValueText() finds a value ${what}`, () => {
    JSON.parse(text);
    assertEquals(findValueText(text, "b"), found);
  });
}

Deno.test("findValueText() finds in any object what parsing finds", () => {
  const value = fc.json();
  const key = fc.oneof(fc.constant("body"), fc.string());
  const space = fc.stringMatching(/^[ \t\r\n]{0,2}$/);
  const member = fc.tuple(space, key, space, space, value, space);
  fc.assert(
    fc.property(fc.array(member), (members) => {
      const text = `{${
        members.map(([a, key, b, c, value, d]) => a + JSON.stringify(key) + b + ":" + c + value + d)
          .join(",")
      }}`;
      const expected = members.findLast(([, key]) => key === "body")?.[4].trim() ?? "";
      assertEquals(findValueText(text, "body"), expected);
    }),
    fuzz(300),
  );
});

Deno.test("makeBody() makes text of a string, and JSON of what UTF-8 cannot say", () => {
  const text = makeBody("я\u0000", () => "not asked for");
  assertEquals([text.kind, decoder.decode(text.bytes)], [BodyKind.text, "я\u0000"]);
  const half = makeBody("\ud800", () => '"\\ud800"');
  assertEquals([half.kind, decoder.decode(half.bytes)], [BodyKind.json, '"\\ud800"']);
  const number = makeBody(1, () => "1.0");
  assertEquals([number.kind, decoder.decode(number.bytes)], [BodyKind.json, "1.0"]);
});

for (
  const [what, kind, body, shown] of [
    ["text as a string", BodyKind.text, 'a "я"\n\u2028', '"a \\"я\\"\\n\u2028"'],
    ["text that is no UTF-8", BodyKind.text, new Uint8Array([0xff]), '"\ufffd"'],
    ["JSON as it is", BodyKind.json, '{"n": 1.0, "n": 12345678901234567890}', undefined],
    ["JSON on one line", BodyKind.json, '[1,\r\n"\\n"\n]', '[1,  "\\n" ]'],
    ["what is no JSON as a string", BodyKind.json, '1}\n{"a"', '"1}\\n{\\"a\\""'],
    ["nothing as a string", BodyKind.json, "", '""'],
    ["bytes as base64", BodyKind.bytes, new Uint8Array([0, 255, 254]), '"AP/+"'],
  ] as const
) {
  Deno.test(`showBody() shows ${what}`, () => {
    const text = showBody(...entryOf(kind, body));
    assertEquals(text, shown ?? body);
    JSON.parse(text);
  });
}

Deno.test("LineBuffer finds the same lines in whatever pieces they come", () => {
  const line = fc.stringMatching(/^[a-z\r]{0,40}$/);
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(line), sizes, (lines, sizes) => {
      const bytes = encoder.encode(lines.join("\n"));
      const buffer = new LineBuffer(40);
      const found: string[] = [];
      let offset = 0;
      for (let index = 0; offset < bytes.length; index++) {
        const end = offset + sizes[index % sizes.length]!;
        buffer.push(bytes.slice(offset, end));
        for (let line = buffer.next(); line !== undefined; line = buffer.next()) {
          found.push(decoder.decode(line));
        }
        offset = end;
      }
      found.push(decoder.decode(buffer.takeRest()));
      assertEquals(found, lines.length === 0 ? [""] : lines);
    }),
    fuzz(300),
  );
});

Deno.test("LineBuffer refuses a line that is too long as soon as that is known", () => {
  for (
    const [text, isTooLong] of [["12345", true], ["1\n12345\n", true], [
      "1234\n1234",
      false,
    ]] as const
  ) {
    const buffer = new LineBuffer(4);
    const read = () => {
      buffer.push(encoder.encode(text));
      while (buffer.next() !== undefined);
    };
    if (isTooLong) assertThrows(read, BrokerError, "5 bytes or more, limit is 4");
    else read();
  }
});

Deno.test("LineBuffer takes a long line in tiny pieces without copying it again and again", () => {
  const buffer = new LineBuffer(1_000_000);
  const start = performance.now();
  for (let index = 0; index < 300_000; index++) {
    buffer.push(new Uint8Array([0x61]));
    assert(buffer.next() === undefined);
  }
  assertEquals(buffer.takeRest().length, 300_000);
  // Copying all of it for each piece would take minutes.
  assertLess(performance.now() - start, 5000);
});
