import { assertEquals, assertStrictEquals } from "@std/assert";
import { BodyKind, decodeBatch, encodeBatch } from "../../../protocol.ts";
import { checkBatch } from "../../../src/protocol/messages/batch.ts";
import { toPlainBatch } from "../../../src/protocol/messages/plain_batch.ts";
import { StoryCopies } from "../../../src/protocol/messages/story.ts";
import { readProperties } from "../../../src/protocol/messages/properties.ts";

const body = new TextEncoder().encode("hello");
const coalesce = {
  id: "doc",
  quietMs: 5,
  atMostMs: 60,
  take: "last",
  whileWorked: "wait",
} as const;
const headers = { colour: "red" };
const redrives = { count: 1, firstId: 1, firstAt: 1 };

Deno.test("toPlainBatch() leaves lanes and coalesce ids out, and nothing else", () => {
  const wishes = { key: "k", dedupId: "d", ttlMs: 5, priority: 7 };
  const messages = [
    { kind: BodyKind.text, body, headers, wishes: { ...wishes, lane: "acme", coalesce } },
    { kind: BodyKind.json, body },
    { kind: BodyKind.bytes, body, headers, wishes: { lane: "acme" } },
  ];
  const plain = toPlainBatch(encodeBatch(messages));
  checkBatch(plain, 100);
  const bare = encodeBatch([
    { kind: BodyKind.text, body, headers, wishes },
    { kind: BodyKind.json, body },
    { kind: BodyKind.bytes, body, headers },
  ]);
  assertEquals(decodeBatch(plain), decodeBatch(bare));
  assertEquals(plain.buffer.subarray(plain.start, plain.end), bare.buffer);
  assertStrictEquals(toPlainBatch(bare), bare);
});

Deno.test("a copy with a story keeps the lane, and not the coalesce id", () => {
  const wishes = { key: "k", lane: "acme", coalesce };
  const batch = encodeBatch([{ kind: BodyKind.text, body, headers, wishes }]);
  const copies = new StoryCopies();
  copies.add(batch.buffer, 0, { redrives });
  copies.add(batch.buffer, 0, undefined);
  const copy = copies.finish();
  new StoryCopies().add(batch.buffer, 0, { redrives: { ...redrives, count: 7 } });
  assertEquals(readProperties(copy.buffer, 0), { key: "k", redrives, lane: "acme" });
  const messages = decodeBatch(copy);
  assertEquals(messages.length, 2);
  for (const message of messages) {
    assertEquals([message.headers, message.body], [headers, body]);
  }
});
