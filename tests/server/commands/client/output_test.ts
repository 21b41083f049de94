/**
 * What commands print: tables, quantities, progress, and texts of others that do no harm.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Progress } from "../../../../src/server/commands/output/progress.ts";
import {
  formatBytes,
  formatSpan,
  formatTime,
  parseSpan,
} from "../../../../src/server/commands/output/quantities.ts";
import { formatTable } from "../../../../src/server/commands/output/result_output.ts";
import {
  escapeControls,
  fitText,
  widthOf,
} from "../../../../src/server/commands/output/shown_text.ts";
import { readLines } from "../../../../src/server/commands/messages/input_lines.ts";
import { ReceiptSum } from "../../../../src/server/commands/messages/receipt_sum.ts";

Deno.test("texts: control characters are shown, and the width of all others is known", () => {
  assertEquals(
    escapeControls("a\tb\r\n\u001b[31m\u0000\u009b\u202e\u2028é漢🦕"),
    "a\\tb\\r\\n\\u001b[31m\\u0000\\u009b\\u202e\\u2028é漢🦕",
  );
  for (
    const [text, width] of [["", 0], ["abc", 3], ["é", 1], ["e\u0301", 1], ["漢字", 4], ["ｆ", 2], [
      "🦕",
      2,
    ], ["한", 2]] as const
  ) {
    assertEquals(widthOf(text), width, text);
  }
  assertEquals([fitText("abc", 5), fitText("abcdef", 4), fitText("漢字漢", 4)], [
    "abc  ",
    "abc…",
    "漢… ",
  ]);
});

Deno.test("quantities: written for people, and read", () => {
  assertEquals([0, 1023, 1536, 5 * 1024 ** 3, 3000 * 1024 ** 4].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.5 KiB",
    "5.0 GiB",
    "3000.0 TiB",
  ]);
  assertEquals(
    [0, 999, 1500, 61_000, 3_600_000, 9_000_000, 90_000_000].map(formatSpan),
    ["0ms", "999ms", "1.5s", "1m 1s", "1h", "2h 30m", "1d 1h"],
  );
  assertEquals(formatTime(0), "1970-01-01T00:00:00Z");
  assertEquals(["5", "5ms", "1.5s", "2m", "3h", "1d"].map(parseSpan), [
    5,
    5,
    1500,
    120_000,
    10_800_000,
    86_400_000,
  ]);
  assertEquals(
    ["", "s", "-1s", "1w", "1e3s", "1 s", "9999999999999999d"].map(parseSpan),
    Array(7).fill(undefined),
  );
});

Deno.test("tables: texts at the left, quantities at the right, by what a terminal shows", () => {
  const rows = [{ name: "漢字", count: 5, bytes: 2048 }, { name: "a\nb", count: 12_345, bytes: 1 }];
  const table = formatTable(rows, [
    { title: "name", read: ({ name }) => name },
    { title: "count", kind: "number", read: ({ count }) => count },
    { title: "size", kind: "bytes", read: ({ bytes }) => bytes },
    { title: "note", read: ({ count }) => count > 10 ? "many" : undefined },
  ]);
  assertEquals(
    table,
    "NAME  COUNT     SIZE  NOTE\n" +
      "漢字      5  2.0 KiB\n" +
      "a\\nb  12345      1 B  many\n",
  );
});

Deno.test("progress is shown from two seconds on, and taken away at the end", () => {
  let now = 0;
  const shown: string[] = [];
  const context = { now: () => now, showStatus: (line: string) => void shown.push(line) };
  {
    using quick = new Progress(context, "messages");
    now = 1999;
    quick.show(1);
  }
  assertEquals(shown, []);
  {
    using slow = new Progress(context, "messages");
    for (const [at, count] of [[3000, 1], [4100, 10], [4150, 11], [4400, 50]] as const) {
      now = at;
      slow.show(count, 100);
    }
  }
  assertEquals(shown, ["10 of 100 (10 %) messages", "50 of 100 (50 %) messages", ""]);
});

Deno.test("lines are found wherever the bytes are cut", async () => {
  const bytes = new TextEncoder().encode("é1\r\n\n漢\nlast");
  for (let size = 1; size <= bytes.length; size++) {
    const pieces = Array.from(
      { length: Math.ceil(bytes.length / size) },
      (_, index) => bytes.slice(index * size, (index + 1) * size),
    );
    const found: string[] = [];
    for await (const lines of readLines(ReadableStream.from(pieces))) found.push(...lines);
    assertEquals(found, ["é1", "", "漢", "last"]);
  }
});

Deno.test("receipts are summed up to ranges of ids", () => {
  const sum = new ReceiptSum();
  sum.addBatch({
    streams: [{ stream: "a", firstId: 1, lastId: 3 }, { stream: "b", firstId: 7, lastId: 7 }],
  });
  sum.addOne({ streams: [{ stream: "a", id: 4 }], duplicate: false });
  sum.addOne({ streams: [{ stream: "a", id: 6 }], duplicate: true });
  assertEquals(sum.toText(), "a 1-4\nb 7\na 6\n");
  assertEquals([sum.count, sum.duplicates], [6, 1]);
});
