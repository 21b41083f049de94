/**
 * What is there when a broker comes back, after an orderly end, a killed process and a power cut:
 * everything that was confirmed, as if nothing had been.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { LocalEngine } from "../../../../src/engine/local_engine.ts";
import { turn } from "../../../support/broker/broker.ts";
import { readState } from "../../../support/disk/journal_state.ts";
import { openJournal, type TestJournalOptions } from "../../../support/disk/journals.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { listSegments } from "../../../support/disk/small_journal.ts";
import { EngineUse, upTo } from "../../engine_use.ts";

/** How a broker may end. */
type End = "close" | "processKill" | "powerCut";

/** Each start begins a segment; so many there may be before what is in the oldest is moved. */
const SEGMENTS_MAX = 22;

/** The reserve takes up so much. */
const RESERVE_BYTES = 4096;

const ENDS: readonly End[] = ["close", "processKill", "powerCut"];

/** A broker that can end and come back. */
class Restarting {
  readonly disk: SimulatedDisk;
  readonly #options: TestJournalOptions;
  #engine: LocalEngine | undefined;
  #use: EngineUse | undefined;

  constructor(seed: number, options: TestJournalOptions = {}) {
    this.disk = new SimulatedDisk({ seed });
    this.#options = options;
  }

  get engine(): LocalEngine {
    return this.#engine!;
  }

  get use(): EngineUse {
    return this.#use!;
  }

  async begin(): Promise<EngineUse> {
    this.#engine = await openJournal(this.disk, { fail: () => {}, ...this.#options });
    return this.#use = new EngineUse(this.#engine);
  }

  async end(end: End): Promise<void> {
    if (end === "close") await this.engine.close();
    this.disk[end === "close" ? "processKill" : end]();
    // What the dead broker was about to do fails.
    await turn();
  }

  async restart(end: End): Promise<EngineUse> {
    await this.end(end);
    return await this.begin();
  }
}

/** Registers a test for each way to end, with everything in memory and nothing in memory. */
function test(what: string, run: (broker: Restarting, end: End) => Promise<void>): void {
  for (const end of ENDS) {
    Deno.test(`restart, ${end}: ${what}`, async () => {
      for (const memoryLimit of [1, 64 * 1024 * 1024]) {
        for (let seed = 1; seed <= (end === "powerCut" ? 5 : 1); seed++) {
          const broker = new Restarting(seed, { memoryLimit });
          await broker.begin();
          await run(broker, end);
          await broker.end("close");
        }
      }
    });
  }
}

// Streams and messages.

test(
  "streams are there, with their counts, and those that were deleted are not",
  async (broker, end) => {
    const { use } = broker;
    await use.create("b", "a", "c");
    await use.engine.deleteStream("b");
    await use.publisher("a").store("one", "two");
    const again = await broker.restart(end);
    const streams = await again.engine.getStreams();
    assertEquals(streams.map(({ name, ready, bytes, nextId }) => [name, ready, bytes, nextId]), [
      ["a", 2, 22, 3],
      ["c", 0, 0, 1],
    ]);
    assertEquals(await again.engine.createStream("a"), false);
    assertEquals(await again.engine.createStream("b"), true);
  },
);

test(
  "messages come in order, byte for byte, and those that come later behind them",
  async (broker, end) => {
    await broker.use.create("a");
    const texts = ["one", "", "ümlaut \u{1f600}", "x".repeat(100_000), "five"];
    await broker.use.publisher("a").store(...texts.slice(0, 3));
    await broker.use.publisher("a", "other").store(...texts.slice(3));
    const use = await broker.restart(end);
    await use.publisher("a", "third").store("six");
    const follower = use.follower("a");
    const expected = [...texts, "six"].map((text, index) => `a:${index + 1}×1 ${text}`);
    assertEquals(await follower.received(6), expected);
  },
);

test("ids go on, also when all messages are gone and their segments, too", async (broker, end) => {
  const { use } = broker;
  await use.create("a");
  await use.publisher("a").store("one", "two", "three");
  const follower = use.follower("a");
  await follower.received(3);
  await follower.ack(1, 2, 3);
  follower.port.close();
  for (let round = 1; round <= 3; round++) {
    const use = await broker.restart(end);
    await use.publisher("a", `${round}`).store("next");
    const follower = use.follower("a");
    assertEquals(await follower.received(1), [`a:${round + 3}×1 next`]);
    await follower.ack(1);
    follower.port.close();
    broker.engine.tend(1e6 * round);
    await turn();
  }
});

