/**
 * Runs of messages that wait for a moment.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { PRIORITY_DEFAULT } from "../../../src/protocol/messages/entry.ts";
import { joinRanges } from "../../../src/broker/collections/id_ranges.ts";
import { type TimedRun, TimedRuns } from "../../../src/broker/collections/timed_runs.ts";
import { chooseLength } from "../../support/length.ts";
import { Random } from "../../support/random.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** Runs of a time, a first id, a count and a attempts. */
function runsOf(
  ...added: readonly [at: number, firstId: number, count: number, attempts: number][]
): TimedRuns {
  const runs = new TimedRuns();
  for (const [at, firstId, count, attempts] of added) runs.add({ at, firstId, count, attempts });
  return runs;
}

/** Runs as `at:firstId+count/attempts`, in the order of times and ids. */
function show(runs: readonly TimedRun[]): string[] {
  return [...runs].sort((one, other) => one.at - other.at || one.firstId - other.firstId)
    .map(({ at, firstId, count, attempts }) => `${at}:${firstId}+${count}/${attempts}`);
}

/** Takes what is due, in the order in which it comes. */
function takeDue(runs: TimedRuns, now: number): string[] {
  const taken: string[] = [];
  for (let run = runs.takeDue(now); run !== undefined; run = runs.takeDue(now)) {
    taken.push(...show([run]));
  }
  return taken;
}

Deno.test("TimedRuns.takeDue() gives what is due by time, and by id where the times are the same", () => {
  const runs = runsOf([20, 1, 2, 0], [10, 7, 1, 3], [10, 4, 3, 65_535], [30, 9, 1, 0]);
  assertEquals([runs.size, runs.messageCount, runs.nextAt], [4, 7, 10]);
  assertEquals(takeDue(runs, 9), []);
  assertEquals(takeDue(runs, 20), ["10:4+3/65535", "10:7+1/3", "20:1+2/0"]);
  assertEquals([runs.size, runs.messageCount, runs.nextAt], [1, 1, 30]);
});

Deno.test("TimedRuns of nothing has no time", () => {
  const runs = new TimedRuns();
  assertEquals([runs.nextAt, runs.takeDue(Infinity), runs.removeAll()], [Infinity, undefined, []]);
  assertEquals(runs.remove([{ firstId: 1, count: 5 }]), []);
});

Deno.test("TimedRuns.remove() takes messages out of the midst of runs", () => {
  const runs = runsOf([10, 1, 9, 1], [20, 20, 2, 2]);
  assertEquals(show(runs.remove([{ firstId: 3, count: 2 }, { firstId: 21, count: 9 }])), [
    "10:3+2/1",
    "20:21+1/2",
  ]);
  assertEquals([runs.messageCount, takeDue(runs, 99)], [8, ["10:1+2/1", "10:5+5/1", "20:20+1/2"]]);
});

Deno.test("TimedRuns.find() gives whole runs that have some of the messages", () => {
  const runs = runsOf([10, 1, 4, 1], [20, 5, 4, 2], [30, 9, 4, 3]);
  assertEquals(show(runs.find(4, 6)), ["10:1+4/1", "20:5+4/2"]);
  assertEquals(runs.find(13, 99), []);
  assertEquals(runs.size, 3);
});

Deno.test("TimedRuns keep priorities; the usual one is not said", () => {
  const runs = new TimedRuns();
  const low = { at: 20, firstId: 1, count: 3, attempts: 0, priority: 0 };
  const usual = { at: 10, firstId: 4, count: 1, attempts: 0 };
  runs.add(low);
  runs.add({ ...usual, priority: PRIORITY_DEFAULT });
  assertEquals(runs.takeDue(10), usual);
  assertEquals(runs.remove([{ firstId: 2, count: 1 }]), [{ ...low, firstId: 2, count: 1 }]);
  assertEquals(runs.findOldest(), { firstId: 1, count: 1 });
  assertEquals(runs.takeDue(20), { ...low, count: 1 });
});

