/**
 * What gates of a share hold back, and when it goes on.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Gate } from "../../../src/broker/lanes/gate.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";

/** A gate that the test opens, and that notes what it hears. */
class TestGate implements Gate {
  left = 0;
  openAt: number = Infinity;
  asked = 0;
  readonly heard: string[] = [];
  readonly isLimit: boolean;

  constructor(isLimit = false) {
    this.isLimit = isLimit;
  }

  room(now: number): number {
    this.asked++;
    return now >= this.openAt ? Infinity : this.left;
  }

  opensAt(): number {
    return this.openAt;
  }

  take(count: number): void {
    this.left -= count;
    this.heard.push(`take ${count}`);
  }

  refund(count: number): void {
    this.heard.push(`refund ${count}`);
  }

  settle(count: number): void {
    this.heard.push(`settle ${count}`);
  }

  explain(): undefined {}
}

/** A broker with ten messages behind gates. */
function startGated(...gates: TestGate[]): TestBroker {
  const test = new TestBroker("orders");
  shareOf(test).setGates(gates);
  test.publisher("orders").publish(...new Array<number>(10).fill(10));
  return test;
}

function shareOf({ broker }: TestBroker) {
  return broker.state.router.requireStream("orders").share;
}

Deno.test("a closed gate holds all back, and is not asked again until it says that it has opened", () => {
  const gate = new TestGate();
  const test = startGated(gate);
  const follower = test.follower("orders");
  test.dispatch();
  assertEquals([follower.received, gate.asked], [[], 2]);
  test.publisher("orders", "other").publish("more");
  test.dispatch();
  assertEquals(gate.asked, 2, "it is left alone");
  gate.left = 3;
  test.broker["context"].dispatcher.noteOpened(shareOf(test));
  test.dispatch();
  assertEquals(follower.received, ["orders:1×1", "orders:2×1", "orders:3×1"]);
  assertEquals(gate.heard, ["take 3"]);
});

Deno.test("a gate that opens at a time lets messages through then, by the alarm of the stream", () => {
  const gates = [new TestGate(), new TestGate()];
  const test = startGated(...gates);
  const follower = test.follower("orders");
  gates[0]!.openAt = 1500;
  gates[1]!.openAt = 2000;
  test.dispatch();
  assertEquals(test.broker.tick(test.now = 1500), 2000, "all gates have to be open");
  test.dispatch();
  assertEquals(follower.received.length, 0);
  test.broker.tick(test.now = 2000);
  test.dispatch();
  assertEquals(follower.received.length, 10);
});

Deno.test("gates hear what leaves a follower in any way, and what was not worked on", () => {
  const gate = new TestGate();
  gate.left = 10;
  const test = startGated(gate);
  const follower = test.follower("orders");
  test.dispatch();
  follower.ack(1, 2);
  follower.release(4);
  test.dispatch();
  follower.open.reject([{ firstTag: 5, count: 1 }], "", false);
  follower.close();
  assertEquals(gate.heard, [
    "take 10",
    "settle 1",
    "settle 1",
    "settle 1",
    "refund 1",
    "settle 1",
    "settle 1",
    "settle 5",
    "refund 5",
  ]);
});

Deno.test("of what a limit counts, a follower holds no more than it has slots", () => {
  const gate = new TestGate(true);
  gate.left = 100;
  const test = startGated(gate);
  const follower = test.follower("orders");
  const other = test.follower("orders");
  follower.open.setCredit(100, 1000, 3);
  test.dispatch();
  assertEquals([follower.received.length, other.received.length], [3, 1]);
  follower.ack(2, 3);
  test.dispatch();
  assertEquals([follower.received.length, other.received.length], [5, 1]);
  other.ack(1);
  test.dispatch();
  assertEquals([follower.received.length, other.received.length], [5, 2]);
});

Deno.test("a follower with all slots in use still gets what is not limited", () => {
  const gate = new TestGate(true);
  gate.left = 100;
  const test = startGated(gate);
  test.create("free");
  const follower = test.follower(/./);
  test.dispatch();
  test.publisher("free", "other").publish("one", "two");
  test.dispatch();
  assertEquals(follower.received, ["orders:1×1", "free:1×1", "free:2×1"]);
  follower.ack(2, 3);
  test.dispatch();
  assertEquals(follower.received.length, 3);
  follower.ack(1);
  test.dispatch();
  assertEquals(follower.received.at(-1), "orders:2×1");
});
