// Messages that stay are moved to the end of the journal: one that nobody acknowledges keeps nothing
// else on the disk, and is what it was when it comes.

import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { Backlog } from "../../../src/broker/backlog/backlog.ts";
import { turn } from "../../support/broker/broker.ts";
import { readState } from "../../support/disk/journal_state.ts";
import { churn, CompactorUse, SEGMENT_BYTES, Sender } from "../../support/disk/compactor_use.ts";
import { listSegments } from "../../support/disk/small_journal.ts";
import { type EngineUse, type Following, upTo } from "../engine_use.ts";

// What is kept.

Deno.test("Compactor: one message that stays keeps nothing else on the disk", async () => {
  const compactor = new CompactorUse();
  const use = await compactor.begin();
  await use.create("stuck", "busy");
  const stuck = `stuck ${"x".repeat(300)}`;
  await new Sender(compactor.engine, "stuck", "stuck").store(stuck);
  const sender = new Sender(compactor.engine, "busy");
  const follower = use.follower("busy");
  for (let round = 1; round <= 10; round++) {
    await churn(use, sender, { follower, count: 50, text: "y".repeat(200) });
    // Something is moved, that is flushed, and the flush is proven.
    await compactor.pass(3);
    assertLessOrEqual(compactor.bytes, await compactor.bytesMax(), `round ${round}`);
  }
  follower.port.close(0);
  assertGreater(listSegments(compactor.disk)[0]!.base, 50_000);
  assertEquals((await readState(compactor.engine)).served.stuck, ["next 2", `1×1 ${stuck}`]);
  assertEquals(compactor.failures, []);
  const again = await compactor.restart();
  assertEquals((await readState(again.engine)).served.stuck![0], "next 2");
});

Deno.test("Compactor: many messages that stay are all there, in order, with what is behind them", async () => {
  const compactor = new CompactorUse();
  const use = await compactor.begin();
  await use.create("a", "ab");
  const sender = new Sender(compactor.engine, /^a/);
  const followers = [use.follower("a"), use.follower("ab")];
  const kept = new Map<string, string[]>([["a", []], ["ab", []]]);
  for (let id = 1; id <= 600; id++) {
    await sender.store(`${id} ${"x".repeat(id % 97)}`);
    for (const [index, follower] of followers.entries()) {
      await follower.received(id);
      const stays = id % (index === 0 ? 10 : 17) === 0;
      if (stays) kept.get(index === 0 ? "a" : "ab")!.push(`${id} ${"x".repeat(id % 97)}`);
      else follower.port.ack([{ firstTag: id, count: 1 }], false);
    }
    if (id % 20 === 0) await compactor.pass();
  }
  await compactor.pass(20);
  assertLessOrEqual(compactor.bytes, await compactor.bytesMax());
  const engine = (await compactor.restart()).engine;
  const { served } = await readState(engine);
  for (const [stream, texts] of kept) {
    const found = served[stream]!.slice(1).map((message) => message.replace(/^\d+×\d+ /, ""));
    assertEquals(found, texts);
    assertEquals(served[stream]![0], "next 601");
  }
});

Deno.test("Compactor: a message with megabytes beside it is moved as the others are", async () => {
  const compactor = new CompactorUse();
  const use = await compactor.begin({ segmentBytes: 512 * 1024 });
  await use.create("a", "busy");
  const large = "x".repeat(1_500_000);
  const stuck = new Sender(compactor.engine, "a", "stuck");
  await stuck.store("small", large);
  await stuck.store("after");
  const sender = new Sender(compactor.engine, "busy");
  const follower = use.follower("busy");
  await churn(use, sender, { follower, count: 60, text: "y".repeat(200_000) });
  follower.port.close();
  await compactor.pass(10);
  assertGreater(listSegments(compactor.disk)[0]!.base, 3_000_000);
  const { served } = await readState((await compactor.restart()).engine);
  assertEquals(served.a, ["next 4", "1×1 small", `2×1 ${large}`, "3×1 after"]);
});

