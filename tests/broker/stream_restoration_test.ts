/**
 * Which messages of a stream are ready when it is made again, and how often they were worked on.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Backlog } from "../../src/broker/backlog.ts";
import type { ReadyList } from "../../src/broker/ready_list.ts";
import { StreamRestoration } from "../../src/broker/stream_restoration.ts";
import { batchOf } from "../support/batches.ts";
import { unlimited } from "../support/test_stream.ts";

/** A stream that is being made again, of runs of messages. */
function restorationOf(...runs: readonly [firstId: number, count: number][]) {
  const backlog = new Backlog(unlimited());
  for (const [firstId, count] of runs) {
    backlog.append(firstId, batchOf(...new Array<string>(count).fill("x")));
  }
  return { backlog, restoration: new StreamRestoration(backlog) };
}

/** Notes attempts. */
function note(
  restoration: StreamRestoration,
  ...notes: readonly [firstId: number, count: number, attempts: number][]
): void {
  for (const [firstId, count, attempts] of notes) {
    restoration.noteAttempts({ firstId, count, attempts });
  }
}

/** Takes everything, run by run, as `firstId+count×attempts`, and behind it the next message's id. */
function drain(ready: ReadyList): string[] {
  const runs: string[] = [];
  ready.append(1);
  for (let run = ready.peek(); run !== undefined; run = ready.peek()) {
    const { firstId, count, attempts } = run;
    runs.push(`${firstId}+${count}×${attempts}`);
    ready.take(count);
  }
  return runs;
}

Deno.test("StreamRestoration: without a note, what goes up to the next id is fresh", () => {
  const { restoration } = restorationOf([1, 5]);
  const ready = restoration.makeReadyList(6);
  assertEquals([ready.count, ready.returned.length], [5, 0]);
  assertEquals(drain(ready), ["1+6×0"]);
});

Deno.test("StreamRestoration: of an empty stream nothing is ready, and the next id is the next", () => {
  const { restoration } = restorationOf();
  assertEquals(drain(restoration.makeReadyList(1)), ["1+1×0"]);
  assertEquals(drain(restoration.makeReadyList(17)), ["17+1×0"]);
});

Deno.test("StreamRestoration: what is gone leaves holes, and what is behind the last one is fresh", () => {
  const { backlog, restoration } = restorationOf([1, 3], [6, 10]);
  backlog.forget(8, 2);
  const ready = restoration.makeReadyList(16);
  assertEquals(ready.count, 3 + 2 + 6);
  assertEquals(ready.returned.map(({ firstId }) => firstId).sort(), [1, 6]);
  assertEquals(drain(ready), ["1+3×0", "6+2×0", "10+7×0"]);
});

Deno.test("StreamRestoration: ids that were used after the last message are not used again", () => {
  const { restoration } = restorationOf([1, 3]);
  note(restoration, [2, 1, 1]);
  const ready = restoration.makeReadyList(9);
  assertEquals(ready.count, 3);
  assertEquals(drain(ready), ["1+1×0", "2+1×1", "3+1×0", "9+1×0"]);
});

Deno.test("StreamRestoration: what was worked on comes with its attempts, run by run", () => {
  const { restoration } = restorationOf([1, 9]);
  note(restoration, [2, 2, 1], [5, 1, 4]);
  const ready = restoration.makeReadyList(10);
  assertEquals(ready.count, 9);
  assertEquals(drain(ready), ["1+1×0", "2+2×1", "4+1×0", "5+1×4", "6+5×0"]);
});

Deno.test("StreamRestoration: nothing is fresh if the last message was worked on", () => {
  const { restoration } = restorationOf([1, 3]);
  note(restoration, [3, 1, 2]);
  assertEquals(drain(restoration.makeReadyList(4)), ["1+2×0", "3+1×2", "4+1×0"]);
});

Deno.test("StreamRestoration: the last note counts, and one of no attempt takes others back", () => {
  const { restoration } = restorationOf([1, 6]);
  note(restoration, [1, 4, 1], [2, 1, 2], [3, 2, 0], [2, 1, 3]);
  assertEquals(drain(restoration.makeReadyList(7)), ["1+1×1", "2+1×3", "3+5×0"]);
});

Deno.test("StreamRestoration: notes about what is gone, in whole or in part, do no harm", () => {
  const { backlog, restoration } = restorationOf([1, 6]);
  note(restoration, [1, 3, 1], [5, 2, 2], [50, 10, 7]);
  backlog.forget(2, 1);
  backlog.forget(6, 1);
  const ready = restoration.makeReadyList(7);
  assertEquals(drain(ready), ["1+1×1", "3+1×1", "4+1×0", "5+1×2", "7+1×0"]);
});

Deno.test("StreamRestoration keeps notes that count, however many do not", () => {
  const { backlog, restoration } = restorationOf([1, 3000]);
  note(restoration, [7, 2, 5]);
  for (let id = 10; id <= 3000; id++) {
    note(restoration, [id, 1, 1]);
    if (id % 2 === 0) backlog.forget(id, 1);
  }
  backlog.forget(8, 1);
  const ready = restoration.makeReadyList(3001);
  assertEquals(ready.count, 8 + 1495);
  assertEquals(drain(ready).slice(0, 4), ["1+6×0", "7+1×5", "9+1×0", "11+1×1"]);
});
