/**
 * Group commit: what is written together, when it is flushed, who hears of it and in which order,
 * and what happens when the disk does not do what it should.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { DescriptorShortageError, DiskFullError } from "../../../src/engine/journal/disk/disk.ts";
import type { OpenSegment } from "../../../src/engine/journal/segments/segment_list.ts";
import { turn } from "../../support/broker/broker.ts";
import { CommitterUse, settled } from "./committer_use.ts";

// Groups.

Deno.test("Committer: what comes in one turn is one group, and is told after one flush", async () => {
  const use = await CommitterUse.begin();
  for (const text of ["a", "b", "c"]) use.store(text);
  assertEquals(use.take(), [], "nothing before the turn is over");
  await settled();
  assertEquals(use.take(), ["write", "flush", "stored a", "stored b", "stored c"]);
  assertEquals(use.read(), ["proves a b c"]);
});

Deno.test("Committer: what comes during a flush is the next group, all of it", async () => {
  const use = await CommitterUse.begin();
  use.isHeld = true;
  use.store("a");
  await settled();
  for (const text of ["b", "c"]) {
    use.store(text);
    await settled();
  }
  use.whenDurable("one");
  await turn();
  use.store("d");
  assertEquals(use.take(), ["write", "flush"]);
  use.release();
  await settled();
  assertEquals(use.take(), ["stored a", "write", "flush"]);
  use.release();
  await settled();
  assertEquals(use.take(), ["stored b", "stored c", "stored d", "durable one"]);
  assertEquals(use.read(), ["proves a", "proves b c d"]);
});

Deno.test("Committer: nothing is told before its flush is over", async () => {
  const use = await CommitterUse.begin();
  use.isHeld = true;
  use.store("a");
  use.whenDurable("one");
  use.acknowledge(7);
  use.whenDurable("two");
  for (let round = 0; round < 3; round++) {
    await settled();
    await turn();
  }
  assertEquals(use.take(), ["write", "flush"]);
  assertEquals(use.committer.durable, 0);
  use.release();
  await settled();
  assertEquals(use.take(), ["stored a", "durable one", "durable two"]);
  assertEquals(use.committer.durable, use.segment.end);
});

Deno.test("Committer: messages too many for one flush are told in order, after a flush each", async () => {
  const use = await CommitterUse.begin();
  const large = "x".repeat(1_100_000);
  for (let index = 1; index <= 6; index++) use.store(`${index}${large}`);
  await settled();
  const names = [1, 2, 3, 4, 5, 6].map((index) => `stored ${index}${"x".repeat(19)}`);
  assertEquals(use.take(), [
    ...new Array(4 * 2).fill("write"),
    "flush",
    ...names.slice(0, 4),
    ...new Array(2 * 2).fill("write"),
    "flush",
    ...names.slice(4),
  ]);
});

Deno.test("Committer: a write that takes only some of the bytes goes on where it ended", async () => {
  const use = await CommitterUse.begin();
  use.disk.failAt(1, "short");
  use.disk.failAt(2, "short");
  use.store("a longer message");
  await settled();
  const log = use.take();
  assertEquals(log.slice(0, 3), ["short write", "short write", "write"]);
  assertEquals(log.slice(3), ["flush", "stored a longer message"]);
  assertEquals(use.read(), ["proves a longer message"]);
});

// What nobody waits for.

Deno.test("Committer: what nobody waits for is written when the turn is over, and flushed later", async () => {
  const use = await CommitterUse.begin();
  use.acknowledge(1);
  use.acknowledge(2);
  await settled();
  assertEquals(use.take(), []);
  await turn();
  assertEquals(use.take(), ["write"]);
  assertEquals(use.committer.tick(use.now), use.now + 1000);
  assertEquals(use.committer.tick(use.now + 999), use.now + 1000);
  await settled();
  assertEquals(use.take(), []);
  use.committer.tick(use.now + 1000);
  await settled();
  assertEquals(use.take(), ["flush"]);
  assertEquals(use.read(), ["proves ack 1+2"]);
});

Deno.test("Committer: who waits takes along what nobody waits for", async () => {
  const use = await CommitterUse.begin();
  use.acknowledge(1);
  await turn();
  use.acknowledge(2);
  use.store("a");
  await settled();
  assertEquals(use.take(), ["write", "write", "flush", "stored a"]);
  assertEquals(use.read(), ["proves ack 1+1", "a ack 2+1"]);
});

Deno.test("Committer: settle waits for all that was given before, and for a flush", async () => {
  const use = await CommitterUse.begin();
  use.acknowledge(1);
  use.whenDurable("one");
  assertEquals(use.take(), []);
  await settled();
  assertEquals(use.take(), ["write", "flush", "durable one"]);
  use.acknowledge(2);
  await turn();
  use.whenDurable("two");
  await settled();
  assertEquals(use.take(), ["write", "flush", "durable two"]);
});

Deno.test("Committer: settle is done at once when nothing is open", async () => {
  const use = await CommitterUse.begin();
  use.whenDurable("one");
  assertEquals(use.take(), ["durable one"]);
  use.isHeld = true;
  use.store("a");
  await settled();
  use.whenDurable("two");
  assertEquals(use.take(), ["write", "flush"]);
  use.release();
  await settled();
  assertEquals(use.take(), ["stored a", "durable two"]);
  use.whenDurable("three");
  assertEquals(use.take(), ["durable three"]);
});

Deno.test("Committer: who asks for it hears when an event is written, before it is flushed", async () => {
  const use = await CommitterUse.begin();
  use.isHeld = true;
  const written = () => void use.log.push("written");
  use.committer.commit({ type: "streamDeleted", number: 1 }, written);
  use.whenDurable("one");
  await settled();
  assertEquals(use.take(), ["write", "written", "flush"]);
  use.release();
  await settled();
  assertEquals(use.take(), ["durable one"]);
});

// Levels.

Deno.test("Committer: with level interval it is told when it is written, and flushed in time", async () => {
  const use = await CommitterUse.begin({ level: "interval" });
  use.store("a");
  use.whenDurable("one");
  await settled();
  assertEquals(use.take(), ["write", "stored a", "durable one"]);
  assertEquals(use.committer.durable, 0);
  assertEquals(use.committer.tick(use.now), use.now + 100);
  use.now += 50;
  use.store("b");
  await settled();
  assertEquals(use.take(), ["write", "stored b"]);
  assertEquals(use.committer.tick(use.now), use.now + 50, "since the first of it was written");
  use.now += 50;
  use.committer.tick(use.now);
  await settled();
  assertEquals(use.take(), ["flush"]);
  assertEquals(use.committer.durable, use.segment.end);
});

Deno.test("Committer: with level never nothing is flushed but what must be", async () => {
  const use = await CommitterUse.begin({ level: "never" });
  use.store("a");
  await settled();
  assertEquals(use.take(), ["write", "stored a"]);
  assertEquals(use.committer.tick(use.now + 1e9), Infinity);
  await settled();
  assertEquals(use.take(), []);
  use.whenDurable("one");
  assertEquals(use.take(), ["durable one"], "a write is enough");
  use.committer.flush();
  await settled();
  assertEquals(use.take(), ["flush"]);
});

// Marks.

Deno.test("Committer: when there is nothing to do, a mark proves the last group, once", async () => {
  const use = await CommitterUse.begin();
  use.store("a");
  await settled();
  use.take();
  for (let round = 0; round < 3; round++) {
    use.committer.tick(use.now += 10_000);
    await turn();
    await settled();
  }
  assertEquals(use.take(), ["write", "flush"]);
  assertEquals(use.read(), ["proves a", "proves"]);
});

Deno.test("Committer: a mark is no mark when facts come with it, and another one follows", async () => {
  const use = await CommitterUse.begin();
  use.store("a");
  await settled();
  use.committer.tick(use.now += 10_000);
  use.acknowledge(1);
  for (let round = 0; round < 4; round++) {
    await turn();
    await settled();
    use.committer.tick(use.now += 10_000);
  }
  assertEquals(use.read(), ["proves a", "proves ack 1+1", "proves"]);
});

Deno.test("Committer: closing flushes all and leaves a mark, and then nothing is written any more", async () => {
  const use = await CommitterUse.begin();
  use.store("a");
  use.acknowledge(1);
  const end = await use.committer.close();
  assertEquals(use.take(), ["write", "flush", "stored a", "write", "flush"]);
  assertEquals(use.read(), ["proves a ack 1+1", "proves"]);
  assertEquals(end, use.segment.end);
  use.store("late");
  use.acknowledge(2);
  use.whenDurable("late");
  use.committer.flush();
  use.committer.tick(use.now += 10_000);
  await settled();
  await turn();
  assertEquals(use.take(), []);
  assertEquals(use.failures, []);
});

Deno.test("Committer: closing waits for what is under way", async () => {
  const use = await CommitterUse.begin();
  use.isHeld = true;
  use.store("a");
  await settled();
  use.store("b");
  let end: number | undefined;
  const closed = use.committer.close().then((at) => end = at);
  await settled();
  assertEquals(use.take(), ["write", "flush"]);
  use.isHeld = false;
  use.release();
  await closed;
  assertEquals(use.take(), ["stored a", "write", "flush", "stored b", "write", "flush"]);
  assertEquals(end, use.segment.end);
});

// Segments.

/** A committer whose next segment comes as told. */
async function rotating(rotate: (bytes: number) => Promise<OpenSegment> | undefined) {
  const sizes: number[] = [];
  const use = await CommitterUse.begin({
    rotate: (bytes) => {
      sizes.push(bytes);
      return rotate(bytes);
    },
  });
  return { use, sizes };
}

