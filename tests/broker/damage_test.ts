/**
 * What becomes of a stream of which some messages cannot be read any more, and of all others.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { BrokerError } from "../../protocol.ts";
import type { Event, Published } from "../../src/broker/event.ts";
import { Residency } from "../../src/broker/backlog/residency.ts";
import { assertCode } from "../support/wire/frames.ts";
import { MemoryPager } from "../support/disk/memory_pager.ts";
import { describeStreams, TestBroker } from "../support/broker/test_broker.ts";

/** The bytes in front of each body. */
const HEAD = 8;

/** A broker of which one of three messages in the stream "bad" is damaged, and none in "good". */
function damagedBroker(text: string) {
  const pager = new MemoryPager();
  const segment = pager.begin();
  const test = new TestBroker(new Residency({ bytesMax: 0, pager }), "bad", "good");
  test.write = (batch) => pager.store(segment, batch);
  const [bad, good] = [test.publisher("bad", "to bad"), test.publisher("good", "to good")];
  for (const text of ["one", "two", "three"]) {
    bad.publish(text);
    // What comes to another stream pushes it out, so that each is in a slab of its own.
    good.publish(`good ${text}`);
  }
  const { place } = test.events.filter(isPublished).find(({ batch }) => includes(batch, text))!;
  pager.damage({ ...place!, offset: place!.offset + HEAD });
  return { test, pager };
}

function isPublished(event: Event): event is Published {
  return event.type === "published";
}

function includes({ buffer, start, end }: Published["batch"], text: string): boolean {
  return new TextDecoder().decode(buffer.subarray(start, end)).includes(text);
}

Deno.test("damage: a stream is served up to what cannot be read, and no further", () => {
  const { test } = damagedBroker("two");
  const follower = test.follower("bad");
  test.dispatch();
  assertEquals([follower.sink.texts, test.damaged], [["one"], ["bad"]]);
  // What is held can still be acknowledged; nothing new comes.
  follower.ack(1);
  test.dispatch();
  assertEquals([follower.sink.texts, test.damaged], [["one"], ["bad"]]);
});

Deno.test("damage: what wants something of the stream is told STREAM_DAMAGED", () => {
  const { test } = damagedBroker("one");
  test.follower("bad");
  test.dispatch();
  assertEquals(test.damaged, ["bad"]);
  assertCode("STREAM_DAMAGED", () => test.getStream("bad"));
  assertCode("STREAM_DAMAGED", () => test.follower("bad"));
  assertEquals(describeStreams(test.broker).map(({ name }) => name), ["bad", "good"]);
  const [direct, regex] = [test.publisher("bad", "direct"), test.publisher(/d$/, "regex")];
  direct.publish("x");
  regex.publish("x");
  assertEquals([direct, regex].map(({ sink }) => sink.outcomes[0]?.code), [
    "STREAM_DAMAGED",
    "STREAM_DAMAGED",
  ]);
  assertEquals(test.getStream("good").nextId, 4, "nothing is stored in a part of them");
});

Deno.test("damage: all other streams are served, also to followers of both", () => {
  const { test } = damagedBroker("one");
  const follower = test.follower(/d$/);
  test.dispatch();
  assertEquals([follower.sink.texts.length, test.damaged], [3, ["bad"]]);
  test.publisher("good", "again").publish("more");
  test.dispatch();
  assertEquals(follower.sink.texts, ["good one", "good two", "good three", "more"]);
  const later = test.follower(/d$/);
  test.dispatch();
  assertEquals([later.received, test.damaged], [[], ["bad"]]);
});

Deno.test("damage: it is told once, whoever waits for the stream", () => {
  const { test, pager } = damagedBroker("one");
  const followers = ["a", "b", "c"].map((name) => test.follower("bad", { name }));
  test.dispatch();
  assertEquals(test.damaged, ["bad"]);
  assertEquals(pager.reads.length, 1);
  assertEquals(followers.map(({ sink }) => sink.ids), [[], [], []]);
});

Deno.test("damage: what a follower gives back goes to nobody", () => {
  const { test } = damagedBroker("two");
  const lost = test.follower("bad", { messages: 1 });
  test.dispatch();
  assertEquals(lost.received, ["bad:1×1"]);
  const waiting = test.follower("bad");
  test.dispatch();
  assertEquals(test.damaged, ["bad"]);
  lost.close();
  test.dispatch();
  assertEquals([waiting.sink.ids, test.damaged], [[], ["bad"]]);
  waiting.close();
});

Deno.test("damage: a stream is whole again when it is deleted and created", () => {
  const { test } = damagedBroker("one");
  const follower = test.follower("bad");
  test.dispatch();
  test.broker.deleteStream("bad");
  test.create("bad");
  test.publisher("bad", "new").publish("new");
  test.dispatch();
  assertEquals([follower.sink.texts, test.getStream("bad").followers], [["new"], 1]);
});

Deno.test("Broker.noteDamage() ends the service of a stream, and says its name", () => {
  const test = new TestBroker("bad");
  test.publisher("bad").publish("a");
  const explain = (name: string) => new BrokerError("STREAM_DAMAGED", `Cannot serve ${name}`);
  test.broker.noteDamage(1, explain);
  test.broker.noteDamage(7, explain);
  assertEquals(test.damaged, ["bad"]);
  assertEquals(assertCode("STREAM_DAMAGED", () => test.follower("bad")), "Cannot serve bad");
  const follower = test.follower(/bad/);
  test.dispatch();
  assertEquals(follower.sink.ids, []);
  assertEquals(test.broker.findLive({ liveCount: 0, liveBytes: 0 }).next(10), []);
});
