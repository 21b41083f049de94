/**
 * Which dedup ids a stream remembers, and for how long.
 *
 * @module
 */

import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { AgedMap } from "../../../src/broker/collections/aged_map.ts";
import { PublisherRegistry } from "../../../src/broker/state/publisher_registry.ts";
import { DedupWindow, type RememberedMessage } from "../../../src/broker/store/dedup_window.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const WINDOW_MS = 100;

function messageOf(id: number, at: number, isStored = true): RememberedMessage {
  return { id, at, isStored };
}

/** The dedup ids that a snapshot would have. */
function idsOf(window: DedupWindow, now: number): string[] {
  return window.takeSnapshot(now, WINDOW_MS).map(({ dedupId }) => dedupId);
}

Deno.test("DedupWindow.find() finds what came within the window", () => {
  const window = new DedupWindow();
  const message = messageOf(7, 1000);
  window.add("a", message, WINDOW_MS);
  assertEquals(window.find("a", 1000, WINDOW_MS), message);
  assertEquals(window.find("a", 1099, WINDOW_MS), message);
  assertEquals(window.find("a", 1100, WINDOW_MS), undefined);
  assertEquals(window.find("b", 1000, WINDOW_MS), undefined);
  assertEquals(window.find("a", 1000, 0), undefined, "a window of 0 remembers nothing");
});

Deno.test("DedupWindow.add() forgets what is too old, the oldest first", () => {
  const window = new DedupWindow();
  for (const [index, at] of [1000, 1050, 1099].entries()) {
    window.add(`${index}`, messageOf(index, at), WINDOW_MS);
  }
  assertEquals(window.size, 3);
  window.add("new", messageOf(9, 1150), WINDOW_MS);
  assertEquals(idsOf(window, 1150), ["2", "new"]);
});

Deno.test("DedupWindow.add() keeps so many and no more, whatever their time", () => {
  const window = new DedupWindow(3);
  for (let id = 1; id <= 5; id++) window.add(`m${id}`, messageOf(id, 1000), WINDOW_MS);
  assertEquals(idsOf(window, 1000), ["m3", "m4", "m5"]);
});

Deno.test("DedupWindow.add() of the same dedup id counts as the newest", () => {
  const window = new DedupWindow(2);
  window.add("a", messageOf(1, 1000), WINDOW_MS);
  window.add("b", messageOf(2, 1000), WINDOW_MS);
  window.add("a", messageOf(3, 2000), WINDOW_MS * 100);
  window.add("c", messageOf(4, 2000), WINDOW_MS * 100);
  const snapshot = window.takeSnapshot(2000, WINDOW_MS);
  assertEquals(snapshot.map(({ dedupId, id }) => [dedupId, id]), [["a", 3], ["c", 4]]);
});

Deno.test("DedupWindow.delete() forgets that very message, and no other of its dedup id", () => {
  const window = new DedupWindow();
  window.add("a", messageOf(1, 1000), WINDOW_MS);
  window.delete("a", 2);
  assertEquals(window.size, 1);
  window.delete("a", 1);
  window.delete("a", 1);
  assertEquals([window.size, window.find("a", 1000, WINDOW_MS)], [0, undefined]);
});

Deno.test("who has found a message under way hears what becomes of it, also if its id is forgotten", () => {
  const window = new DedupWindow(2);
  for (let id = 1; id <= 2; id++) window.add(`m${id}`, messageOf(id, 1000, false), WINDOW_MS);
  const found = window.find("m1", 1000, WINDOW_MS)!;
  const other = window.find("m2", 1000, WINDOW_MS)!;
  assertStrictEquals(window.find("m1", 1000, WINDOW_MS), found);
  window.add("m3", messageOf(3, 1000), WINDOW_MS);
  assertEquals([window.find("m1", 1000, WINDOW_MS), found.isStored], [undefined, false]);
  window.markStored("m1", 1);
  window.delete("m2", 2);
  assertEquals([found.isStored, other.isStored, window.size], [true, false, 1]);
});

Deno.test("DedupWindow.takeSnapshot() has only what is durable", () => {
  const window = new DedupWindow();
  window.add("a", messageOf(1, 1000), WINDOW_MS);
  window.add("b", messageOf(2, 1000, false), WINDOW_MS);
  assertEquals(window.takeSnapshot(1000, WINDOW_MS), [
    { dedupId: "a", id: 1, at: 1000 },
  ]);
  window.markStored("b", 1);
  assertEquals(window.takeSnapshot(1000, WINDOW_MS).length, 1, "another message");
  window.markStored("b", 2);
  assertEquals(window.takeSnapshot(1000, WINDOW_MS).length, 2);
});

