/**
 * Which messages keep a part of the store, and what goes with them when they are moved.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import type { Segment } from "../../../src/broker/backlog/pager.ts";
import { MemoryPager } from "../../support/disk/memory_pager.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";

/** A broker that writes to one segment until it is told otherwise. */
function writingBroker(...streams: readonly string[]) {
  const pager = new MemoryPager();
  const test = new TestBroker(...streams);
  const use = (segment: Segment) => {
    test.write = (batch) => pager.store(segment, batch);
    return segment;
  };
  return { test, segment: use(pager.begin()), next: () => use(pager.begin()) };
}

/** Runs as `stream:firstId+count`, with their attempts as `firstId+count×attempts`. */
function show(test: TestBroker, segment: Segment, runCount = Infinity): string[] {
  return test.broker.findLive(segment).next(runCount).map(
    ({ number, firstId, count, listFacts }) => {
      const facts = listFacts({ firstId, count });
      const worked = facts.flatMap((fact) =>
        fact.type === "attempted" ? [`${fact.firstId}+${fact.count}×${fact.attempts}`] : []
      );
      return [
        `${test.broker.state.router.getNumbered(number)!.name}:${firstId}+${count}`,
        ...worked,
      ].join(" ");
    },
  );
}

Deno.test("Broker.findLive() finds what is in a segment and not gone, stream by stream", () => {
  const { test, segment, next } = writingBroker("a", "b", "c");
  test.publisher(/[ab]/).publish("x", "y", "z");
  const other = next();
  test.publisher("a", "other").publish("later");
  const follower = test.follower("a", { messages: 2 });
  test.dispatch();
  follower.ack(2);
  assertEquals(show(test, segment), ["a:1+1 1+1×1", "a:3+1", "b:1+3"]);
  assertEquals(show(test, other), ["a:4+1"]);
  assertEquals(show(test, next()), []);
  test.broker.deleteStream("b");
  assertEquals(show(test, segment), ["a:1+1 1+1×1", "a:3+1"]);
});

Deno.test("Broker.findLive() finds so many runs and no more", () => {
  const { test, segment } = writingBroker("a", "b");
  test.publisher(/./).publish(..."abcdefghij");
  const follower = test.follower("a");
  test.dispatch();
  follower.ack(1, 3, 5, 7);
  follower.close();
  for (const runCount of [1, 3, 4, 5, 6, 100]) {
    assertEquals(show(test, segment, runCount).length, Math.min(runCount, 5));
  }
});

Deno.test("Broker.findLive() tells how often ready messages were worked on", () => {
  const { test, segment } = writingBroker("a");
  test.publisher("a").publish(..."abcdef");
  const lost = test.follower("a");
  test.dispatch();
  lost.begin(3, 4);
  lost.ack(5);
  lost.close();
  // In no order, and nothing of what was not worked on.
  assertEquals(show(test, segment).map((run) => run.split(" ").sort()), [
    ["1+1×1", "3+2×1", "a:1+4"],
    ["a:6+1"],
  ]);
});

Deno.test("Broker.findLive() tells how often pending messages were worked on, this time included", () => {
  const { test, segment } = writingBroker("a", "b");
  const publisher = test.publisher("a");
  publisher.publish("a", "b", "c", "d");
  const lost = test.follower("a");
  test.dispatch();
  lost.begin(2);
  lost.close();
  const follower = test.follower(/./, { messages: 3 });
  test.dispatch();
  follower.begin(3);
  // The first one is the oldest, the second one was worked on before, the third one was begun.
  assertEquals(show(test, segment), ["a:1+4 1+2×1 1+1×2 3+1×1"]);
  test.publisher("b", "other").publish("x");
  follower.setCredit(5);
  test.dispatch();
  assertEquals(follower.received.slice(3).sort(), ["a:4×1", "b:1×1"]);
  assertEquals(show(test, segment)[1], "b:1+1", "it is not its follower's oldest one");
});

Deno.test("Broker.findLive() tells that messages have expired for which there is no room among the dead letters", () => {
  const { test, segment } = writingBroker();
  test.create("a", { ttlMs: 1000, deadLetterExpired: true });
  test.create("a.dead");
  test.publisher("a").publish("x", "y", "z");
  const listExpired = () =>
    test.broker.findLive(segment).next(10).flatMap((run) =>
      run.listFacts({ firstId: 2, count: 9 }).flatMap((fact) =>
        fact.type === "expirySet" ? [`${run.isNoted} ${fact.firstId}+${fact.count} ${fact.at}`] : []
      )
    );
  assertEquals(listExpired(), [`true 2+2 ${test.now + 1000}`]);
  test.isSlow = true;
  for (let count = 0; count < 3; count++) {
    test.broker.tick(test.now += 1000);
    test.fail(new BrokerError("DISK_FULL", "Cannot store: the disk is full"));
    assertEquals(listExpired(), ["true 2+2 0"]);
  }
  test.isSlow = false;
  test.broker.tick(test.now += 1000);
  assertEquals(test.getStream("a.dead").ready, 3);
  assertEquals(listExpired(), []);
  assertEquals(test.broker.state.router.requireStream("a").share.notes.expired.size, 0);
});
