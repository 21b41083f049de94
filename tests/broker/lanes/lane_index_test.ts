/**
 * Ready messages of many lanes, found by id: always the same as in a plain list of them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { encodeBatch } from "../../../protocol.ts";
import { findFlags } from "../../../src/protocol/messages/batch.ts";
import type { Share } from "../../../src/broker/share/share.ts";
import { chooseLength } from "../../support/length.ts";
import { Random } from "../../support/random.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";

/** Checks what is found by id against all that is ready. */
function check(share: Share): void {
  const { ready } = share;
  const all = ready.list().sort((one, other) => one.firstId - other.firstId);
  const ids = all.flatMap(({ firstId, count }) =>
    Array.from({ length: count }, (_, index) => firstId + index)
  );
  assertEquals(ids.length, ready.count);
  assertEquals(ready.findOldest()?.firstId, ids[0]);
  const middle = ids[ids.length >>> 1] ?? 1;
  const some = (runs: readonly { firstId: number; count: number }[]) =>
    runs.flatMap(({ firstId, count }) =>
      Array.from({ length: count }, (_, index) => firstId + index)
    ).filter((id) => id >= middle && id < middle + 3).sort((one, other) => one - other);
  assertEquals(some(ready.list(middle, middle + 3)), some(all));
  const returned = all.filter(({ attempts }) => attempts > 0);
  assertEquals(some(ready.listReturned(middle, middle + 3)), some(returned));
}

async function run(random: Random): Promise<void> {
  const test = new TestBroker("orders");
  const { publisher } = test.publisher("orders");
  const laneCount = 1 + random.below(60);
  const hasPriorities = random.chance(0.3);
  let sequence = 1;
  const follower = test.follower("orders", { messages: 0 });
  const share = test.broker.state.router.requireStream("orders").share;
  for (let step = 0; step < 60; step++) {
    const what = random.below(6);
    if (what <= 1) {
      const batch = encodeBatch(
        Array.from({ length: 1 + random.below(60) }, () => ({
          kind: 0,
          body: new Uint8Array(1),
          wishes: {
            ...random.chance(0.9) && { lane: `${random.below(laneCount)}` },
            ...hasPriorities && { priority: random.below(10) },
            ...random.chance(0.1) && { ttlMs: 1 + random.below(30) },
            ...random.chance(0.1) && { delayMs: 1 + random.below(30) },
          },
        })),
      );
      publisher.publish({
        ...batch,
        sequence,
        settled: 0,
        bytes: batch.end,
        flags: findFlags(batch),
      });
      sequence += batch.count;
    } else if (what === 2) {
      follower.setCredit(follower.follower.pending.count + random.below(30));
      test.dispatch();
      follower.setCredit(0);
    } else if (what === 3) {
      const tags = follower.follower.pending.runs.map(({ firstTag }) => firstTag);
      for (const firstTag of tags) {
        // What is over its time to live goes with another one.
        if (follower.follower.pending.find(firstTag, 1).length === 0) continue;
        if (random.chance(0.3)) follower.ack(firstTag);
        else if (random.chance(0.7)) {
          const details = { reason: "", delayMs: random.below(2) * 5 };
          follower.open.nack([{ firstTag, count: 1 }], details, false);
        }
      }
    } else if (what === 4) {
      const { nextId } = share.store.intake;
      for (let left = random.below(6); left > 0; left--) {
        await test.broker.cancelMessage("orders", 1 + random.below(nextId));
      }
    } else {
      test.now += random.below(20);
      test.broker.tick(test.now);
    }
    if (random.chance(0.5)) check(share);
  }
  const { ready, delayed, pendingCount } = share;
  assertEquals(ready.count + delayed.messageCount + pendingCount, share.store.backlog.count);
}

Deno.test("ready messages of lanes are found by id as in a plain list (random)", async () => {
  const seed = Number(Deno.env.get("LANE_SEED") ?? Date.now() % 1e6);
  // deno-lint-ignore no-console
  console.log(`LANE_SEED=${seed}`);
  for (let round = 0; round < chooseLength({ short: 20, long: 300 }); round++) {
    await run(new Random(seed + round));
  }
});

Deno.test("a message whose lane has another number now is found although the old number is another lane's", () => {
  const test = new TestBroker("orders");
  const publisher = test.publisher("orders");
  const { share } = test.broker.state.router.requireStream("orders");
  // The first ones of all are not ready: the oldest of each lane are noted.
  publisher.publishWith(...new Array(300).fill({ lane: "first" }));
  share.takeUnheld([{ firstId: 1, count: 300 }]);
  publisher.publishWith({ lane: "x" }, { lane: "z" });
  assertEquals(share.ready.findOldest()?.firstId, 301);
  const [taken] = share.takeUnheld([{ firstId: 301, count: 1 }]);
  share.wakeLanes(test.now + 2000);
  publisher.publishWith({ lane: "y" });
  publisher.publishWith({ lane: "w" });
  const lane = share.findLane(301);
  const numbers = share.ready.list(303, 305).map((run) => run.lane);
  assert(lane !== taken!.lane && numbers.includes(taken!.lane), "the number is another lane's");
  share.delay({ ...taken!, lane }, 0);
  assertEquals(share.ready.findOldest()?.firstId, 301);
});