// What is known of what is moved.

/** A stream "a" with ten messages, in a journal that has been compacted since. */
async function compacted(prepare: (use: EngineUse) => Promise<void>) {
  const compactor = new CompactorUse();
  const use = await compactor.begin();
  await use.create("a", "busy");
  await new Sender(compactor.engine, "a", "a").store(...upTo(10).map((id) => `text ${id}`));
  await prepare(use);
  const before = listSegments(compactor.disk).at(-1)!;
  const sender = new Sender(compactor.engine, "busy");
  const follower = use.follower("busy");
  for (let round = 0; listSegments(compactor.disk)[0]!.base <= before.base; round++) {
    assertLess(round, 20, "what was first on the disk is gone at some time");
    await churn(use, sender, { follower, count: 20, text: "y".repeat(200) });
    await compactor.pass(2);
  }
  follower.port.close();
  return compactor;
}

Deno.test("Compactor: attempts survive moving, of what is ready and of what is held", async () => {
  const compactor = await compacted(async (use) => {
    for (let round = 0; round < 3; round++) {
      const follower = use.follower("a", { messages: 2 });
      await follower.received(2);
      await turn();
      follower.port.close();
      // What loses its follower again and again is held back.
      use.advance(30_000);
    }
    const holder = use.follower("a", { messages: 5 });
    await holder.received(5);
    holder.port.begin([{ firstTag: 4, count: 2 }]);
    await turn();
  });
  const { served } = await readState((await compactor.restart()).engine);
  assertEquals(served.a, [
    "next 11",
    // Tried three times, and a fourth time when the broker was killed.
    "1×5 text 1",
    "2×1 text 2",
    "3×1 text 3",
    "4×2 text 4",
    "5×2 text 5",
    ...[6, 7, 8, 9, 10].map((id) => `${id}×1 text ${id}`),
  ]);
});

Deno.test("Compactor: what is held while it is moved can be acknowledged, and stays gone", async () => {
  const held: Following[] = [];
  const compactor = await compacted(async (use) => {
    held.push(use.follower("a"));
    await held[0]!.received(10);
  });
  await held[0]!.ack(1, 3, 4, 5, 10);
  assertEquals((await compactor.engine.getStream("a")).pending, 5);
  const { served } = await readState((await compactor.restart()).engine);
  const left = served.a!.slice(1).map((message) => message.replace(/×\d/, ""));
  assertEquals(left, ["2 text 2", "6 text 6", "7 text 7", "8 text 8", "9 text 9"]);
});

/** Begins to move three messages of "a" that are held, and stops so many steps later. */
async function moving(steps: number) {
  const compactor = new CompactorUse();
  const use = await compactor.begin();
  await use.create("a", "busy");
  await new Sender(compactor.engine, "a", "a").store("one", "two", "three");
  const holder = use.follower("a");
  await holder.received(3);
  const sender = new Sender(compactor.engine, "busy");
  for (let id = 1; id <= 30; id++) await sender.store("y".repeat(400));
  const follower = use.follower("busy");
  await follower.received(30);
  // That is written, and not flushed before time passes.
  follower.port.ack([{ firstTag: 1, count: 30 }], false);
  await turn();
  assertEquals(listSegments(compactor.disk)[0]!.base, 0);
  compactor.engine.tend(1e6);
  for (let step = 0; step < steps; step++) await undefined;
  return { compactor, use, holder };
}

