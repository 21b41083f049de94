import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BodyKind, decodeBatch, encodeBatch } from "../../../protocol.ts";
import { BODY_BYTES_DEFAULT } from "../../../src/protocol/limits.ts";
import { checkBatch } from "../../../src/protocol/messages/batch.ts";
import { PRIORITY_DEFAULT } from "../../../src/protocol/messages/entry.ts";

const body = new TextEncoder().encode("hello");

Deno.test("decodeBatch() gives what encodeBatch() was given", () => {
  const message = fc.record({
    kind: fc.constantFrom(...Object.values(BodyKind)),
    body: fc.uint8Array({ maxLength: 20 }),
    headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), fc.string({ maxLength: 5 })),
    priority: fc.nat(9),
    deliverAt: fc.nat(),
    key: fc.string({ minLength: 1, maxLength: 9 }),
    request: fc.record({ stream: fc.constant("$reply.x"), number: fc.nat() }, {
      noNullPrototype: true,
    }),
  }, { noNullPrototype: true });
  fc.assert(fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), (messages) => {
    const batch = encodeBatch(messages.map(({ kind, body, headers, ...wishes }) => {
      return { kind, body, headers, wishes };
    }));
    checkBatch(batch, BODY_BYTES_DEFAULT);
    const decoded = decodeBatch(batch).map(({ properties, ...rest }) => ({
      ...rest,
      ...properties,
    }));
    assertEquals(decoded, messages);
  }));
});

Deno.test("decodeBatch() gives copies, and the usual priority where nothing is said", () => {
  const batch = encodeBatch([{ kind: BodyKind.text, body }]);
  const [message] = decodeBatch(batch);
  batch.buffer.fill(0);
  assertEquals(message, {
    kind: BodyKind.text,
    body,
    headers: {},
    priority: PRIORITY_DEFAULT,
    properties: {},
  });
});

for (
  const [wishes, part] of [
    [{ priority: 10 }, "priority must be a whole number from 0 to 9, found 10"],
    [{ key: "" }, "key must have 1 to 128 bytes, found 0"],
    [{ delayMs: 1, deliverAt: 1 }, "delayMs and deliverAt exclude each other"],
  ] as const
) {
  Deno.test(`encodeBatch() refuses ${JSON.stringify(wishes)}`, () => {
    const message = { kind: BodyKind.text, body, wishes };
    assertThrows(() => encodeBatch([message]), RangeError, `Cannot encode a message: ${part}`);
  });
}

Deno.test("encodeBatch() refuses headers that are too large", () => {
  const message = { kind: BodyKind.text, body, headers: { large: "x".repeat(5000) } };
  assertThrows(() => encodeBatch([message]), RangeError, "Cannot encode a message: headers are");
});
