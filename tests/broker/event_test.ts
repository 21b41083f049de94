/**
 * What the broker writes down, and when.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { BrokerError } from "../../protocol.ts";
import type { Event } from "../../src/broker/event.ts";
import { describeStreams, TestBroker } from "../support/broker/test_broker.ts";

/** An event in a few words: streams and publishers by number, messages as `id+count`. */
function show(event: Event): string {
  switch (event.type) {
    case "streamCreated":
      return `create ${event.number} ${event.name}`;
    case "streamUpdated":
      return `update ${event.number} ${JSON.stringify(event.options)}`;
    case "streamDeleted":
      return `delete ${event.number}`;
    case "publisherOpened":
      return `open ${event.number} ${event.identity}`;
    case "publisherClosed":
      return `close ${event.number}`;
    case "published": {
      const { publisher, sequence, storedIn, batch } = event;
      const ids = storedIn.map(({ number, firstId }) => `${number}:${firstId}`);
      return `store ${publisher}@${sequence} ${ids} +${batch.count}`;
    }
    case "moved":
      return `move ${event.number}:${event.firstId}+${event.batch.count}`;
    case "transferred":
      return `transfer ${event.from}:${event.fromId}>${event.to}:${event.firstId}+${event.batch.count}`;
    case "dropped":
      return `drop ${event.number}:${event.firstId}+${event.count}`;
    case "failed":
    case "postponed": {
      const { type, number, firstId, count, attempts, dueAt, failure } = event;
      return `${
        type === "failed" ? "fail" : "postpone"
      } ${number}:${firstId}+${count}×${attempts} @${dueAt} ${failure.reasons.join()}`;
    }
    case "breakerChanged":
      return `breaker ${event.number} ${event.lane} ${event.open?.nextAt}`;
    case "laneHeld":
      return `hold ${event.number} ${event.lane} @${event.until}`;
    case "scheduleSet":
      return `schedule ${event.schedule} ${event.name} ${event.next}`;
    case "scheduleDeleted":
      return `end schedule ${event.schedule}`;
    case "schedulesAdvanced":
      return `schedules go on ${JSON.stringify(event.steps)}`;
    case "clockRead":
      return `clock ${event.at} ${event.aheadMs}`;
    case "expirySet":
      return `expire ${event.number}:${event.firstId}+${event.count} @${event.at}`;
    case "acknowledged":
      return `ack ${event.number}:${event.firstId}+${event.count}`;
    case "attempted":
      return `attempt ${event.number}:${event.firstId}+${event.count}×${event.attempts}`;
    default:
      return event.type;
  }
}

/** Does something; returns what was written down meanwhile. */
function written(test: TestBroker, act: () => void): string[] {
  const { length } = test.events;
  act();
  return test.events.slice(length).map(show);
}

/** A broker whose stream has messages that a follower holds. */
function withDeliveries(...texts: readonly string[]) {
  const test = new TestBroker("orders");
  const follower = test.follower("orders");
  test.publisher("orders").publish(...texts);
  const written = test.events.length;
  test.dispatch();
  return { test, follower, events: test.events.slice(written).map(show) };
}

Deno.test("events: streams and publishers are named by numbers that are never used again", () => {
  const test = new TestBroker();
  const events = written(test, () => {
    test.create("a");
    test.create("b");
    test.broker.deleteStream("a");
    test.create("a");
    const publisher = test.publisher("a", "me");
    publisher.publish("x");
    publisher.publisher.close();
    test.publisher(/./, "me").publish("y", "z");
  });
  assertEquals(events, [
    "create 1 a",
    "create 2 b",
    "delete 1",
    "create 3 a",
    "open 1 me",
    "store 1@1 3:1 +1",
    "close 1",
    "open 2 me",
    "store 2@1 2:1,3:2 +2",
  ]);
});

Deno.test("events: a publisher that stores nothing is not written down", () => {
  const test = new TestBroker("orders");
  const events = written(test, () => {
    const publisher = test.publisher("nowhere");
    publisher.publish("refused");
    publisher.publisher.lose();
    test.broker.tick(1_000_000);
    test.publisher("orders").publisher.close();
  });
  assertEquals(events, []);
});

Deno.test("events: a publisher is opened once over all its connections, and closed when forgotten", () => {
  const test = new TestBroker("orders");
  const first = test.publisher("orders", "me");
  first.publish("a");
  const events = written(test, () => {
    first.publisher.lose();
    const second = test.publisher("orders", "me");
    second.publishAs(2, "b");
    test.now = 2000;
    second.publisher.lose();
    test.broker.tick(600_000);
    test.broker.tick(602_000);
  });
  assertEquals(events, ["store 1@2 1:2 +1", "close 1"]);
});

Deno.test("events: a repeated batch is not written down again", () => {
  const test = new TestBroker("orders");
  const publisher = test.publisher("orders");
  publisher.publish("a");
  assertEquals(written(test, () => publisher.publishAs(1, "a")), []);
});

Deno.test("events: what could not be stored has its ids given to what comes next", () => {
  const test = new TestBroker("orders", "other");
  const [one, two] = [test.publisher("orders", "one"), test.publisher(/o/, "two")];
  one.publish("a");
  test.isSlow = true;
  one.publish("b");
  two.publish("c", "d");
  one.publish("e");
  test.sync(1);
  test.fail(new BrokerError("DISK_FULL", "full"));
  test.isSlow = false;
  const outcomes = [one, two].map(({ sink }) =>
    sink.outcomes.map(({ code, stored }) => code ?? stored.join())
  );
  assertEquals(outcomes, [["orders:1", "orders:2", "DISK_FULL"], ["DISK_FULL"]]);
  assertEquals(describeStreams(test.broker).map(({ nextId }) => nextId), [3, 1]);
  // A repetition hears the same; the next batch is stored.
  assertEquals(written(test, () => one.publishAs(3, "e")), []);
  assertEquals(one.sink.outcomes.at(-1)?.code, "DISK_FULL");
  assertEquals(written(test, () => two.publish("f")), ["store 2@3 1:3,2:1 +1"]);
  const follower = test.follower(/./);
  test.dispatch();
  assertEquals(follower.received.sort(), ["orders:1×1", "orders:2×1", "orders:3×1", "other:1×1"]);
});