Deno.test("Compactor: what is acknowledged while it is on its way stays gone, and keeps nothing", async () => {
  // At whichever moment of it.
  for (let steps = 0; steps < 60; steps++) {
    const { compactor, use, holder } = await moving(steps);
    holder.port.ack([{ firstTag: 1, count: 1 }, { firstTag: 3, count: 1 }], false);
    await compactor.pass(4);
    assertEquals(await use.counts("a"), [0, 1, 1], `after ${steps} steps`);
    const { bytes } = await compactor.engine.getStream("a");
    assertEquals(bytes, "two".length + 8, `after ${steps} steps`);
    assertGreater(listSegments(compactor.disk)[0]!.base, 0);
    await holder.ack(2);
    await compactor.pass(4);
    assertEquals((await compactor.engine.getStream("a")).bytes, 0);
    assertLessOrEqual(listSegments(compactor.disk).length, 2, `after ${steps} steps`);
    holder.port.close();
    const { served } = await readState((await compactor.restart()).engine);
    assertEquals(served.a, ["next 4"], `after ${steps} steps`);
  }
});

Deno.test("Compactor: a stream that is deleted while its messages are on their way is gone", async () => {
  for (let steps = 0; steps < 60; steps += 3) {
    const { compactor, use } = await moving(steps);
    await compactor.engine.deleteStream("a");
    await use.create("a");
    await compactor.pass(4);
    assertLessOrEqual(listSegments(compactor.disk).length, 2, `after ${steps} steps`);
    const { served } = await readState((await compactor.restart()).engine);
    assertEquals(served.a, ["next 1"]);
  }
});

// When it is not wanted.

Deno.test("Compactor: what is all wanted stays where it is", async () => {
  const compactor = new CompactorUse();
  const use = await compactor.begin();
  await use.create("a");
  const sender = new Sender(compactor.engine, "a");
  for (let id = 1; id <= 100; id++) await sender.store(`${id} ${"x".repeat(300)}`);
  const { calls } = compactor.disk;
  await compactor.pass(10);
  assertEquals(listSegments(compactor.disk)[0]!.base, 0);
  // What time it is, and a mark, with a flush each.
  assertLessOrEqual(compactor.disk.calls - calls, 4);
});

/** What costs so much beside its bytes that no moving makes the journal as small as it should be. */
const COSTLY = [
  { what: "tiny", streamCount: 1, count: 2500 },
  { what: "beside many streams", streamCount: 100, count: 300 },
];

for (const { what, streamCount, count } of COSTLY) {
  Deno.test(`Compactor: it comes to an end, also when messages are ${what}`, async () => {
    const compactor = new CompactorUse();
    const use = await compactor.begin();
    await use.create(...upTo(streamCount).map((number) => `stream-${number}`));
    const sender = new Sender(compactor.engine, "stream-1");
    for (let id = 1; id <= count; id++) await sender.store("");
    const follower = use.follower("stream-1");
    await follower.received(count);
    const ack = (firstTag: number) => follower.port.ack([{ firstTag, count: 1 }], false);
    for (let tag = 2; tag <= count; tag += 2) ack(tag);
    await compactor.pass(100);
    const { calls } = compactor.disk;
    await compactor.pass(50);
    assertEquals(compactor.disk.calls - calls, 0, "nothing happens, and nothing is written");
    // When something happens again, it is worth it.
    const { bytes } = compactor;
    for (let tag = 1; tag <= count * 0.9; tag += 2) ack(tag);
    await compactor.pass(100);
    assertLess(compactor.bytes, Math.max(bytes / 2, 5 * SEGMENT_BYTES));
  });
}

// When something is wrong.

