/**
 * Which publishers are remembered, and for how long.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { PublisherRecord } from "../../../src/broker/state/publisher_record.ts";
import { PublisherRegistry } from "../../../src/broker/state/publisher_registry.ts";

const MINUTE_MS = 60_000;

let lastNumber = 0;

/** Opens a publisher that has stored something, so that it is remembered when it is lost. */
function open(registry: PublisherRegistry, identity: string): PublisherRecord {
  const record = registry.open(identity);
  if (record.number === 0) record.number = ++lastNumber;
  return record;
}

Deno.test("PublisherRegistry.open() gives a publisher that comes back its own record", () => {
  const registry = new PublisherRegistry();
  const record = open(registry, "me");
  registry.lose(record, 0);
  assertStrictEquals(open(registry, "me"), record);
  assert(open(registry, "you") !== record);
  assertEquals(registry.count, 2);
});

Deno.test("PublisherRegistry.close() forgets a publisher at once", () => {
  const registry = new PublisherRegistry();
  const record = open(registry, "me");
  registry.close(record);
  assertEquals(registry.count, 0);
  assert(open(registry, "me") !== record);
});

Deno.test("PublisherRegistry.tick() forgets a lost publisher after ten minutes, not before", () => {
  const registry = new PublisherRegistry();
  assertEquals(registry.lose(open(registry, "me"), 1000), 1000 + 10 * MINUTE_MS);
  assertEquals(registry.tick(1000), 1000 + 10 * MINUTE_MS);
  assertEquals(registry.tick(1000 + 10 * MINUTE_MS - 1), 1000 + 10 * MINUTE_MS);
  assertEquals(registry.count, 1);
  assertEquals(registry.tick(1000 + 10 * MINUTE_MS), Infinity);
  assertEquals(registry.count, 0);
});

Deno.test("PublisherRegistry.tick() returns when the next one is to be forgotten", () => {
  const registry = new PublisherRegistry();
  const records = ["a", "b", "c"].map((identity) => open(registry, identity));
  records.forEach((record, index) => registry.lose(record, index * 1000));
  assertEquals(registry.tick(10 * MINUTE_MS + 500), 10 * MINUTE_MS + 1000);
  assertEquals(registry.count, 2);
  assertEquals(registry.tick(10 * MINUTE_MS + 5000), Infinity);
  assertEquals(registry.count, 0);
});

Deno.test("PublisherRegistry.tick() leaves publishers alone that are open or came back", () => {
  const registry = new PublisherRegistry();
  open(registry, "open");
  registry.lose(open(registry, "back"), 0);
  open(registry, "back");
  assertEquals(registry.tick(100 * MINUTE_MS), Infinity);
  assertEquals(registry.count, 2);
});

Deno.test("PublisherRegistry counts the time from the last loss", () => {
  const registry = new PublisherRegistry();
  const record = open(registry, "me");
  registry.lose(record, 0);
  registry.lose(open(registry, "you"), 1000);
  open(registry, "me");
  registry.lose(record, 5000);
  assertEquals(registry.tick(10 * MINUTE_MS + 1000), 10 * MINUTE_MS + 5000);
  assertEquals(registry.count, 1);
});

Deno.test("a publisher whose old connection is lost after its new one has come is not lost", () => {
  const registry = new PublisherRegistry();
  const record = open(registry, "me");
  assertStrictEquals(open(registry, "me"), record);
  registry.lose(record, 0);
  assertEquals(registry.tick(100 * MINUTE_MS), Infinity);
  assertStrictEquals(open(registry, "me"), record);
});

Deno.test("a publisher that ends in its new connection before the old one is found lost is remembered", () => {
  const registry = new PublisherRegistry();
  const record = open(registry, "me");
  open(registry, "me");
  registry.close(record);
  registry.lose(record, 0);
  assertEquals(registry.count, 1);
  registry.tick(10 * MINUTE_MS);
  assertEquals(registry.count, 0);
});

