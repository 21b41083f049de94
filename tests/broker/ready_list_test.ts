/**
 * The order in which messages leave a stream.
 *
 * @module
 */

import { assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { ReadyList, type ReadyRun } from "../../src/broker/ready_list.ts";
import { fuzz } from "../support/fuzz.ts";

/** A list whose messages 1 to `count` have all been taken once. */
function takenList(count: number): ReadyList {
  const list = new ReadyList(1);
  list.append(count);
  list.take(count);
  return list;
}

/** Takes everything, run by run, as `firstId+count×attempts`. */
function drain(list: ReadyList): string[] {
  const runs: string[] = [];
  for (let run = list.peek(); run !== undefined; run = list.peek()) {
    // What was peeked at may be changed by taking.
    const { firstId, count, attempts } = run;
    runs.push(`${firstId}+${count}×${attempts}`);
    list.take(count);
  }
  assertEquals(list.count, 0);
  return runs;
}

function giveBack(
  list: ReadyList,
  ...runs: readonly [id: number, count: number, attempts: number][]
) {
  for (const [firstId, count, attempts] of runs) list.giveBack({ firstId, count, attempts });
}

Deno.test("ReadyList.peek() is undefined for an empty list", () => {
  assertEquals(new ReadyList(1).peek(), undefined);
  assertEquals(takenList(3).peek(), undefined);
});

Deno.test("ReadyList.append() makes one run of fresh messages, from the id it begins with", () => {
  const list = new ReadyList(7);
  list.append(3);
  list.append(2);
  assertEquals(list.count, 5);
  assertEquals({ ...list.peek() }, { firstId: 7, count: 5, attempts: 0 });
});

Deno.test("ReadyList.take() takes the first messages; the rest stays first", () => {
  const list = new ReadyList(1);
  list.append(5);
  list.take(2);
  assertEquals(list.count, 3);
  assertEquals(drain(list), ["3+3×0"]);
});

Deno.test("ReadyList.giveBack() puts messages in their old place", () => {
  const list = takenList(9);
  list.append(1);
  giveBack(list, [7, 1, 1], [2, 2, 1], [5, 1, 1]);
  assertEquals(list.count, 5);
  assertEquals(drain(list), ["2+2×1", "5+1×1", "7+1×1", "10+1×0"]);
});

Deno.test("ReadyList.take() of a part of what came back leaves the rest in front", () => {
  const list = takenList(10);
  giveBack(list, [3, 4, 1], [9, 1, 1]);
  list.peek();
  list.take(1);
  assertEquals(drain(list), ["4+3×1", "9+1×1"]);
});

Deno.test("ReadyList.peek() joins neighbours that were delivered equally often", () => {
  const list = takenList(10);
  giveBack(list, [4, 1, 2], [1, 2, 2], [3, 1, 2], [5, 1, 2]);
  assertEquals(drain(list), ["1+5×2"]);
});

Deno.test("ReadyList.peek() joins no neighbours with different attempts, and none over a gap", () => {
  const list = takenList(10);
  giveBack(list, [1, 1, 1], [2, 1, 2], [3, 1, 2], [5, 1, 2], [6, 1, 1]);
  assertEquals(drain(list), ["1+1×1", "2+2×2", "5+1×2", "6+1×1"]);
});

Deno.test("ReadyList.peek() does not join what came back unseen to what is fresh", () => {
  const list = takenList(3);
  list.append(2);
  giveBack(list, [3, 1, 0]);
  assertEquals(drain(list), ["3+1×0", "4+2×0"]);
});

Deno.test("ReadyList: a message that came back goes before all fresh ones, however late it came", () => {
  const list = new ReadyList(1);
  list.append(10);
  list.take(4);
  assertEquals(list.peek()?.firstId, 5);
  giveBack(list, [2, 1, 1]);
  assertEquals(drain(list), ["2+1×1", "5+6×0"]);
});

Deno.test("ReadyList: ten thousand single messages that come back in any order leave as one run", () => {
  const count = 10_000;
  const list = takenList(count);
  // 7919 has no divisor in common with 10,000: every id comes once.
  for (let index = 0; index < count; index++) giveBack(list, [(index * 7919) % count + 1, 1, 1]);
  assertEquals(drain(list), [`1+${count}×1`]);
});

Deno.test("ReadyList gives the same as a plain sorted array (random)", () => {
  const step = fc.record({
    do: fc.constantFrom("append", "take", "giveBack"),
    count: fc.nat(12),
    pick: fc.nat(),
    attempts: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const list = new ReadyList(1);
      let ready: { id: number; attempts: number }[] = [];
      let taken: number[] = [];
      let nextId = 1;
      for (const step of steps) {
        if (step.do === "append") {
          list.append(step.count);
          for (let left = step.count; left > 0; left--) ready.push({ id: nextId++, attempts: 0 });
        } else if (step.do === "take") {
          const run = list.peek();
          if (run === undefined) continue;
          const count = Math.min(step.count, run.count);
          list.take(count);
          taken.push(...ready.splice(0, count).map(({ id }) => id));
        } else if (taken.length > 0) {
          const firstId = taken[step.pick % taken.length]!;
          let count = 1;
          while (count < step.count / 3 && taken.includes(firstId + count)) count++;
          taken = taken.filter((id) => id < firstId || id >= firstId + count);
          giveBack(list, [firstId, count, step.attempts]);
          for (let id = firstId; id < firstId + count; id++) {
            ready.push({ id, attempts: step.attempts });
          }
          ready = ready.sort((one, other) => one.id - other.id);
        }
        checkFront(list, ready);
      }
      for (const expected of ready) {
        const { firstId, attempts } = list.peek()!;
        assertEquals({ id: firstId, attempts }, expected);
        list.take(1);
      }
      assertEquals(list.peek(), undefined);
    }),
    fuzz(150),
  );
});

/** Checks the first run against all ready messages, sorted by id. */
function checkFront(list: ReadyList, ready: readonly { id: number; attempts: number }[]): void {
  assertEquals(list.count, ready.length);
  const run: ReadyRun | undefined = list.peek();
  if (run === undefined) return assertEquals(ready, []);
  assertLess(0, run.count);
  assertLessOrEqual(run.count, ready.length);
  for (let index = 0; index < run.count; index++) {
    assertEquals(ready[index], { id: run.firstId + index, attempts: run.attempts });
  }
}
