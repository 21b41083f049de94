/**
 * Sizes as people write them.
 *
 * @module
 */

import { formatByteSize, parseByteSize } from "../../../src/server/settings/byte_size.ts";
import { assertEquals } from "@std/assert";

Deno.test("parseByteSize() refuses what is no whole number of bytes", () => {
  const mistaken = ["", " ", "MiB", "1 lot", "1.5", "0.1KB x", "1e3", "0x10", "1,5GB", "1 2", "K"];
  for (const text of [...mistaken, "9".repeat(17), "9999999999999999 TiB", "Infinity", "NaN"]) {
    assertEquals(parseByteSize(text), undefined, text);
  }
});

Deno.test("parseByteSize() reads numbers with and without a unit, in any case", () => {
  const sizes = ["0", "-1", "65536", "1B", "1KiB", "1kb", "1.5 GiB", " 2mib ", "1TB"];
  const bytes = [0, -1, 65536, 1, 1024, 1000, 1.5 * 1024 ** 3, 2 * 1024 ** 2, 1000 ** 4];
  assertEquals(sizes.map(parseByteSize), bytes);
});

Deno.test("formatByteSize() writes what parseByteSize() reads", () => {
  const texts = ["0", "1", "1023", "1KiB", "1025", "1536KiB", "256MiB", "3TiB"];
  const bytes = [0, 1, 1023, 1024, 1025, 1536 * 1024, 256 * 1024 ** 2, 3 * 1024 ** 4];
  assertEquals(bytes.map(formatByteSize).map(parseByteSize), bytes);
  assertEquals(bytes.map(formatByteSize), texts);
});