Deno.test("PublisherRegistry remembers a bounded number of lost publishers, and tells of the others", () => {
  const pushedOutAt: number[] = [];
  const registry = new PublisherRegistry({ pushedOut: (now) => void pushedOutAt.push(now) });
  const first = open(registry, "first");
  registry.lose(first, 0);
  for (let index = 0; index < 99_999; index++) registry.lose(open(registry, `p${index}`), 1);
  assertEquals([registry.count, pushedOutAt], [100_000, []]);
  assertStrictEquals(open(registry, "first"), first);
  registry.lose(first, 1);
  registry.lose(open(registry, "last"), 2);
  assertEquals([registry.count, pushedOutAt, registry.forgottenUntil], [100_000, [2], 1]);
  assertStrictEquals(open(registry, "first"), first);
});

Deno.test("PublisherRegistry: one user cannot have the publishers of others forgotten", () => {
  const registry = new PublisherRegistry({ lostCountMax: 100 });
  const lose = (identity: string, owner: string | undefined, now: number) => {
    const record = registry.open(identity, undefined, owner);
    record.restoreSequence(1);
    registry.lose(record, now);
    return record;
  };
  const good = Array.from({ length: 40 }, (_, index) => lose(`good ${index}`, "good", 0));
  const nobodys = Array.from({ length: 5 }, (_, index) => lose(`nobody's ${index}`, undefined, 1));
  for (let index = 0; index < 1000; index++) lose(`evil ${index}`, "evil", 2);
  assertEquals(registry.count, 100);
  for (const record of [...good, ...nobodys]) {
    assertStrictEquals(registry.open(record.identity, undefined, record.owner), record);
  }
  // Where there is nobody else, the longest lost go first.
  for (let index = 0; index < 1000; index++) lose(`late ${index}`, "evil", 3);
  const kept = [...registry.records].map(({ identity }) => identity);
  assertEquals(kept.filter((identity) => identity.startsWith("late")).length, 100);
});

Deno.test("PublisherRegistry does not remember who has stored nothing, nor who has ended", () => {
  const registry = new PublisherRegistry({ lostCountMax: 2 });
  const kept = open(registry, "kept");
  registry.lose(kept, 0);
  for (let index = 0; index < 10; index++) {
    registry.lose(registry.open(`visitor ${index}`), 1);
    registry.close(open(registry, `ended ${index}`));
  }
  assertEquals([registry.count, registry.forgottenUntil], [1, 0]);
  assertStrictEquals(open(registry, "kept"), kept);
});

Deno.test("PublisherRegistry: who may have been forgotten is in doubt about what was sent before", () => {
  const registry = new PublisherRegistry({ lostCountMax: 1 });
  const doubtOf = (identity: string, since: number) =>
    registry.open(identity, { until: 7, since }).doubtfulUntil;
  assertEquals(doubtOf("nobody was forgotten", 0), 0);
  registry.lose(open(registry, "one"), 5 * MINUTE_MS);
  registry.lose(open(registry, "other"), 20 * MINUTE_MS);
  assertEquals(registry.forgottenUntil, 5 * MINUTE_MS);
  assertEquals(doubtOf("one", 4 * MINUTE_MS), 7);
  assertEquals(registry.open("new").doubtfulUntil, 0);
  // Until it is here that it was sent, up to a minute passes.
  assertEquals(doubtOf("sent before that", 6 * MINUTE_MS), 7);
  assertEquals(doubtOf("sent later", 6 * MINUTE_MS + 1), 0);
  assertEquals(doubtOf("other", 0), 0);
});