Deno.test("DedupWindow.takeSnapshot() and prune() look at the time, also if nothing comes any more", () => {
  const window = new DedupWindow();
  assertEquals(window.nextAt(WINDOW_MS), Infinity);
  window.add("a", messageOf(1, 1000), WINDOW_MS);
  window.add("b", messageOf(2, 1050), WINDOW_MS);
  assertEquals([idsOf(window, 1099), idsOf(window, 1100)], [["a", "b"], ["b"]]);
  assertEquals(window.nextAt(WINDOW_MS), 2000, "the next whole second");
  assertEquals(window.nextAt(60_000), 61_000);
  window.prune(1149, WINDOW_MS);
  assertEquals(window.size, 1);
  window.prune(1150, WINDOW_MS);
  assertEquals([window.size, window.nextAt(WINDOW_MS)], [0, Infinity]);
});

/** Does something in which nobody may go through a plain map or set from its front. */
function withoutIteration(work: () => void): void {
  const owners = [Map.prototype, Set.prototype] as const;
  const before = owners.map((owner) => owner[Symbol.iterator]);
  const refuse = () => {
    throw new Error("a map or a set was gone through");
  };
  for (const owner of owners) owner[Symbol.iterator] = refuse;
  try {
    work();
  } finally {
    Map.prototype[Symbol.iterator] = before[0] as typeof Map.prototype[typeof Symbol.iterator];
    Set.prototype[Symbol.iterator] = before[1] as typeof Set.prototype[typeof Symbol.iterator];
  }
}

Deno.test("the oldest of very many dedup ids and publishers go without a look at those gone before", () => {
  const window = new DedupWindow(1000);
  let forgottenCount = 0;
  const registry = new PublisherRegistry({ forgotten: () => void forgottenCount++ });
  withoutIteration(() => {
    for (let id = 0; id < 5000; id++) window.add(`m${id}`, messageOf(id, id), 800);
    for (let id = 0; id < 12_000; id++) {
      const record = registry.open(`p${id}`);
      record.number = id + 1;
      registry.lose(record, id);
    }
    const now = 10 * 60 * 1000 + 5000;
    while (registry.tick(now) <= now);
  });
  assertEquals([window.size, forgottenCount], [800, 5001]);
});

Deno.test("AgedMap holds the same as a plain Map (random)", () => {
  const step = fc.record({ key: fc.nat(20), isSet: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const map = new AgedMap<number, number>();
      const model = new Map<number, number>();
      for (const [value, { key, isSet }] of steps.entries()) {
        assertEquals(map.has(key), model.has(key));
        if (isSet) {
          map.set(key, value);
          model.delete(key);
          model.set(key, value);
        } else assertEquals(map.delete(key), model.delete(key));
        assertEquals([...map], [...model]);
        assertEquals([map.size, map.get(key)], [model.size, model.get(key)]);
        assertEquals([map.oldestKey, map.oldest], [...model][0] ?? [undefined, undefined]);
        assertEquals([...map.values()], [...model.values()]);
      }
    }),
    fuzz(100),
  );
});

Deno.test("DedupWindow finds the same as a plain list (random)", () => {
  const step = fc.record({ dedupId: fc.nat(12), isAdded: fc.boolean(), ms: fc.nat(30) });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 100 }),
      fc.integer({ min: 1, max: 8 }),
      (steps, max) => {
        const window = new DedupWindow(max);
        let model: { dedupId: string; id: number; at: number }[] = [];
        let now = 0;
        for (const [id, step] of steps.entries()) {
          now += step.ms;
          const dedupId = `m${step.dedupId}`;
          if (step.isAdded) {
            model = model.filter((one) => one.dedupId !== dedupId);
            model.push({ dedupId, id, at: now });
            model = model.filter(({ at }) => at + WINDOW_MS > now).slice(-max);
            window.add(dedupId, messageOf(id, now), WINDOW_MS);
            assertEquals(window.takeSnapshot(now, WINDOW_MS), model);
          }
          const expected = model.find((one) => one.dedupId === dedupId && one.at + WINDOW_MS > now);
          assertEquals(window.find(dedupId, now, WINDOW_MS)?.id, expected?.id);
        }
      },
    ),
    fuzz(200),
  );
});
