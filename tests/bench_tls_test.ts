/**
 * The bench of TLS and users: its arguments, and how it compares. That its doors let in whom they
 * should is checked with the benches.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { alternate, compare, gather } from "../bench/tls/comparison.ts";
import { makeToken } from "../bench/tls/gate.ts";
import { PARTS, readTlsScale } from "../bench/tls/scale.ts";

Deno.test("readTlsScale() refuses parts that there are not", () => {
  assertThrows(() => readTlsScale(["--parts", "speed"]), RangeError, `--parts has "speed"`);
  assertThrows(() => readTlsScale(["--rounds", "0"]), RangeError, `--rounds is "0"`);
  assertThrows(() => readTlsScale(["--storms"]), RangeError, `"--storms"`);
});

Deno.test("readTlsScale() takes parts and counts over the full scale and over the quick one", () => {
  const scale = readTlsScale(["--parts", "memory,requests", "--rounds", "7", "--quick"]);
  assertEquals([scale.parts, scale.rounds], [["requests", "memory"], 7]);
  assertEquals(readTlsScale([]).parts, PARTS);
  assert(scale.messages < readTlsScale([]).messages);
});

Deno.test("compare() compares round by round, and not what is of no round", () => {
  assertEquals(compare([2, 30, 1], [4, 20, 2]), { median: 0.5, lowest: 0.5, highest: 1.5 });
  assertThrows(() => compare([1, 2], [1]), RangeError, "Cannot compare 2 measurements with 1");
});

Deno.test("gather() finds a row of all rounds, and alternate() turns every second round around", () => {
  const rounds = [[{ a: 1, b: 2 }, { a: 3 }], [{ b: 5, a: 4 }, { a: 6 }]];
  assertEquals(gather(rounds, 0), { a: [1, 4], b: [2, 5] });
  assertEquals(gather(rounds, 1), { a: [3, 6] });
  const order = alternate(["a", "b"]);
  assertEquals([order(), order(), order()], [["a", "b"], ["b", "a"], ["a", "b"]]);
});

Deno.test("tokens that are made have the form of tokens", () => {
  assert(/^smq_[\w-]{43}$/.test(makeToken()));
});
