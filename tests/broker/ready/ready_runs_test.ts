/**
 * Which messages leave a stream first: those of the highest priority, in the order of their ids.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { PRIORITY_DEFAULT } from "../../../src/protocol/messages/entry.ts";
import { type IdRange, joinRanges } from "../../../src/broker/collections/id_ranges.ts";
import { type ReadyRun, ReadyRuns } from "../../../src/broker/ready/ready_runs.ts";
import { RunList } from "../../../src/broker/collections/run_list.ts";
import type { NotedRun } from "../../../src/broker/collections/run_part.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** All messages. */
const ALL: readonly IdRange[] = [{ firstId: 0, count: Number.MAX_SAFE_INTEGER }];

/** A list of runs. */
function listOf(...runs: readonly [firstId: number, count: number][]): RunList {
  const list = new RunList();
  for (const [firstId, count] of runs) list.add(firstId, count);
  return list;
}

/** The ids of ranges, one by one. */
function idsOf(ranges: readonly IdRange[]): number[] {
  return ranges.flatMap(({ firstId, count }) =>
    Array.from({ length: count }, (_, index) => firstId + index)
  );
}

/** Whether an id is in some of the ranges. */
function isIn(ranges: readonly IdRange[], id: number): boolean {
  return ranges.some(({ firstId, count }) => id >= firstId && id < firstId + count);
}

Deno.test("RunList of nothing has no ids, and ends at 0", () => {
  const list = listOf([5, 0]);
  assertEquals([list.count, list.endId, list.removeAll()], [0, 0, []]);
  assertEquals(list.remove([{ firstId: 1, count: 9 }]), []);
});

Deno.test("RunList.add() joins what goes on, and leaves gaps where there are some", () => {
  const list = listOf([3, 2], [5, 4], [11, 1], [20, 3]);
  assertEquals([list.count, list.firstId, list.firstCount, list.endId], [10, 3, 6, 23]);
  assertEquals(list.removeAll(), [
    { firstId: 3, count: 6, note: 0 },
    { firstId: 11, count: 1, note: 0 },
    { firstId: 20, count: 3, note: 0 },
  ]);
});

Deno.test("RunList.take() goes from run to run, and begins anew when all is taken", () => {
  const list = listOf([1, 3], [7, 1]);
  list.take(2);
  assertEquals([list.count, list.firstId, list.firstCount], [2, 3, 1]);
  list.take(1);
  assertEquals([list.count, list.firstId, list.firstCount], [1, 7, 1]);
  list.take(1);
  assertEquals([list.count, list.endId], [0, 0]);
  list.add(2, 1);
  assertEquals([list.firstId, list.endId], [2, 3]);
});

Deno.test("RunList.remove() cuts runs in two, and tells what was here", () => {
  const list = listOf([1, 9], [20, 2]);
  const removed = list.remove([{ firstId: 4, count: 2 }, { firstId: 9, count: 12 }]);
  assertEquals(removed, [
    { firstId: 4, count: 2, note: 0 },
    { firstId: 9, count: 1, note: 0 },
    { firstId: 20, count: 1, note: 0 },
  ]);
  assertEquals([list.count, idsOf(list.removeAll())], [7, [1, 2, 3, 6, 7, 8, 21]]);
});

Deno.test("RunList: thousands of runs come and go in their order, also when some are always there", () => {
  const list = new RunList();
  let takenId = 1;
  for (let id = 1; id <= 20_000; id += 2) {
    list.add(id, 1);
    if (id <= 4000 || id % 3 === 0) continue;
    assertEquals([list.firstId, list.firstCount], [takenId, 1]);
    list.take(1);
    takenId += 2;
  }
  for (; takenId <= 20_000; takenId += 2) {
    assertEquals(list.firstId, takenId);
    list.take(1);
  }
  assertEquals([list.count, list.endId], [0, 0]);
});

Deno.test("RunList holds the same as a plain array (random)", () => {
  const step = fc.record({
    do: fc.constantFrom("append", "append", "append", "take", "remove", "removeAll"),
    gap: fc.nat(3),
    count: fc.nat(6),
    at: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: "max" }), (steps) => {
      const list = new RunList();
      let ids: number[] = [];
      let nextId = 1;
      for (const { do: what, gap, count, at } of steps) {
        if (what === "append") {
          nextId += gap;
          list.add(nextId, count);
          for (let left = count; left > 0; left--) ids.push(nextId++);
        } else if (what === "take") {
          const taken = Math.min(count, list.count === 0 ? 0 : list.firstCount);
          if (taken > 0) list.take(taken);
          ids.splice(0, taken);
        } else if (what === "remove") {
          const firstId = 1 + at % nextId;
          const ranges = joinRanges([{ firstId, count }, { firstId: firstId + 4 * gap, count: 2 }])
            .filter((range) => range.count > 0);
          assertEquals(idsOf(list.remove(ranges)), ids.filter((id) => isIn(ranges, id)));
          ids = ids.filter((id) => !isIn(ranges, id));
        } else if (at % 8 === 0) {
          assertEquals(idsOf(list.removeAll()), ids.splice(0));
        }
        assertEquals([list.count, list.endId], [ids.length, 1 + (ids.at(-1) ?? -1)]);
        if (ids.length === 0) continue;
        const end = ids.findIndex((id, index) => id !== ids[0]! + index);
        const together = end < 0 ? ids.length : end;
        assertEquals([list.firstId, list.firstCount], [ids[0], together]);
      }
    }),
    fuzz(150),
  );
});

