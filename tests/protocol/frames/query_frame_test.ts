/**
 * Requests, their answers, and the numbers of streams.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  ERROR_CODES,
  FrameType,
  OPERATIONS,
  readResponse,
  readStream,
  readStreamsForgotten,
  writeQuery,
} from "../../../protocol.ts";
import {
  readOperation,
  readQueryNumber,
  writeResponse,
  writeStream,
  writeStreamsForgotten,
} from "../../../src/protocol/frames/query_frame.ts";
import {
  number32,
  number64,
  plain,
  positive32,
  positive64,
  text,
} from "../../support/wire/arbitraries.ts";
import { assertCode, decoderOn, frameOf, roundTrip, u32, utf8 } from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const operation = fc.constantFrom(...OPERATIONS);
const options = fc.option(
  fc.record({
    stream: fc.record({
      maxDeliveries: fc.integer({ min: 1, max: 65_535 }),
      ttlMs: fc.option(fc.integer({ min: 1, max: 1_000_000 })),
    }, { ...plain, requiredKeys: [] }),
    ifDifferent: fc.constantFrom("keep" as const, "update" as const, "fail" as const),
    from: number64,
    limit: number64,
    after: number64,
    ids: fc.array(positive64, { maxLength: 5 }),
  }, { ...plain, requiredKeys: [] }),
  { nil: undefined },
);

Deno.test("stream: decode(encode(fields)) equals fields", () => {
  fc.assert(
    fc.property(number32, text, (stream, name) => {
      const decoder = roundTrip(FrameType.stream, (writer) => writeStream(writer, stream, name));
      assertEquals(readStream(decoder), { stream, name });
    }),
    fuzz(60),
  );
});

Deno.test("streamsForgotten: decode(encode(numbers)) equals numbers, and nothing else is read", () => {
  fc.assert(
    fc.property(fc.array(number32, { maxLength: 20 }), (numbers) => {
      const decoder = roundTrip(FrameType.streamsForgotten, (writer) => {
        writeStreamsForgotten(writer, numbers);
      });
      assertEquals(readStreamsForgotten(decoder), numbers);
    }),
    fuzz(60),
  );
  for (const fields of [[], u32(1), [...u32(2), ...u32(1)], [...u32(0xffff_ffff), ...u32(1)]]) {
    const decoder = decoderOn(frameOf(FrameType.streamsForgotten, ...fields));
    assertCode("BAD_FRAME", () => readStreamsForgotten(decoder));
  }
});

Deno.test("query: decode(encode(fields)) equals fields", () => {
  fc.assert(
    fc.property(positive32, operation, text, options, (query, operation, name, options) => {
      const fields = { operation, name, ...options !== undefined && { options } };
      const decoder = roundTrip(FrameType.query, (writer) => {
        writeQuery(writer, { query, ...fields });
      });
      assertEquals(readQueryNumber(decoder), query);
      assertEquals(readOperation(decoder), fields);
    }),
    fuzz(60),
  );
});

Deno.test("response: decode(encode(fields)) equals fields", () => {
  const result = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);
  fc.assert(
    fc.property(number32, result, (query, result) => {
      const decoder = roundTrip(FrameType.response, (writer) => {
        writeResponse(writer, query, result);
      });
      assertEquals(readResponse(decoder), { query, result });
    }),
    fuzz(60),
  );
});

Deno.test("a query with the number 0, or without one, is BAD_FRAME", () => {
  assertCode(
    "BAD_FRAME",
    () => readQueryNumber(decoderOn(frameOf(FrameType.query, ...u32(0)))),
  );
  assertCode("BAD_FRAME", () => readQueryNumber(decoderOn(frameOf(FrameType.query, 0, 0, 1))));
});

Deno.test("a query for something unknown is BAD_REQUEST, which ends nothing", () => {
  const contents = [
    "null",
    "1",
    "[]",
    "{}",
    '"getStreams"',
    '{"operation":"dropEverything"}',
    '{"operation":"toString"}',
    '{"operation":["getStreams"]}',
    '{"operation":"getStream","name":1}',
    '{"operation":"getStream","name":null}',
  ];
  for (const content of contents) {
    assertCode("BAD_REQUEST", () => readOperation(decoderOn(frameOf(0x10, ...utf8(content)))));
  }
  assert(!ERROR_CODES.BAD_REQUEST.fatal);
});

Deno.test("a query with options that are not allowed is BAD_REQUEST, which tells why", () => {
  const tooMany = JSON.stringify(Array.from({ length: 1001 }, (_, index) => index + 1));
  const wrong: readonly (readonly [options: string, tells: string])[] = [
    ["null", `"options" must be an object`],
    ["[]", `"options" must be an object`],
    ["1", `"options" must be an object`],
    [`{"stream":1}`, "a stream's options must be an object"],
    [`{"stream":{"maxDeliveries":0}}`, `option "maxDeliveries"`],
    [`{"stream":{"maxAge":1}}`, `no option "maxAge"`],
    [`{"ifDifferent":"replace"}`, `"options.ifDifferent" must be one of keep, update, fail`],
    [`{"from":-1}`, `"options.from" must be a whole number`],
    [`{"from":"1"}`, `"options.from" must be a whole number`],
    [`{"limit":0.5}`, `"options.limit" must be a whole number`],
    [`{"ids":1}`, `"options.ids" must be up to 1000 message ids`],
    [`{"ids":[0]}`, `"options.ids" must be`],
    [`{"ids":["1"]}`, `"options.ids" must be`],
    [`{"ids":${tooMany}}`, `"options.ids" must be`],
  ];
  for (const [options, tells] of wrong) {
    const content = utf8(`{"operation":"peek","name":"a","options":${options}}`);
    const message = assertCode(
      "BAD_REQUEST",
      () => readOperation(decoderOn(frameOf(0x10, ...content))),
    );
    assertStringIncludes(message, tells);
  }
});

Deno.test("a query needs no name, and may have fields that are not known yet", () => {
  const content = '{"operation":"getStreams","later":{"more":true}}';
  const decoder = decoderOn(frameOf(FrameType.query, ...utf8(content)));
  assertEquals(readOperation(decoder), { operation: "getStreams", name: "" });
});

Deno.test("a query whose JSON is broken is BAD_FRAME", () => {
  assertCode("BAD_FRAME", () => readOperation(decoderOn(frameOf(0x10, ...utf8("{")))));
  assertCode("BAD_FRAME", () => readOperation(decoderOn(frameOf(0x10, 0xff))));
});

Deno.test("a stream's name that is not UTF-8 is BAD_FRAME", () => {
  assertCode("BAD_FRAME", () => readStream(decoderOn(frameOf(0x06, ...u32(1), 0xff))));
});