Deno.test("PublisherRegistry: what one user has had forgotten leaves no doubt in those of others", () => {
  const registry = new PublisherRegistry({ lostCountMax: 10 });
  const lose = (identity: string, owner: string | undefined, now: number) => {
    const record = registry.open(identity, undefined, owner);
    record.restoreSequence(1);
    registry.lose(record, now);
  };
  const doubtOf = (identity: string, owner: string | undefined) =>
    registry.open(identity, { until: 7, since: 1000 }, owner).doubtfulUntil;
  for (let index = 0; index < 1000; index++) lose(`evil ${index}`, "evil", 2000);
  assertEquals(registry.forgottenUntil, 2000);
  assertEquals([doubtOf("a", "good"), doubtOf("b", "evil")], [0, 7]);
  // Without users anything may be opened; and what nobody had may be anybody's.
  assertEquals(doubtOf("c", undefined), 7);
  registry.noteForgotten(1500);
  assertEquals(doubtOf("d", "good"), 7);
});

Deno.test("PublisherRegistry knows of ten thousand users apart what is forgotten, and of more together", () => {
  const registry = new PublisherRegistry();
  const doubtOf = (owner: string) =>
    registry.open(`of ${owner}`, { until: 7, since: 0 }, owner).doubtfulUntil;
  for (let index = 0; index < 10_000; index++) registry.noteForgotten(1 + index, `user ${index}`);
  assertEquals(doubtOf("other"), 0);
  registry.noteForgotten(1, "one more");
  assertEquals([registry.describeForgotten(), doubtOf("others")], [{ forgottenUntil: 10_000 }, 7]);
});

Deno.test("PublisherRegistry.tick() forgets some at a time, and is called again for the others", () => {
  const registry = new PublisherRegistry();
  for (let index = 0; index < 2500; index++) registry.lose(open(registry, `p${index}`), index);
  const now = 20 * MINUTE_MS;
  const counts: number[] = [];
  for (let next = now; next <= now;) {
    next = registry.tick(now);
    counts.push(registry.count);
  }
  assertEquals(counts, [1500, 500, 0]);
  assertEquals(registry.forgottenUntil, 2499);
});

Deno.test("PublisherRegistry tells of each publisher that it forgets, once", () => {
  const forgotten: string[] = [];
  const registry = new PublisherRegistry({
    forgotten: ({ identity }) => void forgotten.push(identity),
  });
  const [closed, lost, still] = ["closed", "lost", "still"].map((name) => open(registry, name));
  registry.close(closed!);
  registry.lose(lost!, 0);
  assertEquals(forgotten, ["closed"]);
  registry.tick(10 * MINUTE_MS);
  assertEquals(forgotten, ["closed", "lost"]);
  registry.forget(lost!);
  assertEquals(forgotten, ["closed", "lost"]);
  assertEquals([...registry.records], [still!]);
});

Deno.test("PublisherRegistry.restore() remembers a publisher that has ten minutes to come back", () => {
  const registry = new PublisherRegistry();
  const [back, late] = ["back", "late"].map((identity) => new PublisherRecord(identity));
  registry.restore(back!);
  registry.restore(late!);
  registry.finishRestoration(5000);
  assertStrictEquals(open(registry, "back"), back);
  assertEquals(registry.tick(5000), 5000 + 10 * MINUTE_MS);
  assertEquals(registry.tick(5000 + 10 * MINUTE_MS), Infinity);
  assertEquals([...registry.records], [back!]);
});

for (const order of ["older, newer", "newer, older"]) {
  Deno.test(`PublisherRegistry.restore() of one identity twice, ${order}, keeps the newer one`, () => {
    const forgotten: PublisherRecord[] = [];
    const registry = new PublisherRegistry({ forgotten: (record) => void forgotten.push(record) });
    const [older, newer] = [new PublisherRecord("me"), new PublisherRecord("me")];
    older.number = 1;
    newer.number = 2;
    for (const which of order.split(", ")) registry.restore(which === "older" ? older : newer);
    registry.finishRestoration(0);
    registry.forget(older);
    assertEquals(forgotten, []);
    assertStrictEquals(open(registry, "me"), newer);
    assertEquals(registry.tick(100 * MINUTE_MS), Infinity);
    assertEquals(registry.count, 1);
  });
}
