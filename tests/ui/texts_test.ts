/**
 * How the page writes and reads numbers, sizes and times, and thins out what it draws.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { findByteTicks, findTicks, findTimes, thin } from "../../ui/parts/charts/scale.js";
import { bytes, count, counted, latency, rate, span } from "../../ui/parts/format.js";
import { dump } from "../../ui/parts/body_view.js";
import { query } from "../../ui/parts/api.js";
import { readSpan } from "../../ui/views/stream/option_fields.js";

Deno.test("figures are written with separators and units, unknown ones as a dash", () => {
  assertEquals([count(1_234_567), count(0), count(undefined)], ["1,234,567", "0", "–"]);
  assertEquals([counted(1, "message"), counted(1200, "message")], ["1 message", "1,200 messages"]);
  assertEquals([rate(0), rate(0.25), rate(1234.6), rate(null)], ["0", "0.3", "1,235", "–"]);
  assertEquals([bytes(512), bytes(1536), bytes(3 * 1024 ** 3)], ["512 B", "1.5 KiB", "3 GiB"]);
  assertEquals([latency(0.5), latency(42.25), latency(12_500)], ["0.5 ms", "42.3 ms", "12.5 s"]);
  const spans = [0, 999, 1500, 61_000, 3_600_000, 90_061_000].map(span);
  assertEquals(spans, ["0 ms", "999 ms", "1.5 s", "1 min 1 s", "1 h", "1 d 1 h"]);
});

Deno.test("times are read in the units in which they are written", () => {
  assertEquals(["250 ms", "30 s", "1.5 min", "2h 5 min", "1 d", "1,500"].map(readSpan), [
    250,
    30_000,
    90_000,
    7_500_000,
    86_400_000,
    1500,
  ]);
  assertEquals(["soon", "", "5 weeks", "-1 s", "1 s;"].map(readSpan), Array(5).fill(undefined));
});

Deno.test("scales are round and reach over the largest value", () => {
  assertEquals(findTicks(0), [0, 1, 2, 3]);
  assertEquals(findTicks(2800), [0, 1000, 2000, 3000]);
  assertEquals(findTicks(0.02, 0.01), [0, 0.01, 0.02]);
  assertEquals(findByteTicks(5 * 1024 ** 2), [0, 2, 4, 6].map((size) => size * 1024 ** 2));
  assertEquals(findTimes(0, 300_000, 5), [0, 60_000, 120_000, 180_000, 240_000, 300_000]);
});

Deno.test("a chart has at most 300 points, and no peak is lost", () => {
  const points = Array.from(
    { length: 600 },
    (_, at) => ({ at, ready: at === 301 ? 9000 : at % 7 }),
  );
  const thinned = thin(points, "ready");
  assertEquals(thinned.length, 300);
  assertEquals(thinned.filter((point: { ready: number }) => point.ready === 9000).length, 1);
  assertEquals(thin(points.slice(0, 300), "ready"), points.slice(0, 300));
});

Deno.test("bytes are shown as rows, and queries leave out what is empty", () => {
  assertEquals(dump(Uint8Array.of(0, 65, 255)), `000000  ${"00 41 ff".padEnd(47)}  .A.`);
  assertEquals(
    query({ search: "a&b", sort: "", offset: 0, next: undefined }),
    "?search=a%26b&offset=0",
  );
});