Deno.test("Compactor: a message that cannot be read ends the service of its stream, and of no other", async () => {
  const compactor = new CompactorUse();
  const damaged: unknown[] = [];
  const use = await compactor.begin({
    report: (_level, message, fields) => {
      if (message === "a stream is not served") damaged.push(fields?.stream);
    },
  });
  await use.create("a", "b", "busy");
  await new Sender(compactor.engine, "a", "a").store("damaged");
  await new Sender(compactor.engine, "b", "b").store("whole");
  const [first] = listSegments(compactor.disk);
  const text = new TextEncoder().encode("damaged").join();
  const bytes = compactor.disk.readAll(first!.name);
  const at = bytes.findIndex((_, index) => bytes.subarray(index, index + 7).join() === text);
  compactor.disk.flipBit(first!.name, at * 8);
  const sender = new Sender(compactor.engine, "busy");
  const follower = use.follower("busy");
  for (let round = 0; round < 5; round++) {
    await churn(use, sender, { follower, count: 20, text: "y".repeat(200) });
    await compactor.pass(2);
  }
  follower.port.close();
  assertEquals([compactor.failures, damaged], [[], ["a"]]);
  const { served, refused } = await readState(compactor.engine);
  assertEquals([Object.keys(refused), served.b], [["a"], ["next 2", "1×1 whole"]]);
  assert(refused.a!.includes(first!.name), refused.a);
  // It is still there for whoever wants to repair it.
  assertEquals(listSegments(compactor.disk)[0]!.name, first!.name);
});

Deno.test("Compactor: without room it tries again now and then, and ends when there is some", async () => {
  const compactor = new CompactorUse();
  const use = await compactor.begin();
  await use.create("a", "busy");
  await new Sender(compactor.engine, "a", "a").store("stuck ".repeat(50));
  const sender = new Sender(compactor.engine, "busy");
  const follower = use.follower("busy");
  for (let id = 1; id <= 40; id++) await sender.store("y".repeat(400));
  await follower.received(40);
  // Not even the reserve makes room for what stays.
  compactor.disk.capacity = 1;
  follower.port.ack([{ firstTag: 1, count: 40 }], false);
  for (let round = 0; round < 10; round++) {
    const { calls } = compactor.disk;
    await compactor.pass();
    assertLess(compactor.disk.calls - calls, 40, `round ${round}`);
  }
  compactor.disk.capacity = compactor.disk.list().reduce((sum, { size }) => sum + size, 100);
  for (let round = 0; round < 10; round++) {
    const { calls } = compactor.disk;
    await compactor.pass();
    assertLess(compactor.disk.calls - calls, 40, `round ${round}`);
  }
  assertEquals(compactor.failures, []);
  compactor.disk.capacity = undefined;
  await compactor.pass(20);
  assertLessOrEqual(compactor.bytes, await compactor.bytesMax());
  follower.port.close();
  assertEquals((await readState(compactor.engine)).served.a, [
    "next 2",
    `1×1 ${"stuck ".repeat(50)}`,
  ]);
});

// What it costs.

Deno.test("Compactor: all streams are gone through once for a segment, and not with each step", async () => {
  const compactor = new CompactorUse();
  const segmentBytes = 512 * 1024;
  const use = await compactor.begin({ segmentBytes });
  const streams = upTo(200).map((number) => `stream-${number}`);
  await use.create(...streams, "busy");
  // In each stream eight messages that stay, far from each other: a run each.
  const sender = new Sender(compactor.engine, /^stream/);
  for (let id = 1; id <= 15; id++) await sender.store("x");
  for (const name of streams) {
    const follower = use.follower(name);
    await follower.received(15);
    for (let tag = 2; tag <= 15; tag += 2) follower.port.ack([{ firstTag: tag, count: 1 }], false);
    follower.port.close();
  }
  const busy = new Sender(compactor.engine, "busy", "busy");
  const follower = use.follower("busy");
  const { findRuns } = Backlog.prototype;
  let lookCount = 0;
  Backlog.prototype.findRuns = function (options) {
    if (options?.segment !== undefined) lookCount++;
    return findRuns.call(this, options);
  };
  try {
    await churn(use, busy, { follower, count: 40, text: "y".repeat(60_000) });
    await compactor.pass(30);
  } finally {
    Backlog.prototype.findRuns = findRuns;
  }
  follower.port.close();
  assertGreater(listSegments(compactor.disk)[0]!.base, 0);
  // 1600 runs in steps of 256 at most: each stream is looked at twice or so for a segment.
  assertLess(lookCount, 4 * 201);
  assertEquals(compactor.failures, []);
});