Deno.test("RunList holds the same as a plain array, also in many parts and with notes (random)", () => {
  const step = fc.record({
    do: fc.constantFrom("add", "add", "remove", "take"),
    first: fc.integer({ min: 1, max: 4000 }),
    count: fc.integer({ min: 1, max: 900 }),
    stride: fc.integer({ min: 1, max: 4 }),
    note: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 15, size: "max" }), (steps) => {
      const list = new RunList();
      const model = new Map<number, number>();
      for (const { do: what, first, count, stride, note } of steps) {
        const ids = Array.from({ length: count }, (_, index) => first + index * stride);
        if (what === "add") {
          for (const id of ids) {
            if (model.has(id)) continue;
            list.add(id, 1, note);
            model.set(id, note);
          }
        } else if (what === "remove") {
          const ranges = joinRanges(ids.map((firstId) => ({ firstId, count: 1 })));
          const expected = [...model].filter(([id]) => isIn(ranges, id)).sort(byNumber);
          assertEquals(unfoldNoted(list.remove(ranges)), expected);
          for (const [id] of expected) model.delete(id);
        } else {
          for (let left = count; left > 0 && list.count > 0; left -= list.firstCount) {
            for (let id = list.firstId; id < list.firstId + list.firstCount; id++) model.delete(id);
            list.take(list.firstCount);
            if (list.count === 0) break;
          }
        }
        const all = [...model].sort(byNumber);
        assertEquals([list.count, list.endId], [all.length, 1 + (all.at(-1)?.[0] ?? -1)]);
        assertEquals(unfoldNoted(list.list()), all);
        const shown = all.filter(([id]) => id >= first && id < first + count);
        const listed = unfoldNoted(list.list(first, first + count));
        assertEquals(listed.filter(([id]) => id >= first && id < first + count), shown);
      }
    }),
    fuzz(15),
  );
});

Deno.test("RunList.remove() over several parts takes all of it, whatever becomes one part then", () => {
  const list = new RunList();
  for (let id = 1; id <= 361; id += 2) list.add(id, 1);
  for (let id = 292; id <= 442; id += 2) list.add(id, 1, 1);
  const before = list.count;
  const removed = list.remove([{ firstId: 2, count: 441 }]);
  assertEquals([removed.length, list.count, list.list().length], [before - 1, 1, 1]);
});

/** Writes runs down as single ids with their notes. */
function unfoldNoted(runs: readonly NotedRun[]): [id: number, note: number][] {
  return runs.flatMap(({ note, ...run }) => idsOf([run]).map((id): [number, number] => [id, note]));
}

function byNumber([one]: readonly number[], [other]: readonly number[]): number {
  return one! - other!;
}

/** A message of a priority that waits. */
interface Waiting {
  readonly id: number;
  readonly attempts: number;
  readonly priority: number;
}

/** Writes runs down as single messages. */
function unfold(runs: readonly ReadyRun[]): Waiting[] {
  return runs.flatMap(({ firstId, count, attempts, priority = PRIORITY_DEFAULT }) =>
    idsOf([{ firstId, count }]).map((id) => ({ id, attempts, priority }))
  );
}

function byId(one: Waiting, other: Waiting): number {
  return one.id - other.id;
}

/** Sorts as messages leave. */
function byRank(one: Waiting, other: Waiting): number {
  return other.priority - one.priority || byId(one, other);
}

/** Takes everything, run by run, as `priority:firstId+count×attempts`. */
function drain(ready: ReadyRuns): string[] {
  const runs: string[] = [];
  for (let run = ready.peek(); run !== undefined; run = ready.peek()) {
    const { firstId, count, attempts, priority = PRIORITY_DEFAULT } = run;
    runs.push(`${priority}:${firstId}+${count}×${attempts}`);
    ready.take(count);
  }
  assertEquals(ready.count, 0);
  return runs;
}

Deno.test("ReadyRuns of nothing has no first and no oldest message, with and without priorities", () => {
  const ready = new ReadyRuns();
  assertEquals([ready.count, ready.peek(), ready.findOldest()], [0, undefined, undefined]);
  ready.append(1, 1, 0);
  ready.take(1);
  assertEquals([ready.count, ready.peek(), ready.findOldest()], [0, undefined, undefined]);
  assertEquals([ready.remove(ALL), ready.listReturned()], [[], []]);
});

