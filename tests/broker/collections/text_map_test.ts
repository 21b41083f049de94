/**
 * Maps whose keys clients choose: they do what a plain map does, and no choice of texts makes them slow.
 *
 * @module
 */

import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { KeyedHash } from "../../../src/broker/collections/keyed_hash.ts";
import { TextMap } from "../../../src/broker/collections/text_map.ts";
import { KeyTable } from "../../../src/broker/ready/key_table.ts";
import { SessionMembers } from "../../../src/server/frames/session_members.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** The published hashes of the bytes 0, 1, 2 and so on, by their number, with the key 0 to 7. */
const PUBLISHED = new Map([[0, 0x5814c896], [2, 0xbc4b0e30], [4, 0x7e059ea6]]);

/** Texts that are array indices: the runtime hashes them by value, so these have the same place in a map. */
const INDICES = Array.from({ length: 20_000 }, (_, index) => `${index * 2 ** 17}`);

const NAMES = Array.from({ length: 20_000 }, (_, index) => `customer ${index}`);

Deno.test("a keyed hash is HalfSipHash-1-3, and another one with each key", () => {
  const hash = new KeyedHash([0x03020100, 0x07060504]);
  for (const [count, value] of PUBLISHED) {
    const bytes = Uint8Array.from({ length: count }, (_, index) => index);
    const text = String.fromCharCode(...new Uint16Array(bytes.buffer));
    assertEquals(hash.ofText(text) >>> 0, value);
  }
  const others = [[0, 0], [1, 0], [0, 1]] as const;
  assertEquals(new Set(others.map((key) => new KeyedHash(key).ofText("a"))).size, 3);
});

Deno.test("a keyed hash of bytes depends on each bit, on their number and on nothing else", () => {
  const hash = new KeyedHash([5, 6]);
  const read = (bytes: Uint8Array, start: number, end: number) => {
    const half = hash.ofBytes(bytes, start, end);
    return `${half} ${hash.otherHalf}`;
  };
  const bytes = new Uint8Array(67);
  const found = new Set([read(bytes, 0, 0)]);
  for (let end = 1; end <= bytes.length; end++) {
    found.add(read(bytes, 0, end));
    bytes[end - 1] = 0x80;
    found.add(read(bytes, 0, end));
    bytes[end - 1] = 0;
  }
  assertEquals(found.size, 1 + 2 * bytes.length);
  const framed = Uint8Array.of(9, 1, 2, 3, 4, 5, 9);
  assertEquals(read(framed, 1, 6), read(framed.slice(1, 6), 0, 5));
});

Deno.test("TextMap holds the same as a plain Map (random)", () => {
  const text = fc.oneof(fc.constantFrom("", "__proto__", "0", "131072", "\ud800"), fc.string());
  const step = fc.record({ do: fc.constantFrom("set", "set", "delete"), text, value: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const map = new TextMap<number>();
      const model = new Map<string, number>();
      for (const { do: what, text, value } of steps) {
        if (what === "set") {
          map.set(text, value);
          model.set(text, value);
        } else assertEquals(map.delete(text), model.delete(text));
        assertEquals([map.size, map.get(text), map.has(text)], [
          model.size,
          model.get(text),
          model.has(text),
        ]);
      }
      assertEquals([...map], [...model]);
      assertEquals([...map.keys()], [...model.keys()]);
      map.clear();
      assertEquals([map.size, [...map.values()]], [0, []]);
    }),
    fuzz(200),
  );
});

Deno.test("TextMap tells texts with the same hash apart", () => {
  class SameHash extends KeyedHash {
    override ofText(): number {
      return 7;
    }
  }
  const map = new TextMap<number>(new SameHash());
  for (const [index, text] of ["a", "b", "c", "d"].entries()) map.set(text, index);
  assertEquals([map.get("a"), map.get("b"), map.get("e"), map.size], [0, 1, undefined, 4]);
  assertEquals([map.delete("d"), map.delete("b"), map.delete("b")], [true, true, false]);
  assertEquals([...map.keys()].sort(), ["a", "c"]);
  assertEquals([map.delete("a"), map.delete("c"), map.size], [true, true, 0]);
});

/** The time that it takes to put texts into a map, the best of a few. */
function measure(
  texts: readonly string[],
  makeMap: () => { set(text: string, value: 1): unknown },
) {
  const times = [1, 2, 3].map(() => {
    const map = makeMap();
    const before = performance.now();
    for (const text of texts) map.set(text, 1);
    return performance.now() - before;
  });
  return Math.min(...times);
}

/**
 * Asserts that something costs no more than something else. What costs a thousand times as much does so each time: a
 * machine that is busy with other things does not.
 */
function assertNoDearer(measureRatio: () => number): void {
  let ratio = Infinity;
  for (let tries = 0; ratio >= 5 && tries < 20; tries++) ratio = Math.min(ratio, measureRatio());
  assertLess(ratio, 5);
}

Deno.test("texts that collide in a plain Map cost a TextMap no more than others", () => {
  const few = INDICES.slice(0, 5000);
  const plain = measure(few, () => new Map()) / measure(NAMES.slice(0, 5000), () => new Map());
  assert(plain > 5, `the texts do not collide in a Map any more (${plain}): choose others`);
  const open = () => new TextMap();
  assertNoDearer(() => measure(INDICES, open) / measure(NAMES, open));
});

/** The runtime's hash of a small number, as a place in a map. */
function placeOf(number: number): number {
  let hash = (~number + (number << 15)) | 0;
  hash ^= hash >>> 12;
  hash = (hash + (hash << 2)) | 0;
  hash = Math.imul(hash ^ (hash >>> 4), 2057);
  return (hash ^ (hash >>> 16)) & 0x7ff;
}

Deno.test("members whose numbers collide in a plain Map cost no more than others", () => {
  const chosen: number[] = [];
  for (let number = 0; chosen.length < 5000; number++) {
    if (placeOf(number) === 0) chosen.push(number);
  }
  const others = Array.from(chosen, (_, index) => index * 1999);
  const time = (numbers: readonly number[], take: () => (number: number) => void) => {
    const times = [1, 2, 3].map(() => {
      const takeOne = take();
      const before = performance.now();
      for (const number of numbers) takeOne(number);
      return performance.now() - before;
    });
    return Math.min(...times);
  };
  const plain = () => {
    const map = new Map<number, number>();
    return (number: number) => void map.set(number, number);
  };
  const ratio = time(chosen, plain) / time(others, plain);
  assert(ratio > 5, `the numbers do not collide in a Map any more (${ratio}): choose others`);
  const open = () => {
    const members = new SessionMembers<number>("follower", new KeyedHash([77, 78]));
    return (number: number) => {
      assertEquals(members.reserve(number), undefined);
      members.add(number, number);
      if (members.find(number) !== number) throw new Error(`${number} is another one`);
    };
  };
  assertNoDearer(() => time(chosen, open) / time(others, open));
});

Deno.test("keys that are array indices have one number each", () => {
  const table = new KeyTable(new KeyedHash([77, 78]));
  const encoder = new TextEncoder();
  const seen = new Set(INDICES.map((text) => {
    const bytes = encoder.encode(text);
    return table.require(bytes, 0, bytes.length);
  }));
  assertEquals(seen.size, INDICES.length);
});
