import { assertEquals } from "@std/assert";
import { TestBroker, type TestFollower } from "../../support/broker/test_broker.ts";

const OPEN_MS = 1000;

/** Lets time pass, second by second; returns when the follower has its next message, or has none. */
function waitForNext(test: TestBroker, follower: TestFollower, seconds: number): number {
  const before = follower.received.length;
  for (let second = 0; second < seconds && follower.received.length === before; second++) {
    test.broker.tick(test.now += OPEN_MS);
    test.dispatch();
  }
  return test.now;
}

for (const isPostponed of [false, true]) {
  const how = isPostponed ? "put off" : "given back";
  Deno.test(`a probe that is ${how} for a time waits for it, also if the breaker closes`, () => {
    const test = new TestBroker();
    test.create("calls", { breaker: { failures: 1, openMs: OPEN_MS }, backoffMs: [0] });
    test.publisher("calls").publish(1, 1);
    const follower = test.follower("calls", { messages: 1 });
    test.dispatch();
    const fail = (delayMs?: number) => {
      const range = { firstTag: follower.sink.messages.at(-1)!.tag, count: 1 };
      const isLate = delayMs !== undefined && isPostponed;
      const details = { reason: "down", isFault: true, delayMs, isPostponed: isLate };
      follower.open.nack([range], details, false);
    };
    // It opens, and each of them fails as a probe; the first one again, for a minute.
    fail();
    const first = () => follower.sink.messages.at(-1)!.id === 1;
    waitForNext(test, follower, 5);
    while (!first() || follower.received.length < 3) {
      fail();
      waitForNext(test, follower, 100);
    }
    const until = test.now + 60_000;
    fail(60_000);
    waitForNext(test, follower, 5);
    assertEquals(follower.sink.messages.at(-1)!.id, 2);
    follower.ack(follower.sink.messages.at(-1)!.tag);
    assertEquals(test.getStream("calls").breaker, undefined);
    assertEquals(waitForNext(test, follower, 100) >= until, true);
    assertEquals(follower.sink.messages.at(-1)!.id, 1);
  });
}