Deno.test("ReadyRuns: what is of the usual priority does not say so", () => {
  const ready = new ReadyRuns();
  ready.append(1, 2);
  assertEquals({ ...ready.peek() }, { firstId: 1, count: 2, attempts: 0 });
  ready.append(3, 1, PRIORITY_DEFAULT + 1);
  ready.append(4, 1, PRIORITY_DEFAULT);
  assertEquals({ ...ready.peek() }, { firstId: 3, count: 1, attempts: 0, priority: 5 });
  assertEquals(drain(ready), ["5:3+1×0", "4:1+2×0", "4:4+1×0"]);
});

Deno.test("ReadyRuns: the highest priority leaves first, whatever came back, and the rest stays", () => {
  const ready = new ReadyRuns();
  ready.append(1, 2, 0);
  ready.append(3, 2, 9);
  ready.take(2);
  ready.append(5, 1);
  ready.giveBack({ firstId: 4, count: 1, attempts: 1, priority: 9 });
  ready.giveBack({ firstId: 3, count: 1, attempts: 2, priority: 9 });
  assertEquals(ready.count, 5);
  assertEquals(unfold(ready.listReturned()).sort(byId), [
    { id: 3, attempts: 2, priority: 9 },
    { id: 4, attempts: 1, priority: 9 },
  ]);
  assertEquals(ready.findOldest()?.firstId, 1);
  assertEquals(drain(ready), ["9:3+1×2", "9:4+1×1", "4:5+1×0", "0:1+2×0"]);
});

Deno.test("ReadyRuns give the same as an array sorted by priority and id (random)", () => {
  const step = fc.record({
    do: fc.constantFrom("append", "append", "again", "take", "take", "giveBack", "remove"),
    count: fc.nat(8),
    pick: fc.nat(),
    attempts: fc.nat(2),
    priority: fc.oneof(fc.constant(PRIORITY_DEFAULT), fc.nat(9)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const ready = new ReadyRuns();
      let waiting: Waiting[] = [];
      /** What can be given back. */
      let away: Waiting[] = [];
      let nextId = 1;
      const put = (messages: readonly Waiting[]) => {
        away = away.filter(({ id }) => !messages.some((one) => one.id === id));
        waiting = [...waiting, ...messages].sort(byRank);
      };
      for (const { do: what, count, pick, attempts, priority } of steps) {
        if (what === "append") {
          ready.append(nextId, count, priority);
          put(unfold([{ firstId: nextId, count, attempts: 0, priority }]));
          nextId += count;
        } else if (what === "take") {
          const taken = Math.min(count, ready.peek()?.count ?? 0);
          if (taken === 0) continue;
          ready.take(taken);
          away.push(...waiting.splice(0, taken));
        } else if (what === "remove") {
          const ranges = [0, 15].map((distance) => {
            return { firstId: 1 + distance + pick % nextId, count };
          }).filter(({ count }) => count > 0);
          const isAll = pick % 16 === 0;
          const isMeant = ({ id }: Waiting) => isAll || isIn(ranges, id);
          const removed = unfold(isAll ? ready.remove(ALL) : ready.remove(ranges));
          assertEquals(removed.sort(byId), waiting.filter(isMeant).sort(byId));
          waiting = waiting.filter((message) => !isMeant(message));
          away.push(...removed);
        } else if (away.length > 0) {
          // A message keeps its priority; what was never worked on may be put in as if it were new.
          const message = away[pick % away.length]!;
          const isNew = what === "again";
          const back = { ...message, attempts: isNew ? 0 : attempts };
          if (isNew) ready.append(message.id, 1, message.priority);
          else ready.giveBack({ ...back, firstId: message.id, count: 1 });
          put([back]);
        }
        checkLanes(ready, waiting);
      }
      const left = waiting.map(({ id }) => id);
      assertEquals(left.map(() => takeOne(ready)), left);
      assertEquals([ready.count, ready.peek()], [0, undefined]);
    }),
    fuzz(150),
  );
});

function takeOne(ready: ReadyRuns): number {
  const { firstId } = ready.peek()!;
  ready.take(1);
  return firstId;
}

/** Checks what can be seen of ready against all messages, as they are to leave. */
function checkLanes(ready: ReadyRuns, waiting: readonly Waiting[]): void {
  assertEquals(ready.count, waiting.length);
  const hasFailed = ({ attempts }: Waiting) => attempts > 0;
  const returned = unfold(ready.listReturned()).filter(hasFailed).sort(byId);
  assertEquals(returned, waiting.filter(hasFailed).toSorted(byId));
  assertEquals(ready.findOldest()?.firstId, waiting.toSorted(byId)[0]?.id);
  const run = ready.peek();
  if (run === undefined) return assertEquals(waiting, []);
  assertLess(0, run.count);
  assertEquals(unfold([run]), waiting.slice(0, run.count));
}
