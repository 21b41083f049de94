// Batches that are sent again: stored once, and answered as they were answered before.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import { AlarmClock } from "../../../src/broker/collections/alarm_clock.ts";
import { Notices } from "../../../src/broker/rules/notices.ts";
import { batchOf } from "../../support/wire/batches.ts";
import { assertCode } from "../../support/wire/frames.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";

Deno.test("a repeated batch is confirmed as a duplicate with its old ids, and stored once", () => {
  const test = new TestBroker("orders");
  const publisher = test.publisher("orders");
  publisher.publish("a", "b");
  publisher.publishAs(1, "a", "b");
  assertEquals(publisher.sink.outcomes[1], {
    sequence: 1,
    count: 2,
    stored: ["orders:1"],
    isDuplicate: true,
  });
  assertEquals(test.getStream("orders").ready, 2);
});

Deno.test("a repeated batch is known after the connection was lost, not after the publisher ended", () => {
  const test = new TestBroker("orders");
  const first = test.publisher("orders", "me");
  first.publish("a");
  first.publisher.lose();
  const second = test.publisher("orders", "me");
  second.publish("a");
  assertEquals(second.sink.outcomes.map(({ isDuplicate }) => isDuplicate), [true]);
  second.publisher.close();
  const third = test.publisher("orders", "me");
  third.publish("a");
  assertEquals(third.sink.outcomes[0]?.stored, ["orders:2"]);
});

Deno.test("a repeated batch of a publisher that was lost too long ago is not stored twice, but refused", () => {
  const test = new TestBroker("orders");
  const first = test.publisher("orders", "me");
  first.publish("a");
  first.publisher.lose();
  test.now = 601_000;
  assertEquals(test.broker.tick(test.now), Infinity);
  for (let round = 0; round < 2; round++) {
    const sent = { sentUntil: 2, sentMs: 600_001 };
    const second = test.publisher("orders", "me", sent);
    second.publishAs(1, "a");
    second.publishAs(2, "b");
    second.publishAs(2, "b");
    second.publishAs(3, "new");
    assertEquals(second.sink.outcomes.map(({ code, stored }) => code ?? stored.join()), [
      "PUBLISHER_FORGOTTEN",
      "PUBLISHER_FORGOTTEN",
      "PUBLISHER_FORGOTTEN",
      "orders:2",
    ]);
    second.publisher.lose();
  }
  // Nothing was forgotten that was sent later than that.
  const other = test.publisher("orders", "other", { sentUntil: 1, sentMs: 500_000 });
  other.publish("c");
  assertEquals(other.sink.outcomes[0]?.stored, ["orders:3"]);
});

Deno.test("strangers by the thousand that come and are lost push nobody out who may come back", () => {
  const test = new TestBroker("orders", "noise");
  const first = test.publisher("orders", "me");
  first.publish("a");
  first.publisher.lose();
  for (let index = 0; index < 10_001; index++) {
    const stranger = test.publisher("noise", `stranger ${index}`);
    stranger.publish("x");
    stranger.publisher.lose();
  }
  const again = test.publisher("orders", "me", { sentUntil: 1, sentMs: 10 });
  again.publish("a");
  const outcomes = again.sink.outcomes.map(({ stored, isDuplicate }) => [...stored, isDuplicate]);
  assertEquals(outcomes, [["orders:1", true]]);
  assertEquals(test.getStream("orders").nextId, 2);
});

Deno.test("what is in doubt about a publisher stays so when the broker is made again", () => {
  const test = new TestBroker("orders");
  const first = test.publisher("orders", "me");
  first.publish("a");
  first.publisher.lose();
  test.now = 601_000;
  test.broker.tick(test.now);
  const sent = { sentUntil: 2, sentMs: 600_001 };
  test.publisher("orders", "me", sent).publishAs(3, "new");
  test.publisher("orders", "unknown");
  const snapshot = [...test.broker.state.takeSnapshot(test.now)];
  for (const how of ["events", "snapshot"]) {
    const again = new TestBroker();
    again.now = test.now;
    const { state } = again.broker;
    state.beginRestoration();
    if (how === "events") { for (const event of test.events) state.apply(event); }
    else for (const piece of snapshot) state.restorePiece(piece);
    state.finishRestoration(again.now);
    const [me, other] = ["me", "other"].map((name) => again.publisher("orders", name, sent));
    for (const publisher of [me!, other!]) {
      for (const sequence of [1, 2, 3]) {
        publisher.publishAs(sequence, "x");
      }
    }
    const outcomes = [me!, other!].map(({ sink }) =>
      sink.outcomes.map(({ code, isDuplicate }) => code ?? isDuplicate)
    );
    const code = "PUBLISHER_FORGOTTEN";
    assertEquals(outcomes, [[code, code, true], [code, code, false]], how);
  }
});