Deno.test("TimedRuns.prune() keeps the parts that are wanted", () => {
  const runs = runsOf([10, 1, 4, 1], [20, 5, 4, 2]);
  runs.prune(({ firstId }) =>
    firstId === 1 ? [{ firstId: 2, count: 1 }, { firstId: 4, count: 1 }] : []
  );
  assertEquals([runs.messageCount, show(runs.removeAll())], [2, ["10:2+1/1", "10:4+1/1"]]);
  assertEquals([runs.size, runs.messageCount], [0, 0]);
});

Deno.test("TimedRuns: ten thousand runs come and go in the order of their times", () => {
  const count = 10_000;
  const runs = new TimedRuns();
  // 7919 has no divisor in common with 10,000: every time comes once.
  for (let index = 0; index < count; index++) {
    runs.add({ at: (index * 7919) % count, firstId: index + 1, count: 1, attempts: 0 });
  }
  for (let at = 0; at < count; at++) assertEquals(runs.takeDue(at)?.at, at);
  assertEquals([runs.size, runs.messageCount], [0, 0]);
  runs.add({ at: 1, firstId: 1, count: 1, attempts: 0 });
  assertEquals(takeDue(runs, 1), ["1:1+1/0"]);
});

Deno.test("TimedRuns hold the same as a plain Map (random)", () => {
  const step = fc.record({
    do: fc.constantFrom("add", "add", "add", "takeDue", "remove", "prune", "removeAll"),
    at: fc.nat(30),
    firstId: fc.nat(80),
    count: fc.integer({ min: 1, max: 9 }),
    attempts: fc.nat(3),
    priority: fc.oneof(fc.constant(PRIORITY_DEFAULT), fc.nat(9)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const runs = new TimedRuns();
      const model = new Map<number, { at: number; attempts: number; priority: number }>();
      let nextId = 1;
      const take = (isMeant: (id: number, at: number) => boolean) => {
        const taken = [...model].filter(([id, { at }]) => isMeant(id, at));
        for (const [id] of taken) model.delete(id);
        return taken;
      };
      for (const { do: what, at, firstId, count, attempts, priority } of steps) {
        const isMeant = (id: number) => id >= firstId && id < firstId + count;
        if (what === "add") {
          runs.add({ at, firstId: nextId, count, attempts, priority });
          for (let left = count; left > 0; left--) model.set(nextId++, { at, attempts, priority });
        } else if (what === "takeDue") {
          const taken: TimedRun[] = [];
          for (let run = runs.takeDue(at); run; run = runs.takeDue(at)) taken.push(run);
          const order = taken.map((run) => [run.at, run.firstId]);
          assertEquals(order, order.toSorted(([a, b], [c, d]) => a! - c! || b! - d!));
          assertEquals(unfold(taken), take((_, due) => due <= at));
        } else if (what === "remove") {
          const ranges = joinRanges([{ firstId, count }, { firstId: firstId + 20, count }]);
          const removed = runs.remove(ranges);
          assertEquals(unfold(removed), take((id) => isMeant(id) || isMeant(id - 20)));
        } else if (what === "prune") {
          runs.prune((run) =>
            Array.from(
              { length: run.count },
              (_, index) => ({ firstId: run.firstId + index, count: 1 }),
            )
              .filter(({ firstId }) => firstId % 4 !== attempts)
          );
          take((id) => id % 4 === attempts);
        } else if (firstId % 8 === 0) assertEquals(unfold(runs.removeAll()), take(() => true));
        assertEquals(runs.messageCount, model.size);
        assertEquals(runs.nextAt, Math.min(...[...model.values()].map(({ at }) => at)));
        assertEquals(unfold(runs.find(0, 10_000)), [...model]);
      }
    }),
    fuzz(100),
  );
});