test(
  "what was acknowledged with a confirm stays gone, one by one or in ranges",
  async (broker, end) => {
    const { use } = broker;
    await use.create("a");
    const texts = upTo(20).map((id) => `text ${id}`);
    await use.publisher("a").store(...texts);
    const follower = use.follower("a");
    await follower.received(20);
    await follower.ack(3);
    await follower.port.ack([{ firstTag: 5, count: 6 }, { firstTag: 19, count: 2 }], true);
    const left = [1, 2, 4, 11, 12, 13, 14, 15, 16, 17, 18];
    for (let round = 0; round < 2; round++) {
      const use = await broker.restart(end);
      const { served } = await readState(use.engine);
      assertEquals(served.a!.map((message) => message.replace(/×\d/, "")), [
        "next 21",
        ...left.map((id) => `${id} text ${id}`),
      ]);
    }
  },
);

test(
  "a stream that was deleted and made again under its name is empty and counts from 1",
  async (broker, end) => {
    const { use } = broker;
    await use.create("a");
    await use.publisher("a").store("old", "old");
    await use.engine.deleteStream("a");
    await use.create("a");
    await use.publisher("a", "other").store("new");
    let state = await readState((await broker.restart(end)).engine);
    assertEquals(state.served, { a: ["next 2", "1×1 new"] });
    await broker.engine.deleteStream("a");
    state = await readState((await broker.restart(end)).engine);
    assertEquals(state.served, {});
  },
);

test("a regex publish is in all of its streams, or in none", async (broker, end) => {
  const { use } = broker;
  await use.create("a1", "a2", "b", "a3");
  const publisher = use.publisher(/^a/, "all");
  await publisher.store("sure");
  // Nobody waits for this one.
  publisher.send("may be lost");
  const { served } = await readState((await broker.restart(end)).engine);
  const [one, ...others] = [served.a1, served.a2, served.a3];
  for (const other of others) assertEquals(other, one);
  assert(one!.includes("1×1 sure"));
  assertEquals(served.b, ["next 1"]);
});

// Publishers.

test(
  "a batch that is sent again is a duplicate, and tells where it was stored",
  async (broker, end) => {
    const { use } = broker;
    await use.create("a", "ab");
    const publisher = use.publisher(/^a/, "me");
    await publisher.store("one", "two");
    await publisher.store("three");
    for (let round = 0; round < 3; round++) {
      const again = (await broker.restart(end)).publisher(/^a/, "me");
      again.sendAs(1, "one", "two");
      again.sendAs(3, "three");
      assertEquals(await again.outcomes(), ["a:1,ab:1 again", "a:3,ab:3 again"]);
      again.port.lose();
    }
    const again = broker.use.publisher(/^a/, "me");
    again.sendAs(4, "four");
    assertEquals(await again.outcomes(), ["a:4,ab:4"]);
    assertEquals(await broker.use.counts("a"), [4, 0, 0]);
  },
);

test("another publisher's numbers are its own", async (broker, end) => {
  await broker.use.create("a");
  await broker.use.publisher("a", "me").store("one", "two");
  const other = (await broker.restart(end)).publisher("a", "you");
  other.sendAs(1, "yours");
  assertEquals(await other.outcomes(), ["a:3"]);
});

test("a publisher that has ended is forgotten", async (broker, end) => {
  const { use } = broker;
  await use.create("a");
  const publisher = use.publisher("a", "me");
  await publisher.store("one");
  publisher.port.close();
  // Whatever is confirmed later comes after that.
  await use.publisher("a", "you").store("two");
  const again = (await broker.restart(end)).publisher("a", "me");
  again.sendAs(1, "another");
  assertEquals(await again.outcomes(), ["a:3"]);
});

test(
  "a batch that was refused before is no duplicate, also between others",
  async (broker, end) => {
    const { use } = broker;
    await use.create("a");
    const publisher = use.publisher("a", "me");
    publisher.sendAs(1, "one");
    await publisher.outcomes();
    await use.engine.deleteStream("a");
    publisher.sendAs(2, "two");
    assertEquals((await publisher.outcomes()).at(-1), "STREAM_NOT_FOUND");
    await use.create("a");
    publisher.sendAs(3, "three");
    publisher.sendAs(4, "four");
    assertEquals((await publisher.outcomes()).slice(2), ["a:1", "a:2"]);
    await use.engine.deleteStream("a");
    publisher.sendAs(5, "five");
    assertEquals((await publisher.outcomes()).at(-1), "STREAM_NOT_FOUND");
    await use.create("a");
    const again = (await broker.restart(end)).publisher("a", "me");
    for (const [index, text] of ["two", "three", "four", "five", "six"].entries()) {
      again.sendAs(index + 2, text);
    }
    const outcomes = await again.outcomes();
    assertEquals(outcomes[0], "a:1");
    for (const outcome of outcomes.slice(1, 3)) assert(outcome.endsWith(" again"), outcome);
    assertEquals(outcomes.slice(3), ["a:2", "a:3"]);
  },
);

