/**
 * Runs that are gathered in any order, and looked up in the end.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { GatheredCursor, GatheredRuns } from "../../../src/broker/stream/gathered_runs.ts";
import { byFirstId, joinRanges, RangeCursor } from "../../../src/broker/collections/id_ranges.ts";
import { Random } from "../../support/random.ts";

/** A run as numbers: its first id, its count, its time, its traits. */
type Run = [firstId: number, count: number, at: number, traits: number];

function listRuns(runs: GatheredRuns): Run[] {
  const found: Run[] = [];
  runs.visit((...run) => void found.push(run));
  return found;
}

/** Each id of runs, with what is known of it, in the order of the runs. */
function spread(runs: readonly Run[]): string[] {
  return runs.flatMap(([firstId, count, at, traits]) =>
    Array.from({ length: count }, (_, index) => `${firstId + index} ${at} ${traits}`)
  );
}

Deno.test("GatheredRuns joins what follows and is alike, and nothing else", () => {
  const runs = new GatheredRuns();
  for (
    const run of [[1, 2, 5, 0], [3, 1, 5, 0], [4, 1, 6, 0], [5, 1, 6, 1], [7, 1, 6, 1]] as Run[]
  ) {
    runs.add(...run);
  }
  assertEquals(listRuns(runs), [[1, 3, 5, 0], [4, 1, 6, 0], [5, 1, 6, 1], [7, 1, 6, 1]]);
  assertEquals(runs.size, 4);
});

Deno.test("GatheredRuns keeps, sorts and finds as lists do (random)", () => {
  for (let round = 0; round < 60; round++) {
    const random = new Random(round);
    const runs = new GatheredRuns();
    const model: Run[] = [];
    const isSorted = random.below(2) === 0;
    let nextId = 1;
    // Sometimes more than one chunk of runs.
    for (let left = random.below(round % 10 === 0 ? 12_000 : 60); left > 0; left--) {
      const firstId = isSorted ? nextId + random.below(3) : random.below(20_000);
      const run: Run = [firstId, 1 + random.below(4), random.below(3), random.below(2)];
      nextId = run[0] + run[1];
      runs.add(...run);
      model.push(run);
    }
    assertEquals(spread(listRuns(runs)), spread(model), `seed ${round}`);
    const wanted = joinRanges(
      Array.from({ length: random.below(200) }, () => ({
        firstId: random.below(20_000),
        count: 1 + random.below(300),
      })),
    );
    const isWanted = (id: number) =>
      wanted.some(({ firstId, count }) => id >= firstId && id < firstId + count);
    runs.keep(wanted);
    const kept = model.flatMap(([firstId, count, at, traits]): Run[] =>
      Array.from({ length: count }, (_, index): Run => [firstId + index, 1, at, traits])
        .filter(([id]) => isWanted(id))
    );
    assertEquals(spread(listRuns(runs)), spread(kept), `seed ${round}`);
    const before = listRuns(runs);
    before.sort(([one], [other]) => one - other);
    const cursor = new GatheredCursor(runs);
    assertEquals(spread(listRuns(runs)), spread(before));
    for (let id = 0; id < 300; id++) {
      const toId = cursor.seek(id);
      const found = before.find(([firstId, count]) => id >= firstId && id < firstId + count);
      assertEquals(
        [cursor.isHere, cursor.traits],
        [found !== undefined, found?.[3]],
        `seed ${round}`,
      );
      if (found !== undefined) assertEquals([cursor.at, toId > id], [found[2], true]);
    }
    const taken: Run[] = [];
    for (const _ of runs.takeAll((...run) => void taken.push(run)));
    assertEquals([spread(taken), runs.size], [spread(before), 0]);
  }
});

Deno.test("RangeCursor finds what a search finds, in any order (random)", () => {
  for (let round = 0; round < 100; round++) {
    const random = new Random(round);
    const ranges = joinRanges(
      Array.from({ length: random.below(60) }, () => ({
        firstId: random.below(1000),
        count: 1 + random.below(5),
      })),
    ).sort(byFirstId);
    const cursor = new RangeCursor(ranges);
    let id = 0;
    for (let step = 0; step < 100; step++) {
      id = random.below(3) === 0 ? random.below(1000) : id + random.below(20);
      const found = ranges.find(({ firstId, count }) => firstId + count > id);
      assertEquals(cursor.seek(id), found, `seed ${round}`);
    }
  }
});