Deno.test("events: a stream that was deleted does not mind what could not be stored in it", () => {
  const test = new TestBroker("orders");
  const publisher = test.publisher("orders");
  test.isSlow = true;
  publisher.publish("a");
  test.broker.deleteStream("orders");
  test.create("orders");
  test.fail(new BrokerError("DISK_FULL", "full"));
  assertEquals(publisher.sink.outcomes.map(({ code }) => code), ["DISK_FULL"]);
  assertEquals(test.getStream("orders").nextId, 1);
});

Deno.test("events: acknowledgements are written run by run", () => {
  const { test, follower } = withDeliveries("a", "b", "c", "d", "e");
  assertEquals(written(test, () => follower.ack(2)), ["ack 1:2+1"]);
  const ranges = [{ firstTag: 3, count: 3 }, { firstTag: 1, count: 1 }];
  const events = written(test, () => void follower.open.ack(ranges, false));
  assertEquals(events, ["ack 1:3+3", "ack 1:1+1"]);
});

Deno.test("events: the delivery that becomes a follower's oldest one is worked on, once", () => {
  const { test, follower, events } = withDeliveries("a", "b", "c", "d");
  assertEquals(events, ["attempt 1:1+1×1"]);
  assertEquals(written(test, () => follower.ack(3)), ["ack 1:3+1"]);
  assertEquals(written(test, () => follower.ack(1)), ["ack 1:1+1", "attempt 1:2+1×1"]);
  assertEquals(written(test, () => follower.ack(2)), ["ack 1:2+1", "attempt 1:4+1×1"]);
  assertEquals(written(test, () => follower.ack(4)), ["ack 1:4+1"]);
});

Deno.test("events: a follower that gets more than it holds has the same oldest delivery", () => {
  const { test, follower } = withDeliveries("a");
  const events = written(test, () => {
    test.publisher("orders", "other").publish("b");
    test.dispatch();
  });
  assertEquals([follower.sink.ids, events], [[1, 2], ["open 2 other", "store 2@1 1:2 +1"]]);
});

Deno.test("events: what is begun is worked on, unless that has been said", () => {
  const { test, follower } = withDeliveries("a", "b", "c");
  assertEquals(written(test, () => follower.begin(2, 3)), ["attempt 1:2+1×1", "attempt 1:3+1×1"]);
  assertEquals(written(test, () => follower.begin(2)), []);
  // It is the oldest one now, and it has been said that it is worked on.
  assertEquals(written(test, () => follower.ack(1)), ["ack 1:1+1"]);
});

Deno.test("events: the oldest delivery that is released was not worked on, the next one is", () => {
  const { test, follower } = withDeliveries("a", "b", "c");
  follower.begin(3);
  follower.setCredit(0);
  assertEquals(written(test, () => follower.release(2)), []);
  assertEquals(written(test, () => follower.release(1)), ["attempt 1:1+1×0"]);
  assertEquals(written(test, () => follower.release(3)), ["attempt 1:3+1×0"]);
});

Deno.test("events: a run that is released with the oldest delivery goes back as a whole", () => {
  const { test, follower } = withDeliveries("a", "b", "c", "d");
  follower.setCredit(0);
  const ranges = [{ firstTag: 1, count: 3 }];
  const events = written(test, () => follower.open.release(ranges));
  assertEquals(events, ["attempt 1:1+3×0", "attempt 1:4+1×1"]);
});

Deno.test("events: of a lost follower's deliveries the oldest has been worked on, as was said", () => {
  const { test, follower } = withDeliveries("a", "b");
  const events = written(test, () => follower.close());
  const failed = "fail 1:1+1×1 @0 the follower was lost";
  assertEquals(new Set(events), new Set(["attempt 1:1+1×1", failed]));
  const next = test.follower("orders");
  const attempts = written(test, () => test.dispatch());
  assertEquals([next.received, attempts], [["orders:1×2", "orders:2×1"], ["attempt 1:1+1×2"]]);
});

Deno.test("events: of a follower that ends, what its client has received has been worked on", () => {
  const { test, follower } = withDeliveries("a", "b", "c");
  assertEquals(written(test, () => follower.close(2)), ["attempt 1:1+2×1"]);
});

Deno.test("events: a follower that ends before its client got anything has not worked", () => {
  const { test, follower } = withDeliveries("a", "b");
  assertEquals(written(test, () => follower.close(0)), ["attempt 1:1+2×0"]);
  const next = test.follower("orders");
  test.dispatch();
  assertEquals(next.received, ["orders:1×1", "orders:2×1"]);
});

Deno.test("events: the oldest delivery of another stream is next when a stream is deleted", () => {
  const test = new TestBroker("a", "b");
  const follower = test.follower(/./);
  test.publisher("a", "one").publish("x");
  test.dispatch();
  test.publisher("b", "two").publish("y");
  test.dispatch();
  assertEquals(follower.received, ["a:1×1", "b:1×1"]);
  const events = written(test, () => test.broker.deleteStream("a"));
  assertEquals(events, ["delete 1", "attempt 2:1+1×1"]);
});
