/**
 * Messages that are given up while there is no room for them among the dead letters: what is written of that has to fit
 * into the little room that is kept.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLessOrEqual,
} from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import type { Postponed } from "../../../src/broker/event.ts";
import { TestBroker, type TestFollower } from "../../support/broker/test_broker.ts";

const COUNT = 3000;

const FULL = new BrokerError("DISK_FULL", "Cannot store: the disk is full");

/** A follower that holds messages. */
function hold(maxDeliveries: number): { test: TestBroker; follower: TestFollower } {
  const test = new TestBroker();
  test.create("orders", { maxDeliveries, backoffMs: [0] });
  const follower = test.follower("orders");
  test.publisher("orders").publish(...Array<string>(COUNT).fill("text"));
  test.dispatch();
  assertEquals(follower.received.length, COUNT);
  return { test, follower };
}

/** Ends deliveries while there is no room; returns what is written of the messages that are given up. */
function giveUp(test: TestBroker, end: () => void): Postponed[] {
  test.isSlow = true;
  end();
  test.fail(FULL);
  return test.events.filter((event) => event.type === "postponed");
}

/** The messages of events, each once and in order. */
function idsOf(events: readonly Postponed[]): number[] {
  return events.flatMap(({ firstId, count }) =>
    Array.from({ length: count }, (_, n) => firstId + n)
  );
}

const ALL = Array.from({ length: COUNT }, (_, index) => index + 1);

for (const how of ["rejected", "failed for the last time"]) {
  Deno.test(`giving up: one event says that many messages were ${how} together`, () => {
    const { test, follower } = hold(how === "rejected" ? 20 : 1);
    const range = [{ firstTag: 1, count: COUNT }];
    const events = giveUp(test, () => {
      if (how === "rejected") follower.open.reject(range, "bad", false);
      else follower.open.nack(range, { reason: "bad" }, false);
    });
    assertEquals(events.length, 1);
    assertEquals(idsOf(events), ALL);
    assert(events.every(({ failure: { reasons } }) => reasons.join() === "bad"));
  });
}

Deno.test("giving up: messages that were handed back for the last time have no failure, and one event", () => {
  const { test, follower } = hold(1);
  const events = giveUp(test, () => follower.close(COUNT));
  assertEquals(events.length, 1);
  assertEquals(idsOf(events), ALL);
});

Deno.test("giving up: each message keeps the failures of its own", () => {
  const { test, follower } = hold(2);
  const half = COUNT / 2;
  const nack = (firstTag: number, count: number, reason: string) =>
    follower.open.nack([{ firstTag, count }], { reason }, false);
  nack(1, half, "one");
  nack(1 + half, half, "other");
  test.dispatch();
  assertEquals(follower.received.length, 2 * COUNT);
  const events = giveUp(test, () => nack(COUNT + 1, COUNT, "last"));
  assertEquals(events.length, 2);
  assertEquals(idsOf(events), ALL);
  for (const { firstId, failure: { reasons } } of events) {
    assertEquals(reasons, [firstId <= half ? "one" : "other", "last"]);
  }
});

/** How long a piece of the work takes, in milliseconds, and how many messages a turn has time for then. */
const PIECE_MS = 0.9;
const TURN_COUNT_MAX = 768;

Deno.test("giving up: what waited for room is tried again some hundred in a turn, in order, and others are served", () => {
  const { test, follower } = hold(20);
  giveUp(test, () => follower.open.reject([{ firstTag: 1, count: COUNT }], "bad", false));
  test.isSlow = false;
  test.readMs = PIECE_MS;
  test.now += 1000;
  const publisher = test.publisher("orders", "other");
  let dead = 0;
  let turns = 0;
  for (; dead < COUNT; turns++) {
    const before = dead;
    test.broker.tick(++test.now);
    dead = test.getStream("orders.dead").ready;
    assertGreater(dead, before);
    assertLessOrEqual(dead - before, TURN_COUNT_MAX);
    publisher.publish("meanwhile");
    test.dispatch();
    assertEquals(follower.sink.ids.at(-1), COUNT + turns + 1);
    follower.ack(COUNT + turns + 1);
    const { ready, pending } = test.getStream("orders");
    assertEquals([ready, pending], [0, COUNT - dead]);
  }
  assertGreaterOrEqual(turns, COUNT / TURN_COUNT_MAX);
  const moved = test.events.filter((event) => event.type === "transferred").slice(-ALL.length);
  const last = moved.flatMap(({ fromId, batch: { count } }) =>
    Array.from({ length: count }, (_, n) => fromId + n)
  );
  assertEquals(last.slice(-COUNT), ALL);
});

Deno.test("giving up: of what waits for room, nothing is moved twice and nothing is left when its stream goes", () => {
  const { test, follower } = hold(20);
  giveUp(test, () => follower.open.reject([{ firstTag: 1, count: COUNT }], "bad", false));
  test.isSlow = false;
  test.readMs = PIECE_MS;
  test.now += 1000;
  test.broker.tick(++test.now);
  const dead = test.getStream("orders.dead").ready;
  assertGreater(dead, 0);
  assertLessOrEqual(dead, TURN_COUNT_MAX);
  test.broker.deleteStream("orders");
  for (let turn = 0; turn < 20; turn++) test.broker.tick(++test.now);
  assertEquals(test.getStream("orders.dead").ready, dead);
});

Deno.test("giving up: what there is no room for again is tried each time that it is due", () => {
  const test = new TestBroker();
  test.create("orders");
  const follower = test.follower("orders");
  test.publisher("orders").publish("one");
  test.dispatch();
  giveUp(test, () => follower.open.reject([{ firstTag: 1, count: 1 }], "bad", false));
  for (let turn = 0; turn < 3; turn++) {
    test.broker.tick(test.now += 1000);
    test.fail(FULL);
    assertEquals(test.getStream("orders").pending, 1);
  }
  test.isSlow = false;
  test.broker.tick(test.now += 1000);
  assertEquals([test.getStream("orders").pending, test.getStream("orders.dead").ready], [0, 1]);
});
