/**
 * When who finds a stream full is told to come again.
 *
 * @module
 */

import { assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { DrainRate as Rate } from "../../../src/broker/store/drain_rate.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** A rate, with the count of what has left. */
class DrainRate {
  readonly #rate = new Rate();
  #leftCount = 17;

  note(count: number): void {
    this.#leftCount += count;
  }

  look(now: number): void {
    this.#rate.look(this.#leftCount, now);
  }

  estimate(count: number, now: number): number {
    return this.#rate.estimate(count, this.#leftCount, now);
  }
}

Deno.test("DrainRate: as long as nothing has left, it is a tenth of a second", () => {
  const rate = new DrainRate();
  assertEquals(rate.estimate(5, 0), 100);
  rate.look(0);
  assertEquals(rate.estimate(5, 500), 100);
});

Deno.test("DrainRate: so many messages as have left in a time leave in that time", () => {
  const rate = new DrainRate();
  rate.look(1000);
  rate.note(10);
  assertEquals([1, 5, 10, 100].map((count) => rate.estimate(count, 1500)), [50, 250, 500, 5000]);
});

Deno.test("DrainRate: what left before anybody looked does not count", () => {
  const rate = new DrainRate();
  rate.note(1_000_000);
  rate.look(1000);
  rate.note(1);
  assertEquals(rate.estimate(1, 1200), 200);
});

Deno.test("DrainRate: what is told is never less than 10 ms, and never more than a minute", () => {
  const rate = new DrainRate();
  rate.look(0);
  rate.note(1000);
  assertEquals([rate.estimate(1, 0), rate.estimate(1, 1000)], [10, 10]);
  assertEquals(rate.estimate(1_000_000, 1000), 60_000);
});

Deno.test("DrainRate: after a second or two the rate is a new one", () => {
  const rate = new DrainRate();
  rate.look(0);
  rate.note(1000);
  rate.look(1000);
  rate.note(10);
  rate.look(2000);
  // The first second is over: ten in a second, and none since.
  assertEquals(rate.estimate(10, 2000), 1000);
});

Deno.test("DrainRate tells whole milliseconds within its bounds, whatever comes (random)", () => {
  const step = fc.record({ ms: fc.nat(3000), count: fc.nat(50), looks: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 5000 }),
      (steps, wanted) => {
        const rate = new DrainRate();
        let now = 1_700_000_000_000.5;
        for (const { ms, count, looks } of steps) {
          now += ms;
          rate.note(count);
          if (looks) rate.look(now);
          const waitMs = rate.estimate(wanted, now);
          assertEquals(Number.isInteger(waitMs), true);
          assertGreaterOrEqual(waitMs, 10);
          assertLessOrEqual(waitMs, 60_000);
          assertGreaterOrEqual(rate.estimate(wanted * 2, now), waitMs);
        }
      },
    ),
    fuzz(200),
  );
});
