/**
 * The beginnings of pieces of snapshots, by which most of them are passed.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { readPieceHead } from "../../../src/broker/events/piece_head.ts";
import type { SnapshotPiece } from "../../../src/broker/state/snapshot.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { codePoint } from "../../support/wire/arbitraries.ts";

const read = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as SnapshotPiece;

function headOf(piece: unknown) {
  const text = typeof piece === "string" ? piece : JSON.stringify(piece);
  const head = readPieceHead(new TextEncoder().encode(text), read);
  return head && { piece: head.piece, number: head.number, nextId: head.nextId };
}

Deno.test("the head of a piece tells what it is about, and of a stream the next id (random)", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: codePoint }),
      fc.maxSafeNat(),
      fc.maxSafeNat(),
      (name, number, nextId) => {
        const piece = { piece: "stream", number, name, nextId };
        assertEquals(headOf(piece), { piece: "stream", number, nextId });
        const options = { ttlMs: 5 };
        assertEquals(headOf({ ...piece, options }), { piece: "stream", number, nextId });
        const publisher = {
          piece: "publisher",
          number,
          identity: name,
          lastSequence: 1,
          settled: 0,
        };
        assertEquals(headOf(publisher), { piece: "publisher", number, nextId: undefined });
        const gaps = { piece: "gaps", publisher: number, gaps: [[1, 2]] };
        assertEquals(headOf(gaps), { piece: "gaps", number, nextId: undefined });
        const ids = { piece: "messageIds", stream: number, messageIds: [[name, 1, 2]] };
        assertEquals(headOf(ids), { piece: "messageIds", number, nextId: undefined });
      },
    ),
    fuzz(50),
  );
});

Deno.test("a piece that begins in another way has no head, and is read as a whole", () => {
  const others = [
    { piece: "counters", nextStreamNumber: 1, nextPublisherNumber: 2 },
    { piece: "stream", name: "a", number: 1, nextId: 2 },
    { piece: "stream", number: 1, name: "a", isPaused: true, nextId: 2 },
    { number: 1, piece: "publisher" },
    '{"piece":"publisher","number":1.5,"identity":"a"}',
    '{"piece":"publisher","number":1e3,"identity":"a"}',
    '{"piece":"publisher","number":-1,"identity":"a"}',
    '{"piece":"publisher","number":12345678901234567890,"identity":"a"}',
    '{"piece":"publisher","number":1',
    '{"piece":"publisher',
    '{"piece":"stream","number":1,"name":"a',
    '{"piece":"stream","number":1,"name":"a\\\\',
    "",
  ];
  for (const piece of others) assertEquals(headOf(piece), undefined, JSON.stringify(piece));
});