// Attempts.

test(
  "of what a follower held its oldest message was tried, and what it had begun",
  async (broker, end) => {
    const { use } = broker;
    await use.create("a");
    await use.publisher("a").store("one", "two", "three", "four");
    const follower = use.follower("a");
    await follower.received(4);
    follower.port.begin([{ firstTag: 3, count: 1 }]);
    // Whatever is confirmed later comes after that.
    await use.create("b");
    const received = await (await broker.restart(end)).follower("a").received(4);
    assertEquals(received, ["a:1×2 one", "a:2×1 two", "a:3×2 three", "a:4×1 four"]);
  },
);

test("attempts add up, and what was given back untouched does not count", async (broker, end) => {
  await broker.use.create("a");
  await broker.use.publisher("a").store("one", "two");
  for (let round = 1; round <= 4; round++) {
    const follower = broker.use.follower("a");
    assertEquals(await follower.received(2), [`a:1×${round} one`, "a:2×1 two"]);
    await turn();
    follower.port.release([{ firstTag: 2, count: 1 }]);
    await broker.use.create(`fence-${round}`);
    await broker.restart(end);
  }
  const follower = broker.use.follower("a");
  await follower.received(2);
  follower.port.release([{ firstTag: 1, count: 1 }]);
  await turn();
  await broker.use.create("fence");
  const use = await broker.restart(end);
  const received = await use.follower("a").received(2);
  assertEquals(received[0], "a:1×5 one");
});

test("nobody holds anything, and all that was held is ready", async (broker, end) => {
  const { use } = broker;
  await use.create("a");
  await use.publisher("a").store(...upTo(10).map(String));
  const follower = use.follower("a", { messages: 4 });
  await follower.received(4);
  assertEquals(await use.counts("a"), [6, 4, 1]);
  const again = await broker.restart(end);
  assertEquals(await again.counts("a"), [10, 0, 0]);
  assertEquals(await again.engine.getPels(), []);
});

// Many times.

test(
  "restarts in a row do not pile up files, whether something happens between them or not",
  async (broker, end) => {
    await broker.use.create("a");
    await broker.use.publisher("a").store("stays");
    for (let round = 1; round <= 50; round++) {
      const use = await broker.restart(end);
      if (round % 2 === 0) {
        await use.publisher("a", `${round}`).store("goes");
        const follower = use.follower("a");
        await follower.received(2);
        await follower.ack(2);
        follower.port.close(0);
      }
      await turn();
      broker.engine.tend(1e6 * round);
      await turn();
    }
    // What a power cut has torn is kept, for a person to look at.
    const names = broker.disk.list().map(({ name }) => name).filter((name) => !/torn/.test(name));
    assertLessOrEqual(names.length, SEGMENTS_MAX + 1, names.join());
    const { served } = await readState(broker.engine);
    assertEquals(served.a, ["next 27", "1×1 stays"]);
  },
);

for (const end of ENDS) {
  Deno.test(`restart, ${end}: an empty journal stays one small file`, async () => {
    const broker = new Restarting(1);
    await broker.begin();
    for (let round = 1; round <= 10; round++) await broker.restart(end);
    assertLessOrEqual(listSegments(broker.disk).length, 2);
    const bytes = broker.disk.list().reduce((sum, { size }) => sum + size, 0);
    assertLessOrEqual(bytes, RESERVE_BYTES + 2000);
  });
}

Deno.test("restart: without an answer nothing is sure, but each thing is whole or not there", async () => {
  const found = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const broker = new Restarting(seed);
    const use = await broker.begin();
    await use.create("a");
    const publisher = use.publisher("a");
    publisher.send("one", "two");
    for (let steps = seed % 12; steps > 0; steps--) await undefined;
    const isConfirmed = publisher.sink.outcomes.length > 0;
    const { served } = await readState((await broker.restart("powerCut")).engine);
    const texts = served.a!.slice(1).join();
    if (isConfirmed) assertEquals(texts, "1×1 one,2×1 two", `seed ${seed}`);
    found.add(texts);
  }
  assertEquals([...found].sort(), ["", "1×1 one,2×1 two"]);
});
