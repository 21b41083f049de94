/**
 * The order in which messages leave a stream.
 *
 * @module
 */

import { assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { type ReadyRun, ReadyRuns } from "../../../src/broker/ready/ready_runs.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** A list whose messages 1 to `count` have all been taken once. */
function takenList(count: number): ReadyRuns {
  const list = new ReadyRuns();
  list.append(1, count);
  list.take(count);
  return list;
}

/** Takes everything, run by run, as `firstId+count×attempts`. */
function drain(list: ReadyRuns): string[] {
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
  list: ReadyRuns,
  ...runs: readonly [id: number, count: number, attempts: number][]
) {
  for (const [firstId, count, attempts] of runs) list.giveBack({ firstId, count, attempts });
}

/** All messages. */
const ALL = [{ firstId: 0, count: Number.MAX_SAFE_INTEGER }];

Deno.test("ReadyRuns.peek() is undefined for an empty list", () => {
  assertEquals(new ReadyRuns().peek(), undefined);
  assertEquals(takenList(3).peek(), undefined);
});

Deno.test("ReadyRuns.append() makes one run of fresh messages, from the id it begins with", () => {
  const list = new ReadyRuns();
  list.append(7, 3);
  list.append(10, 2);
  assertEquals(list.count, 5);
  assertEquals({ ...list.peek() }, { firstId: 7, count: 5, attempts: 0 });
});

Deno.test("ReadyRuns.take() takes the first messages; the rest stays first", () => {
  const list = new ReadyRuns();
  list.append(1, 5);
  list.take(2);
  assertEquals(list.count, 3);
  assertEquals(drain(list), ["3+3×0"]);
});

Deno.test("ReadyRuns.giveBack() puts messages in their old place", () => {
  const list = takenList(9);
  list.append(10, 1);
  giveBack(list, [7, 1, 1], [2, 2, 1], [5, 1, 1]);
  assertEquals(list.count, 5);
  assertEquals(drain(list), ["2+2×1", "5+1×1", "7+1×1", "10+1×0"]);
});

Deno.test("ReadyRuns.take() of a part of what came back leaves the rest in front", () => {
  const list = takenList(10);
  giveBack(list, [3, 4, 1], [9, 1, 1]);
  list.peek();
  list.take(1);
  assertEquals(drain(list), ["4+3×1", "9+1×1"]);
});

Deno.test("ReadyRuns.peek() joins neighbours that were delivered equally often", () => {
  const list = takenList(10);
  giveBack(list, [4, 1, 2], [1, 2, 2], [3, 1, 2], [5, 1, 2]);
  assertEquals(drain(list), ["1+5×2"]);
});

Deno.test("ReadyRuns.peek() joins no neighbours with different attempts, and none over a gap", () => {
  const list = takenList(10);
  giveBack(list, [1, 1, 1], [2, 1, 2], [3, 1, 2], [5, 1, 2], [6, 1, 1]);
  assertEquals(drain(list), ["1+1×1", "2+2×2", "5+1×2", "6+1×1"]);
});

Deno.test("ReadyRuns.peek() joins what came back unseen to what is fresh", () => {
  const list = takenList(3);
  list.append(4, 2);
  giveBack(list, [3, 1, 0]);
  assertEquals(drain(list), ["3+3×0"]);
});

Deno.test("ReadyRuns: a message that came back goes before all fresh ones, however late it came", () => {
  const list = new ReadyRuns();
  list.append(1, 10);
  list.take(4);
  assertEquals(list.peek()?.firstId, 5);
  giveBack(list, [2, 1, 1]);
  assertEquals(drain(list), ["2+1×1", "5+6×0"]);
});

Deno.test("ReadyRuns: ten thousand single messages that come back in any order leave as one run", () => {
  const count = 10_000;
  const list = takenList(count);
  // 7919 has no divisor in common with 10,000: every id comes once.
  for (let index = 0; index < count; index++) giveBack(list, [(index * 7919) % count + 1, 1, 1]);
  assertEquals(drain(list), [`1+${count}×1`]);
});

// Gaps.

Deno.test("ReadyRuns.append() behind a gap leaves the messages in between out", () => {
  const list = new ReadyRuns();
  list.append(1, 2);
  list.append(5, 3);
  list.append(8, 1);
  assertEquals(list.count, 6);
  assertEquals(drain(list), ["1+2×0", "5+4×0"]);
});

Deno.test("ReadyRuns.giveBack() puts what was held back between fresh ones, in its place", () => {
  const list = new ReadyRuns();
  list.append(1, 2);
  list.append(5, 3);
  giveBack(list, [3, 2, 0]);
  list.append(8, 2);
  assertEquals(drain(list), ["1+9×0"]);
});

Deno.test("ReadyRuns.giveBack() behind all fresh ones lets those go first, and what comes later last", () => {
  const list = new ReadyRuns();
  list.append(1, 3);
  giveBack(list, [4, 1, 2]);
  list.append(5, 1);
  assertEquals(drain(list), ["1+3×0", "4+1×2", "5+1×0"]);
});

// What is taken out of the middle.

Deno.test("ReadyRuns.remove() takes messages out wherever they stand, and tells their attempts", () => {
  const list = takenList(9);
  giveBack(list, [2, 4, 1], [8, 1, 3]);
  list.append(10, 5);
  const removed = list.remove([{ firstId: 3, count: 2 }, { firstId: 8, count: 4 }]);
  assertEquals(removed.map((run) => ({ ...run })).sort(byId), [
    { firstId: 3, count: 2, attempts: 1 },
    { firstId: 8, count: 1, attempts: 3 },
    { firstId: 10, count: 2, attempts: 0 },
  ]);
  assertEquals(list.count, 5);
  assertEquals(drain(list), ["2+1×1", "5+1×1", "12+3×0"]);
});

Deno.test("ReadyRuns.remove() from the midst of fresh messages keeps both ends in order", () => {
  const list = new ReadyRuns();
  list.append(1, 6);
  assertEquals(list.remove([{ firstId: 3, count: 2 }]).length, 1);
  list.append(7, 1);
  assertEquals(drain(list), ["1+2×0", "5+3×0"]);
});

Deno.test("ReadyRuns.remove() of what is not here takes nothing and changes nothing", () => {
  const list = takenList(5);
  giveBack(list, [3, 1, 1]);
  list.append(6, 2);
  assertEquals(list.remove([]), []);
  assertEquals(list.remove([{ firstId: 1, count: 2 }, { firstId: 8, count: 90 }]), []);
  assertEquals(drain(list), ["3+1×1", "6+2×0"]);
});

Deno.test("ReadyRuns.remove() of all ids takes everything; what comes later is ready as ever", () => {
  const list = takenList(5);
  giveBack(list, [4, 1, 2], [1, 2, 1]);
  list.append(6, 2);
  assertEquals(list.remove(ALL).map((run) => ({ ...run })).sort(byId), [
    { firstId: 1, count: 2, attempts: 1 },
    { firstId: 4, count: 1, attempts: 2 },
    { firstId: 6, count: 2, attempts: 0 },
  ]);
  assertEquals([list.count, list.peek(), list.remove(ALL)], [0, undefined, []]);
  giveBack(list, [2, 1, 1]);
  list.append(8, 1);
  assertEquals(drain(list), ["2+1×1", "8+1×0"]);
});

Deno.test("ReadyRuns gives the same as a plain sorted array (random)", () => {
  const step = fc.record({
    do: fc.constantFrom("append", "append", "take", "take", "giveBack", "giveBack", "remove"),
    count: fc.nat(12),
    pick: fc.nat(),
    attempts: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const list = new ReadyRuns();
      let ready: { id: number; attempts: number }[] = [];
      /** What can be given back: it was taken, removed, or held back when it came. */
      let away: number[] = [];
      let nextId = 1;
      for (const step of steps) {
        if (step.do === "append") {
          for (let left = step.pick % 5 - 2; left > 0; left--) away.push(nextId++);
          list.append(nextId, step.count);
          for (let left = step.count; left > 0; left--) ready.push({ id: nextId++, attempts: 0 });
        } else if (step.do === "take") {
          const run = list.peek();
          if (run === undefined) continue;
          const count = Math.min(step.count, run.count);
          list.take(count);
          away.push(...ready.splice(0, count).map(({ id }) => id));
        } else if (step.do === "remove") {
          const isAll = step.pick % 16 === 0;
          const ranges = [0, 20].map((distance) => {
            return { firstId: 1 + distance + step.pick % nextId, count: step.count };
          }).filter(({ count }) => count > 0);
          const isMeant = (id: number) =>
            isAll || ranges.some(({ firstId, count }) => id >= firstId && id < firstId + count);
          const removed = isAll ? list.remove(ALL) : list.remove(ranges);
          assertEquals(unfold(removed), ready.filter(({ id }) => isMeant(id)));
          away.push(...unfold(removed).map(({ id }) => id));
          ready = ready.filter(({ id }) => !isMeant(id));
        } else if (away.length > 0) {
          const firstId = away[step.pick % away.length]!;
          let count = 1;
          while (count < step.count / 3 && away.includes(firstId + count)) count++;
          away = away.filter((id) => id < firstId || id >= firstId + count);
          giveBack(list, [firstId, count, step.attempts]);
          ready.push(...unfold([{ firstId, count, attempts: step.attempts }]));
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

/** Writes runs down as single messages, by id. */
function unfold(runs: readonly ReadyRun[]): { id: number; attempts: number }[] {
  return [...runs].sort(byId).flatMap(({ firstId, count, attempts }) =>
    Array.from({ length: count }, (_, index) => ({ id: firstId + index, attempts }))
  );
}

function byId(one: ReadyRun, other: ReadyRun): number {
  return one.firstId - other.firstId;
}

/** Checks the first run against all ready messages, sorted by id. */
function checkFront(list: ReadyRuns, ready: readonly { id: number; attempts: number }[]): void {
  assertEquals(list.count, ready.length);
  const run: ReadyRun | undefined = list.peek();
  if (run === undefined) return assertEquals(ready, []);
  assertLess(0, run.count);
  assertLessOrEqual(run.count, ready.length);
  for (let index = 0; index < run.count; index++) {
    assertEquals(ready[index], { id: run.firstId + index, attempts: run.attempts });
  }
}
