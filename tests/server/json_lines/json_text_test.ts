/**
 * JSON whose values stay as they were sent, and lines in whatever pieces they come.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BodyKind, BrokerError } from "../../../protocol.ts";
import { writeEntryHead } from "../../../src/protocol/messages/entry.ts";
import { makeBody, showBody } from "../../../src/server/json_lines/json_text.ts";
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

/** What is stored of the body of a line that holds this JSON. */
function bodyOf(json: string): [kind: BodyKind, text: string] {
  const line = `{"z":1.0,"body":0,"body":${json},"y":[2.0]}`;
  const { kind, bytes } = makeBody(JSON.parse(line), line, "body");
  return [kind, decoder.decode(bytes)];
}

for (
  const [json, stored] of [
    ["1.0", undefined],
    ["-0", undefined],
    ["1E400", undefined],
    ["123456789012345678901234567890", undefined],
    ["0.1000000000000000055511151231257827", undefined],
    ['{"b":[-0.0,{"c":12345678901234567890}],"a":null}', undefined],
    ['{"__proto__":{"n":1.0}}', undefined],
    ['"\\ud800"', undefined],
    ["true", undefined],
    ['{"\\u0061" :\t[ "\\u044f", 1.50 ]\r}', '{"a":["я",1.50]}'],
    ['{"a":1.0,"a":2.0}', '{"a":2.0}'],
  ] as const
) {
  Deno.test(`makeBody() keeps the numbers of ${json}`, () => {
    assertEquals(bodyOf(json), [BodyKind.json, stored ?? json]);
  });
}

Deno.test("makeBody() changes no value", () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      const [kind, text] = bodyOf(json);
      const value = JSON.parse(json);
      if (kind === BodyKind.text) assertEquals(text, value);
      else assertEquals(JSON.parse(text), value);
    }),
    fuzz(300),
  );
});

Deno.test("makeBody() makes text of a string, and JSON of what UTF-8 cannot say", () => {
  assertEquals(bodyOf('"я\\u0000"'), [BodyKind.text, "я\u0000"]);
  assertEquals(bodyOf('"\\ud800"'), [BodyKind.json, '"\\ud800"']);
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
