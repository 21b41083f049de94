/**
 * Which known name somebody may have meant.
 *
 * @module
 */

import { findNearest } from "../../src/protocol/spelling.ts";
import { assertEquals } from "@std/assert";

const KNOWN = ["host", "port", "log_level", "storage.engine", "limits.message_bytes"];

Deno.test("findNearest() finds nothing where nothing is near", () => {
  for (const name of ["", "x", "colour", "verbose", "p".repeat(1_000_000)]) {
    assertEquals(findNearest(name, KNOWN), undefined);
  }
  assertEquals(findNearest("port", []), undefined);
});

for (
  const [name, nearest] of [
    ["prot", "port"],
    ["Port", "port"],
    ["hots", "host"],
    ["logLevel", "log_level"],
    ["log-levl", "log_level"],
    ["engine", "storage.engine"],
    ["storage_engin", "storage.engine"],
    ["limit.message_byte", "limits.message_bytes"],
    ["hostname", "host"],
    ["log", "log_level"],
    ["messageBytesMax", "limits.message_bytes"],
  ] as const
) {
  Deno.test(`findNearest() finds ${nearest} for ${name}`, () => {
    assertEquals(findNearest(name, KNOWN), nearest);
  });
}
