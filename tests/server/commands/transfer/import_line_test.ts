/**
 * Lines of an export that nobody has exported.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { readImportLine } from "../../../../src/server/commands/transfer/import_line.ts";

for (const type of ["toString", "constructor", "valueOf", "__proto__", "later"]) {
  Deno.test(`a line of the type ${type} is one that this version does not know`, () => {
    const text = JSON.stringify({ type, stream: "orders", body: 1 });
    assertEquals(readImportLine(text), {
      line: { type: "unknown" },
      unknown: [`type "${type}"`],
    });
  });
}