Deno.test("Committer: it asks for a segment with room for all that is written together", async () => {
  const { use, sizes } = await rotating(() => undefined);
  use.store("a");
  await settled();
  use.acknowledge(1);
  use.whenDurable("one");
  await settled();
  use.whenDurable("two");
  const [first, second] = sizes;
  assertEquals([first! + second!, sizes.length], [use.segment.size, 2]);
});

Deno.test("Committer: if no next segment can be opened now, all waits in order, and nothing is refused", async () => {
  let isShort = true;
  const { use } = await rotating(() =>
    isShort ? Promise.reject(new DescriptorShortageError("short")) : undefined
  );
  use.store("a");
  use.acknowledge(1);
  use.whenDurable("one");
  await settled();
  use.store("b");
  assertEquals(use.committer.tick(use.now), use.now + 250);
  use.committer.tick(use.now += 250);
  await settled();
  assertEquals([use.take(), use.read()], [[], []]);
  isShort = false;
  use.committer.tick(use.now += 250);
  await settled();
  const told = ["stored a", "durable one", "stored b"];
  assertEquals(use.take(), ["write", "write", "flush", ...told]);
  assertEquals(use.read(), ["proves a ack 1+1", "b"]);
  assertEquals(use.failures, []);
});

Deno.test("Committer: what waits for a next segment is written when it is closed, if that is possible", async () => {
  for (const isShort of [true, false]) {
    let attempts = 0;
    const { use } = await rotating(() =>
      isShort || attempts++ === 0 ? Promise.reject(new DescriptorShortageError("short")) : undefined
    );
    use.store("a");
    await settled();
    const end = await use.committer.close();
    assertEquals(end, isShort ? undefined : use.segment.end);
    assertEquals(use.take().includes("stored a"), !isShort);
    assertEquals(use.failures, []);
  }
});

