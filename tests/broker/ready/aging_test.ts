/**
 * What messages gain by waiting.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ReadyRuns } from "../../../src/broker/ready/ready_runs.ts";
import { Random } from "../../support/random.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const AGING_MS = 100;

/** Takes everything, one message after the other. */
function drain(ready: ReadyRuns): number[] {
  const ids: number[] = [];
  for (let run = ready.peek(); run !== undefined; run = ready.peek()) {
    for (let index = 0; index < run.count; index++) ids.push(run.firstId + index);
    ready.take(run.count);
  }
  return ids;
}

Deno.test("a message that has waited as long as a level is worth goes before later ones above it", () => {
  const at = [0, 0, 99, 101, 120, 450];
  const ready = new ReadyRuns({ agingMs: AGING_MS, storedAt: (id) => at[id]! });
  ready.append(1, 1, 4);
  ready.append(2, 1, 5);
  ready.append(3, 1, 5);
  ready.append(4, 1, 3);
  ready.append(5, 1, 8);
  assertEquals(drain(ready), [2, 1, 3, 5, 4]);
});

Deno.test("without it, priorities are strict", () => {
  const ready = new ReadyRuns({ agingMs: null, storedAt: () => 0 });
  ready.append(1, 2, 1);
  ready.append(3, 1, 2);
  assertEquals(drain(ready), [3, 1, 2]);
});

Deno.test("with it, messages go in the order of their times of storing less their head starts", () => {
  const { seed, numRuns } = fuzz(50);
  const random = new Random(seed);
  for (let round = 0; round < numRuns; round++) {
    const at: number[] = [0];
    const priorities: number[] = [0];
    const ready = new ReadyRuns({ agingMs: AGING_MS, storedAt: (id) => at[id]! });
    let now = 1000;
    for (let id = 1; id <= 200; id++) {
      if (random.chance(0.5)) now += random.below(80);
      at.push(now);
      priorities.push(random.below(10));
      if (random.chance(0.1)) {
        ready.giveBack({ firstId: id, count: 1, attempts: 1, priority: priorities[id] });
      } else ready.append(id, 1, priorities[id]);
    }
    const rank = (id: number) => at[id]! - priorities[id]! * AGING_MS;
    const expected = at.map((_, id) => id).slice(1)
      .sort((one, other) =>
        rank(one) - rank(other) || priorities[other]! - priorities[one]! || one - other
      );
    assertEquals(drain(ready), expected, `seed ${seed}, round ${round}`);
  }
});
