/**
 * Messages of an answer, as a cursor shows them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { BodyKind, encodeBatch } from "../../../protocol.ts";
import { readPeeked } from "../../../src/client/cursor/peeked_message.ts";

Deno.test("a body that says it is JSON and is none is shown as bytes, and the others as they are", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const bodies = ['{"a":1}', "{broken", "[]"];
  const batch = encodeBatch(bodies.map((body) => ({ kind: BodyKind.json, body: bytes(body) })));
  const infos = bodies.map((_, index) => ({ id: index + 1, state: "ready" as const, attempts: 0 }));
  const entries = batch.buffer.subarray(batch.start, batch.end);
  const shown = readPeeked("odd", { infos, entries }).map(({ body }) => body);
  assertEquals(shown, [{ a: 1 }, bytes("{broken"), []]);
});
