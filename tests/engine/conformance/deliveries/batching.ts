/**
 * What every engine does with messages that one handler has together.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { TagRange } from "../../../../protocol.ts";
import type { ReceivedMessage } from "../../../support/broker/recording_sinks.ts";
import { EngineTests } from "../../engine_tests.ts";
import { type EngineUse, type Following, upTo } from "../../engine_use.ts";

/** What an engine does about batches in a handler. */
export const batchTests: EngineTests = new EngineTests();

/** How a handler fails that has the message at fault. */
const FAILURES = ["is lost", "says so", "hangs"] as const;

/** How one search has gone. */
interface Search {
  /** The sizes of the batches with the message at fault, in their order. */
  readonly sizes: number[];
  /** The attempts with which each message was done. */
  readonly attempts: Map<string, number>;
}

for (const failure of FAILURES) {
  batchTests.add(
    `of a batch whose handler ${failure}, halves find 1 of 100 in 7 rounds, neighbours unharmed`,
    async (use) => {
      await use.createWith("rows", { maxDeliveries: 2, ackTimeoutMs: 1000, backoffMs: [0] });
      const texts = upTo(100).map((number) => `row ${number}`);
      await use.publisher("rows").store(...texts);
      const culprit = "row 65";
      const { sizes, attempts } = await search(use, culprit, failure);
      // When it is alone, each attempt counts.
      assertEquals(sizes, [100, 50, 25, 12, 6, 3, 2, 1, 1]);
      for (const text of texts) {
        assertEquals(attempts.get(text), text === culprit ? undefined : 1, text);
      }
      const dead = await use.engine.peek("rows.dead", 1, 10);
      assertEquals(dead.infos.length, 1);
      const [{ deadLetter } = {}] = await use.properties("rows.dead");
      assertEquals([deadLetter?.id, deadLetter?.attempts], [65, 2]);
      assertEquals(await use.look("rows"), []);
    },
  );
}

batchTests.add("halves are delivered by themselves, and are handed out together", async (use) => {
  await use.create("rows");
  await use.publisher("rows").store("a", "b", "c", "d", "e", "f", "g");
  const first = open(use);
  await first.received(7);
  first.port.beginBatch([{ firstTag: 2, count: 5 }]);
  first.port.nack([{ firstTag: 2, count: 5 }], { reason: "one of them", isTogether: true }, false);
  await first.received(12);
  const again = first.sink.messages.slice(7);
  assertEquals(groupsOf(again), ["b,c,d", "e,f"]);
  assertEquals(again.map(({ attempts }) => attempts), [1, 1, 1, 1, 1]);
  assert(again.every(({ isDoubtful }) => isDoubtful), "they have to be reported first");
});

batchTests.add("a batch is cut at its gaps, and between streams", async (use) => {
  await use.create("rows-1", "rows-2");
  await use.publisher("rows-1").store("a", "b", "c", "d", "e");
  await use.publisher("rows-2", "other").store("x", "y");
  const follower = open(use, /^rows/);
  await follower.received(7);
  const tagOf = (text: string) => follower.sink.texts.indexOf(text) + 1;
  await follower.ack(tagOf("b"));
  const ranges = ["a", "c", "d", "e", "x", "y"].map((text) => ({
    firstTag: tagOf(text),
    count: 1,
  }));
  follower.port.beginBatch(ranges);
  await follower.port.nack(ranges, { reason: "", isTogether: true }, true);
  await follower.received(13);
  const groups = groupsOf(follower.sink.messages.slice(7)).toSorted();
  const half = tagOf("a") < tagOf("x") ? ["a", "c,d", "e", "x,y"] : ["a", "c,d,e", "x,y"];
  assertEquals(groups, half);
});

batchTests.add(
  "what is settled in a batch is settled; the rest comes back in halves",
  async (use) => {
    await use.createWith("rows", { backoffMs: [0] });
    await use.publisher("rows").store(...upTo(6).map((number) => `${number}`));
    const first = open(use);
    await first.received(6);
    first.port.beginBatch([{ firstTag: 1, count: 6 }]);
    await first.ack(1, 6);
    await first.reject([2], "bad row");
    first.port.close();
    const next = open(use);
    await next.received(3);
    assertEquals(groupsOf(next.sink.messages), ["3,4", "5"]);
    next.port.beginBatch([{ firstTag: 1, count: 2 }]);
    await next.nack([1], { reason: "this one" });
    await next.received(4);
    assertEquals((await next.received(4)).at(-1), "rows:3×2 3");
    assertEquals(next.sink.messages.at(-1)!.isSuspect, false);
  },
);

