/**
 * What is remembered of failures, in how much memory.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { addFailure, type Failure } from "../../../src/broker/failures/failure.ts";
import { FailureTable } from "../../../src/broker/failures/failure_table.ts";
import { ReasonPool } from "../../../src/broker/failures/reason_pool.ts";
import { encodeFailed } from "../../support/broker/failed_record.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { unlimited } from "../../support/broker/test_stream.ts";

/** A table with its pool, and what it has booked. */
function tableOf(bytesMax?: number) {
  const residency = unlimited();
  const pool = new ReasonPool(residency, bytesMax);
  return { residency, pool, table: new FailureTable(pool) };
}

function failureOf(...reasons: readonly string[]): Failure {
  return { firstAt: 1_700_000_000_000, lastAt: 1_700_000_005_000, reasons, follower: "worker" };
}

/** A failure as it is written. */
function plain(failure: Failure | undefined): unknown {
  return failure && JSON.parse(JSON.stringify(failure));
}

Deno.test("FailureTable gives back what was noted, and the same to messages that failed together", () => {
  const { table } = tableOf();
  const failure = failureOf("no", "still no");
  table.set(1, failure);
  table.set(2, failure);
  table.set(3, failureOf());
  assertEquals(plain(table.get(1)), failure);
  assertEquals(addFailure(table.get(2), { now: 1_700_000_009_000, reason: "x", follower: "" }), {
    ...failure,
    lastAt: 1_700_000_009_000,
    reasons: ["no", "still no", "x"],
  });
  assert(table.areAlike(1, 2) && !table.areAlike(1, 3) && !table.areAlike(3, 4));
  assertEquals([table.size, plain(table.get(3)), table.get(4)], [3, failureOf(), undefined]);
});

Deno.test("FailureTable: equal reasons take up memory once, whoever said them", () => {
  const { table, pool, residency } = tableOf();
  const reason = () => ["no such customer ".repeat(15)].join();
  let failure: Failure | undefined;
  for (let id = 1; id <= 1000; id++) {
    for (let round = 0; round < 3; round++) {
      failure = addFailure(table.get(id), { now: 1000 + id, reason: reason(), follower: "a" });
      table.set(id, failure);
    }
  }
  assertLess(pool.bytes, 3 * 400);
  assertLessOrEqual(residency.bookedBytes / 1000, 200);
  table.clear();
  assertEquals([table.size, pool.bytes, residency.bookedBytes], [0, 0, 0]);
});

Deno.test("ReasonPool: different reasons are kept as far as there is room, the others left out", () => {
  const { table, pool, residency } = tableOf(10_000);
  for (let id = 1; id <= 1000; id++) table.set(id, failureOf(`reason ${id} `.repeat(20)));
  assertLessOrEqual(pool.bytes, 10_000);
  assertEquals([table.get(1)?.reasons.length, table.get(1000)?.reasons], [1, []]);
  // Who is about to go tells all of it.
  table.set(1000, failureOf("the last one"), true);
  assertEquals(table.get(1000)?.reasons, ["the last one"]);
  // What is said by then, or fits again, is kept.
  table.set(1000, failureOf(...table.get(2)!.reasons));
  assertEquals(table.get(1000)?.reasons, table.get(2)?.reasons);
  for (let id = 1; id <= 999; id++) table.delete(id);
  table.set(7, failureOf("short"));
  assertEquals(table.get(7)?.reasons, ["short"]);
  for (const id of [7, 1000]) table.delete(id);
  assertEquals([pool.bytes, residency.bookedBytes], [0, 0]);
});

Deno.test("FailureTable holds the same as a plain Map, and gives all memory back (random)", () => {
  const step = fc.record({
    id: fc.nat(8),
    isSet: fc.boolean(),
    reasons: fc.array(fc.constantFrom("a", "b", "ц"), { maxLength: 4 }),
    count: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { table, pool, residency } = tableOf();
      const model = new Map<number, Failure>();
      for (const { id, isSet, reasons, count } of steps) {
        const failure = failureOf(...reasons);
        for (let at = id; at < id + count; at++) {
          if (isSet) table.set(at, failure);
          else table.delete(at);
          if (isSet) model.set(at, failure);
          else model.delete(at);
        }
        assertEquals(plain([...table].sort() as never), [...model].sort());
        assertEquals(table.size, model.size);
      }
      for (const id of model.keys()) table.delete(id);
      assertEquals([table.size, pool.bytes, residency.bookedBytes], [0, 0, 0]);
    }),
    fuzz(150),
  );
});

Deno.test("FailureTable holds what a Map holds, also while pages fill and empty (random)", () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(5000)), fc.nat(3), (places, sparse) => {
      const { table, pool, residency } = tableOf();
      const model = new Map<number, Failure>();
      const change = (id: number, isSet: boolean) => {
        const times = { firstAt: id * 7, lastAt: id * 9 };
        const failure = { ...failureOf(`reason ${id % 5}`), ...times, losses: 1 + id % 11 };
        if (isSet) table.set(id, failure);
        else table.delete(id);
        if (isSet) model.set(id, failure);
        else model.delete(id);
      };
      for (let left = sparse * 2500; left-- > 0;) change(places.next().value, true);
      if (sparse === 0) { for (let id = 1; id <= 8192; id++) change(id, true); }
      for (let left = 5000; left-- > 0;) change(places.next().value, false);
      for (let id = 0; id <= 8200; id++) {
        assertEquals(table.has(id), model.has(id));
        if (id % 16 === 0) assertEquals(table.get(id), model.get(id));
        assert(!model.has(id) || table.areAlike(id, id));
      }
      assertEquals([table.size, [...table].length], [model.size, model.size]);
      for (const id of model.keys()) table.delete(id);
      assertEquals([table.size, pool.bytes, residency.bookedBytes], [0, 0, 0]);
    }),
    fuzz(8),
  );
});

Deno.test("FailureTable: a million messages take little more than their times", () => {
  const { table, residency } = tableOf();
  for (let id = 1; id <= 40_960; id++) {
    table.set(id, { ...failureOf(`reason ${id % 100}`), firstAt: id, lastAt: id });
  }
  assertLess(residency.bookedBytes / 40_960, 40);
  for (let id = 1; id <= 40_960; id++) if (id % 64 !== 0) table.delete(id);
  assertLess(residency.bookedBytes / (40_960 / 64), 300);
});

Deno.test("what is written of a failure does not grow with those before it", () => {
  const { table } = tableOf();
  const sizes: number[] = [];
  for (let round = 0; round < 10; round++) {
    const failure = addFailure(table.get(1), {
      now: 1_700_000_000_000 + round,
      reason: "x".repeat(200),
      follower: "worker",
    });
    table.set(1, failure);
    sizes.push(encodeFailed(failure, 1));
  }
  assertLess(Math.max(...sizes), Math.min(...sizes) + 10);
  assertLess(
    5 * sizes[0]!,
    encodeFailed(table.get(1)!, undefined),
    "unless all of it is to be told",
  );
});