Deno.test("an operator is told that publishers are pushed out, once in a while", () => {
  const told: unknown[] = [];
  const clock = new AlarmClock();
  const notices = new Notices(clock, (message, fields) => told.push([message, fields]));
  const counts = () => told.map((one) => (one as unknown[])[1]);
  for (let index = 0; index < 5; index++) notices.notePushedOut(100, 1000 + index);
  assertEquals(counts(), [{ count: 1 }]);
  assertEquals(clock.tick(1000 + 600_000), 1000 + 1_200_000);
  assertEquals(counts(), [{ count: 1 }, { count: 4 }], "although no other one is pushed out");
  assertEquals(clock.tick(1000 + 1_200_000), Infinity);
  notices.notePushedOut(100, 2_000_000);
  assertEquals(counts().length, 3);
  assertStringIncludes(String((told[0] as unknown[])[0]), "PUBLISHER_FORGOTTEN");
});

Deno.test("a repeated batch of a publisher that was lost too long ago, and does not say so, is a new one", () => {
  const test = new TestBroker("orders");
  const first = test.publisher("orders", "me");
  first.publish("a");
  test.now = 0;
  first.publisher.lose();
  assertEquals(test.broker.tick(1000), 600_000);
  assertEquals(test.broker.tick(600_000), Infinity);
  const second = test.publisher("orders", "me");
  second.publish("a");
  assertEquals(second.sink.outcomes[0]?.stored, ["orders:2"]);
});

Deno.test("a repeated batch that was refused is refused again, whatever has changed", () => {
  const test = new TestBroker();
  const publisher = test.publisher("orders");
  publisher.publishAs(1, "a");
  test.create("orders");
  publisher.publishAs(1, "a");
  publisher.publishAs(2, "b");
  assertEquals(publisher.sink.outcomes.map(({ code, stored }) => code ?? stored.join()), [
    "STREAM_NOT_FOUND",
    "STREAM_NOT_FOUND",
    "orders:1",
  ]);
});

Deno.test("a repeated batch of which the outcome was settled is a duplicate all the same", () => {
  const test = new TestBroker("orders");
  const { publisher, sink } = test.publisher("orders");
  const publish = (sequence: number, settled: number) => {
    const batch = batchOf("x");
    const numbered = { ...batch, sequence, settled, bytes: batch.end };
    publisher.publish(numbered);
  };
  publish(1, 0);
  publish(2, 2);
  publish(1, 2);
  assertEquals(sink.outcomes.map(({ isDuplicate }) => isDuplicate), [false, false, true]);
  assertEquals(test.getStream("orders").ready, 2);
});

Deno.test("a batch repeated with messages that were not in it is BAD_FRAME, and nothing is stored", () => {
  const test = new TestBroker("orders");
  const publisher = test.publisher("orders");
  publisher.publishAs(1, "a", "b");
  publisher.publishAs(3, "c");
  assertCode("BAD_FRAME", () => publisher.publishAs(3, "c", "d"));
  assertCode("BAD_FRAME", () => publisher.publishAs(1, "a", "b", "c", "d"));
  publisher.publishAs(1, "a", "b");
  publisher.publishAs(3, "c");
  publisher.publishAs(4, "d");
  assertEquals(publisher.sink.outcomes.map(({ isDuplicate, stored }) => [isDuplicate, ...stored]), [
    [false, "orders:1"],
    [false, "orders:3"],
    [true, "orders:1"],
    [true, "orders:3"],
    [false, "orders:4"],
  ]);
  assertEquals(test.getStream("orders").ready, 4);
});

Deno.test("Broker.refuse() tells the publisher, and repetitions hear the same", () => {
  const test = new TestBroker("orders");
  const { publisher, sink } = test.publisher("orders");
  const batch = batchOf("x");
  const numbered = { ...batch, sequence: 1, settled: 0, bytes: batch.end };
  publisher.refuse(numbered, new BrokerError("MESSAGE_TOO_LARGE", "too large"));
  publisher.publish(numbered);
  publisher.refuse(numbered, new BrokerError("BAD_FRAME", "something else"));
  assertEquals(sink.outcomes.map(({ code }) => code), new Array(3).fill("MESSAGE_TOO_LARGE"));
  assertEquals(test.getStream("orders").ready, 0);
});