batchTests.add("a batch of one is no batch: its message pays", async (use) => {
  await use.createWith("rows", { maxDeliveries: 5, backoffMs: [0] });
  await use.publisher("rows").store("a", "b");
  const first = open(use);
  await first.received(2);
  first.port.beginBatch([{ firstTag: 1, count: 1 }]);
  first.port.close();
  const next = open(use);
  assertEquals((await next.received(2)).toSorted(), ["rows:1×2 a", "rows:2×1 b"]);
  await next.port.nack([{ firstTag: 2, count: 1 }], { reason: "", isTogether: true }, true);
  const tag = next.sink.messages[1]!.text === "b" ? "rows:2×2 b" : "rows:1×3 a";
  assertEquals((await next.received(3)).at(-1), tag);
});

batchTests.add("a half that nobody has seen stays a batch of its own", async (use) => {
  await use.create("rows");
  await use.publisher("rows").store("a", "b", "c", "d");
  const first = open(use);
  await first.received(4);
  first.port.beginBatch([{ firstTag: 1, count: 4 }]);
  first.port.close();
  const second = open(use);
  await second.received(4);
  second.port.release([{ firstTag: 1, count: 4 }]);
  second.port.close();
  const third = open(use);
  await third.received(4);
  assertEquals(groupsOf(third.sink.messages), ["a,b", "c,d"]);
  third.port.close();
  const fourth = open(use);
  await fourth.received(4);
  assertEquals(groupsOf(fourth.sink.messages), ["a,b", "c,d"]);
  assertEquals(fourth.sink.messages.map(({ attempts }) => attempts), [1, 1, 1, 1]);
});

batchTests.add("a batch may come back later, in halves all the same", async (use) => {
  await use.create("rows");
  await use.publisher("rows").store("a", "b", "c");
  const follower = open(use);
  await follower.received(3);
  const ranges = [{ firstTag: 1, count: 3 }];
  await follower.port.nack(ranges, { reason: "", isTogether: true, delayMs: 1000 }, true);
  await use.fence();
  assertEquals(follower.sink.messages.length, 3);
  use.advance(1000);
  await follower.received(6);
  assertEquals(groupsOf(follower.sink.messages.slice(3)), ["a,b", "c"]);
  assertEquals(follower.sink.messages.slice(3).map(({ attempts }) => attempts), [1, 1, 1]);
});

function open(use: EngineUse, bind: string | RegExp = "rows"): Following {
  return use.follower(bind, { name: "worker", reportsBegin: true });
}

/** The texts of deliveries that are batches of their own; others are left out. */
function groupsOf(messages: readonly ReceivedMessage[]): string[] {
  return split(messages).filter(([first]) => first!.isSuspect)
    .map((group) => group.map(({ text }) => text).join());
}

/** Divides messages into the deliveries that they came in; those that are no batches are joined. */
function split(messages: readonly ReceivedMessage[]): ReceivedMessage[][] {
  const groups: ReceivedMessage[][] = [];
  for (const message of messages) {
    const last = groups.at(-1)?.at(-1);
    const isNew = last === undefined || last.isSuspect !== message.isSuspect ||
      (message.isSuspect && message.isFirst);
    if (isNew) groups.push([message]);
    else groups.at(-1)!.push(message);
  }
  return groups;
}

/** Takes everything in batches, and fails those with one message. */
async function search(
  use: EngineUse,
  culprit: string,
  failure: (typeof FAILURES)[number],
): Promise<Search> {
  const found: Search = { sizes: [], attempts: new Map() };
  let follower = open(use);
  let seen = 0;
  for (let round = 0; round < 30; round++) {
    await use.fence();
    const batch = split(follower.sink.messages.slice(seen))[0];
    if (batch === undefined) {
      if ((await use.counts("rows"))[0] === 0) return found;
      use.advance(1000);
      continue;
    }
    const ranges: TagRange[] = batch.map(({ tag }) => ({ firstTag: tag, count: 1 }));
    follower.port.beginBatch(ranges);
    if (!batch.some(({ text }) => text === culprit)) {
      for (const { text, attempts } of batch) found.attempts.set(text, attempts);
      await follower.port.ack(ranges, true);
      seen += batch.length;
      continue;
    }
    found.sizes.push(batch.length);
    if (failure === "says so") {
      await follower.port.nack(ranges, { reason: "no", isTogether: true }, true);
      seen += batch.length;
    } else if (failure === "hangs") {
      use.advance(1000);
      // It does not come back to life.
      follower.port.close(seen + batch.length);
      follower = open(use);
      seen = 0;
    } else {
      follower.port.close();
      follower = open(use);
      seen = 0;
    }
  }
  throw new Error(`It goes on for ever: ${JSON.stringify(found.sizes)}`);
}
