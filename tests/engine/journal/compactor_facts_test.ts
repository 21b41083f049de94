// What is told of messages that stay goes with them when they are moved, some of it at a time.

import { assertEquals, assertGreater, assertLess } from "@std/assert";
import type { Failed, Moved } from "../../../src/broker/event.ts";
import { LogBusyError, type Segment } from "../../../src/broker/backlog/pager.ts";
import type { LoggedState } from "../../../src/broker/event_log.ts";
import { Residency } from "../../../src/broker/backlog/residency.ts";
import type { Committer } from "../../../src/engine/journal/committer.ts";
import { WriteCounters } from "../../../src/engine/journal/journal_counters.ts";
import { Compactor } from "../../../src/engine/journal/compactor.ts";
import type { SegmentList } from "../../../src/engine/journal/segments/segment_list.ts";
import { SEGMENT_BYTES } from "../../support/disk/compactor_use.ts";
import { MemoryPager } from "../../support/disk/memory_pager.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";

/** A store of which only so much can be read just now. */
class BusyPager extends MemoryPager {
  readsLeft = Infinity;

  override read(segment: Segment, offset: number, into: Uint8Array): void {
    if (this.readsLeft-- <= 0) throw new LogBusyError("busy");
    super.read(segment, offset, into);
  }
}

/** A compactor of a broker's messages, which are in one segment; it tells what it writes. */
function compactorOf(
  { broker }: TestBroker,
  segment: Segment,
  tell: (event: Moved | Failed) => void,
): Compactor {
  return new Compactor({
    state: broker as unknown as LoggedState,
    committer: { move: tell, commit: tell } as unknown as Committer,
    segments: {
      oldest: segment,
      last: {},
      all: [],
      totals: { bytes: 2 ** 30, liveBytes: 1 },
    } as unknown as SegmentList,
    segmentBytes: SEGMENT_BYTES,
    counters: new WriteCounters(),
  });
}

Deno.test("Compactor: what is told of messages goes with them, also if the next ones cannot be read just then", () => {
  const pager = new BusyPager();
  const segment = Object.assign(pager.begin(), { base: 0, isDamaged: false });
  const test = new TestBroker(new Residency({ bytesMax: 1, pager }));
  test.write = (batch) => pager.store(segment, batch);
  test.create("a", { backoffMs: [60_000] });
  const publisher = test.publisher("a");
  for (let count = 0; count < 10; count++) publisher.publish(200 * 1024);
  const follower = test.follower("a", { bytes: 2 ** 30 });
  test.dispatch();
  follower.open.nack([{ firstTag: 1, count: 10 }], { reason: "why" }, false);
  const told: string[] = [];
  const tell = ({ type, firstId }: Moved | Failed) => void told.push(`${type} ${firstId}`);
  const compactor = compactorOf(test, segment, tell);
  pager.readsLeft = 1;
  compactor.step();
  assertEquals(told, ["moved 1", "failed 1"]);
});

Deno.test("Compactor: where much is told of messages, a step moves few of them, with all that is told", () => {
  const pager = new MemoryPager();
  const segment = Object.assign(pager.begin(), { base: 0, isDamaged: false });
  const test = new TestBroker(new Residency({ bytesMax: 1, pager }));
  test.write = (batch) => pager.store(segment, batch);
  test.create("a", { backoffMs: [60_000] });
  const count = 5000;
  test.publisher("a").publish(...new Array<string>(count).fill("message"));
  const follower = test.follower("a", { bytes: 2 ** 30, messages: count });
  test.dispatch();
  for (let firstTag = 1; firstTag <= count; firstTag++) {
    follower.open.nack([{ firstTag, count: 1 }], { reason: `why ${firstTag}` }, false);
  }
  let moved = 0;
  const failed: number[] = [];
  compactorOf(test, segment, (event) => {
    if (event.type === "moved") moved += event.batch.count;
    else failed.push(event.firstId);
  }).step();
  assertGreater(moved, 500);
  assertLess(moved, 1600);
  assertEquals(failed, Array.from({ length: moved }, (_, index) => index + 1));
});
