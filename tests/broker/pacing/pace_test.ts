import { assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { Pace } from "../../../src/broker/pacing/pace.ts";

for (const msEach of [0.0005, 0.002, 0.01]) {
  Deno.test(`a piece takes about half a millisecond where a message takes ${msEach}`, () => {
    const pace = new Pace();
    for (let piece = 0; piece < 10; piece++) pace.note(pace.size * msEach);
    assertLessOrEqual(pace.size * msEach, 1);
    assertGreaterOrEqual(pace.size * msEach, 0.25);
  });
}

Deno.test("pieces are neither tiny nor huge, whatever a message takes", () => {
  const dear = new Pace();
  const cheap = new Pace();
  for (let piece = 0; piece < 20; piece++) {
    dear.note(100);
    cheap.note(0);
  }
  assertEquals([dear.size, cheap.size], [32, 2048]);
});

Deno.test("pieces have no more messages than they may have", () => {
  const pace = new Pace(100);
  assertEquals(pace.size, 100);
  pace.note(0);
  assertEquals(pace.size, 100);
});