Deno.test("Committer: without room for a new segment messages are refused, the rest is written", async () => {
  const { use } = await rotating(() => Promise.reject(new DiskFullError("full")));
  use.store("a");
  use.acknowledge(1);
  use.whenDurable("one");
  await settled();
  assertEquals(use.take().filter((line) => line !== "cut"), [
    ...["flush", "use reserve", "refused a DISK_FULL", "write", "flush", "durable one"],
  ]);
  assertEquals(use.read(), ["proves ack 1+1"]);
});

Deno.test("Committer: settle waits for what is to be written when a segment has begun", async () => {
  const begun = Promise.withResolvers<OpenSegment>();
  const { use } = await rotating(() => begun.promise);
  use.acknowledge(1);
  await turn();
  use.whenDurable("one");
  await settled();
  assertEquals(use.take(), []);
  begun.reject(new Error("no"));
  await settled();
  assertEquals(use.take(), []);
});

Deno.test("Committer: a segment that cannot be begun is a failure", async () => {
  const { use } = await rotating(() => Promise.reject(new Error("no")));
  use.store("a");
  await settled();
  assertEquals(use.take(), []);
  assertEquals(use.failures.length, 1);
});

Deno.test("Committer: what is free is cleaned up after the flush that makes it so, not before", async () => {
  const use = await CommitterUse.begin({
    beforeWrite: () => {
      use.log.push("before");
      return () => void use.log.push("after");
    },
  });
  for (const text of ["a", "b"]) {
    use.store(text);
    await settled();
    assertEquals(use.take(), ["before", "write", "flush", `stored ${text}`, "after"]);
  }
});
