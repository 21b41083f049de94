/**
 * When the messages of a slab were stored: the same as a plain list, in a few bytes.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { StoredTimes } from "../../../src/broker/backlog/stored_times.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** What was stored: how many messages, and how much later than the ones before. */
const arrivals = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 300 }), fc.constantFrom(0, 1, 5, 127, 128, 20_000, 2 ** 40)),
  { maxLength: 60 },
);

/** A span of indices, as parts of a million of all there are. */
const spans = fc.array(fc.tuple(fc.nat(1_000_000), fc.nat(1_000_000)), { maxLength: 10 });

Deno.test("StoredTimes are the times of a plain list, however they are looked at (random)", () => {
  fc.assert(
    fc.property(arrivals, spans, (steps, looks) => {
      const times = new StoredTimes();
      const model: number[] = [];
      let at = 1_700_000_000_000;
      for (const [count, ms] of steps) {
        at += ms;
        times.append(model.length, at);
        for (let left = count; left > 0; left--) model.push(at);
      }
      const view = new DataView(new ArrayBuffer(3 + times.writtenBytes));
      times.write(view, 3);
      const written = new DataView(view.buffer, 3);
      const copies = [
        times,
        StoredTimes.read(written),
        StoredTimes.of(times.list(0, model.length)),
      ];
      for (const copy of copies) {
        for (const [one, other] of looks) {
          const [from, to] = [one, other].map((part) => Math.floor(part / 1e6 * model.length))
            .sort((one, other) => one - other) as [number, number];
          const runs = copy.list(from, to);
          const listed = runs.flatMap(({ count, at }) => new Array<number>(count).fill(at));
          assertEquals(listed, model.slice(from, to));
          assert(runs.every((run, index) => index === 0 || run.at > runs[index - 1]!.at));
        }
      }
    }),
    fuzz(200),
  );
});

Deno.test("StoredTimes.append() does not go back in time", () => {
  const times = new StoredTimes();
  [1000, 990, 1000, 1001].forEach((at, index) => times.append(index, at));
  assertEquals(times.list(0, 4), [{ count: 3, at: 1000 }, { count: 1, at: 1001 }]);
});

Deno.test("StoredTimes take two bytes for each time in a steady stream", () => {
  const times = new StoredTimes();
  for (let index = 0; index < 1000; index++) times.append(index, 1e12 + index * 3);
  times.seal();
  assertEquals(times.memoryBytes, 2 * 999);
  const same = new StoredTimes();
  for (let index = 0; index < 1000; index++) same.append(index, 1e12);
  assertEquals(same.memoryBytes, 0);
});

Deno.test("StoredTimes.read() comes to an end with bytes that are cut short", () => {
  const times = StoredTimes.of([{ count: 200, at: 1000 }, { count: 1, at: 1200 }]);
  const view = new DataView(new ArrayBuffer(times.writtenBytes));
  times.write(view, 0);
  for (let length = 8; length < view.byteLength; length++) {
    const cut = StoredTimes.read(new DataView(view.buffer, 0, length));
    assertEquals(cut.list(0, 5).reduce((sum, { count }) => sum + count, 0), 5);
  }
});
