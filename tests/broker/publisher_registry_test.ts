/**
 * Which publishers are remembered, and for how long.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { PublisherRecord } from "../../src/broker/publisher_record.ts";
import { PublisherRegistry } from "../../src/broker/publisher_registry.ts";

const MINUTE_MS = 60_000;

Deno.test("PublisherRegistry.open() gives a publisher that comes back its own record", () => {
  const registry = new PublisherRegistry();
  const record = registry.open("me");
  registry.lose(record, 0);
  assertStrictEquals(registry.open("me"), record);
  assert(registry.open("you") !== record);
  assertEquals(registry.count, 2);
});

Deno.test("PublisherRegistry.close() forgets a publisher at once", () => {
  const registry = new PublisherRegistry();
  const record = registry.open("me");
  registry.close(record);
  assertEquals(registry.count, 0);
  assert(registry.open("me") !== record);
});

Deno.test("PublisherRegistry.tick() forgets a lost publisher after ten minutes, not before", () => {
  const registry = new PublisherRegistry();
  assertEquals(registry.lose(registry.open("me"), 1000), 1000 + 10 * MINUTE_MS);
  assertEquals(registry.tick(1000), 1000 + 10 * MINUTE_MS);
  assertEquals(registry.tick(1000 + 10 * MINUTE_MS - 1), 1000 + 10 * MINUTE_MS);
  assertEquals(registry.count, 1);
  assertEquals(registry.tick(1000 + 10 * MINUTE_MS), Infinity);
  assertEquals(registry.count, 0);
});

Deno.test("PublisherRegistry.tick() returns when the next one is to be forgotten", () => {
  const registry = new PublisherRegistry();
  const records = ["a", "b", "c"].map((identity) => registry.open(identity));
  records.forEach((record, index) => registry.lose(record, index * 1000));
  assertEquals(registry.tick(10 * MINUTE_MS + 500), 10 * MINUTE_MS + 1000);
  assertEquals(registry.count, 2);
  assertEquals(registry.tick(10 * MINUTE_MS + 5000), Infinity);
  assertEquals(registry.count, 0);
});

Deno.test("PublisherRegistry.tick() leaves publishers alone that are open or came back", () => {
  const registry = new PublisherRegistry();
  registry.open("open");
  registry.lose(registry.open("back"), 0);
  registry.open("back");
  assertEquals(registry.tick(100 * MINUTE_MS), Infinity);
  assertEquals(registry.count, 2);
});

Deno.test("PublisherRegistry counts the time from the last loss", () => {
  const registry = new PublisherRegistry();
  const record = registry.open("me");
  registry.lose(record, 0);
  registry.lose(registry.open("you"), 1000);
  registry.open("me");
  registry.lose(record, 5000);
  assertEquals(registry.tick(10 * MINUTE_MS + 1000), 10 * MINUTE_MS + 5000);
  assertEquals(registry.count, 1);
});

Deno.test("a publisher whose old connection is lost after its new one has come is not lost", () => {
  const registry = new PublisherRegistry();
  const record = registry.open("me");
  assertStrictEquals(registry.open("me"), record);
  registry.lose(record, 0);
  assertEquals(registry.tick(100 * MINUTE_MS), Infinity);
  assertStrictEquals(registry.open("me"), record);
});

Deno.test("a publisher that ends in its new connection before the old one is found lost is remembered", () => {
  const registry = new PublisherRegistry();
  const record = registry.open("me");
  registry.open("me");
  registry.close(record);
  registry.lose(record, 0);
  assertEquals(registry.count, 1);
  registry.tick(10 * MINUTE_MS);
  assertEquals(registry.count, 0);
});

Deno.test("PublisherRegistry remembers a bounded number of lost publishers, the last ones", () => {
  const registry = new PublisherRegistry();
  const first = registry.open("first");
  registry.lose(first, 0);
  for (let index = 0; index < 10_000; index++) registry.lose(registry.open(`p${index}`), 1);
  assertEquals(registry.count, 10_000);
  assert(registry.open("first") !== first);
});

Deno.test("PublisherRegistry tells of each publisher that it forgets, once", () => {
  const forgotten: string[] = [];
  const registry = new PublisherRegistry(({ identity }) => forgotten.push(identity));
  const [closed, lost, open] = ["closed", "lost", "open"].map((name) => registry.open(name));
  registry.close(closed!);
  registry.lose(lost!, 0);
  assertEquals(forgotten, ["closed"]);
  registry.tick(10 * MINUTE_MS);
  assertEquals(forgotten, ["closed", "lost"]);
  registry.forget(lost!);
  assertEquals(forgotten, ["closed", "lost"]);
  assertEquals([...registry.records], [open!]);
});

Deno.test("PublisherRegistry.restore() remembers a publisher that has ten minutes to come back", () => {
  const registry = new PublisherRegistry();
  const [back, late] = ["back", "late"].map((identity) => new PublisherRecord(identity));
  registry.restore(back!);
  registry.restore(late!);
  registry.finishRestoration(5000);
  assertStrictEquals(registry.open("back"), back);
  assertEquals(registry.tick(5000), 5000 + 10 * MINUTE_MS);
  assertEquals(registry.tick(5000 + 10 * MINUTE_MS), Infinity);
  assertEquals([...registry.records], [back!]);
});

for (const order of ["older, newer", "newer, older"]) {
  Deno.test(`PublisherRegistry.restore() of one identity twice, ${order}, keeps the newer one`, () => {
    const forgotten: PublisherRecord[] = [];
    const registry = new PublisherRegistry((record) => forgotten.push(record));
    const [older, newer] = [new PublisherRecord("me"), new PublisherRecord("me")];
    older.number = 1;
    newer.number = 2;
    for (const which of order.split(", ")) registry.restore(which === "older" ? older : newer);
    registry.finishRestoration(0);
    registry.forget(older);
    assertEquals(forgotten, []);
    assertStrictEquals(registry.open("me"), newer);
    assertEquals(registry.tick(100 * MINUTE_MS), Infinity);
    assertEquals(registry.count, 1);
  });
}