Deno.test("TimedRuns of thousands of runs hold the same as a plain Map (random)", () => {
  const seed = Number(Deno.env.get("TIMED_SEED") ?? Date.now() % 1e6);
  // deno-lint-ignore no-console
  console.log(`TIMED_SEED=${seed}`);
  for (let round = 0; round < chooseLength({ short: 3, long: 100 }); round++) {
    compareMany(new Random(seed + round));
  }
});

/** Has thousands of runs come and go, in all orders, more at first than at the end. */
function compareMany(random: Random): void {
  const runs = new TimedRuns();
  const model = new Map<number, { at: number; attempts: number; priority: number }>();
  const free = Array.from({ length: 4000 }, (_, index) => index);
  const isOrdered = random.chance(0.3);
  const check = (taken: readonly TimedRun[], isMeant: (id: number, at: number) => boolean) => {
    const wanted = [...model].filter(([id, { at }]) => isMeant(id, at)).sort(([a], [b]) => a - b);
    assertEquals(unfold(taken), wanted);
    for (const [id] of wanted) model.delete(id);
  };
  for (let step = 0; step < 9000; step++) {
    const isLate = step > 6000;
    if (free.length > 0 && random.chance(isLate ? 0.1 : 0.7)) {
      const place = isOrdered ? 0 : random.below(free.length);
      const firstId = 1 + free.splice(place, 1)[0]! * 4;
      const run = { at: random.below(5000), firstId, count: 1 + random.below(4), attempts: 0 };
      runs.add(run);
      const kept = { at: run.at, attempts: 0, priority: PRIORITY_DEFAULT };
      for (let id = firstId; id < firstId + run.count; id++) model.set(id, kept);
      continue;
    }
    const firstId = 1 + random.below(16_000);
    const endId = firstId + 1 + random.below(random.chance(0.1) ? 3000 : 6);
    if (random.chance(0.3)) {
      const due = runs.takeDue(runs.nextAt);
      const nextAt = due?.at ?? Infinity;
      if (due !== undefined) {
        check([due], (id) => id >= due.firstId && id < due.firstId + due.count);
      }
      assertEquals([...model.values()].some(({ at }) => at < nextAt), false);
    } else if (random.chance(0.5)) {
      const ids = (id: number) => id >= firstId && id < endId;
      check(runs.remove([{ firstId, count: endId - firstId }]), ids);
    } else {
      const found = unfold(runs.find(firstId, endId)).map(([id]) => id);
      const ids = found.filter((id) => id >= firstId && id < endId);
      assertEquals(ids, [...model.keys()].filter((id) => ids.includes(id)).sort((a, b) => a - b));
      for (let id = firstId; id < Math.min(endId, firstId + 6); id++) {
        assertEquals(ids.includes(id), model.has(id), `${id}`);
      }
    }
    assertEquals(runs.messageCount, model.size);
  }
  assertEquals(runs.findOldest()?.firstId ?? Infinity, Math.min(...model.keys()));
  check(runs.list(), () => true);
}

Deno.test("TimedRuns: the first look by id costs no more than the others, however many there are", () => {
  const measure = (count: number) => {
    const runs = new TimedRuns();
    for (let index = 0; index < count; index++) {
      runs.add({ at: (index * 7919) % count, firstId: index * 2 + 1, count: 1, attempts: 0 });
    }
    return [
      () => runs.find(count + 1, count + 2),
      () => runs.remove([{ firstId: count + 1, count: 1 }]),
      () => runs.findOldest(),
    ].map((look) => {
      const before = runs.visits;
      look();
      return runs.visits - before;
    });
  };
  for (const visits of measure(100_000)) assertLess(visits, 2000);
});

/** Writes runs down as single messages, by id. */
function unfold(runs: readonly TimedRun[]) {
  return [...runs].sort((one, other) => one.firstId - other.firstId)
    .flatMap(({ at, firstId, count, attempts, priority = PRIORITY_DEFAULT }) =>
      Array.from(
        { length: count },
        (_, index) => [firstId + index, { at, attempts, priority }] as const,
      )
    );
}
