/**
 * What every engine does for members and lists of which only some streams are allowed.
 *
 * @module
 */

import { assert, assertEquals, assertGreaterOrEqual, assertStringIncludes } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import type { StreamFilter } from "../../../src/broker/engine.ts";
import { assertCode, assertCodeLater } from "../../support/wire/frames.ts";
import { EngineTests } from "../engine_tests.ts";
import { BYTES, type EngineUse, single } from "../engine_use.ts";

/** What an engine does with the streams that members may use. */
export const permitTests: EngineTests = new EngineTests();

/** What an engine shows of streams, followers and deliveries. */
export const viewTests: EngineTests = new EngineTests();

/** What an engine knows of owners after a restart. */
export const ownerRestartTests: EngineTests = new EngineTests();

/** Allows the names that begin with one of some texts. */
function beginning(...texts: readonly string[]): StreamFilter {
  const allows = (name: string) => texts.some((text) => name.startsWith(text));
  return { key: texts.join(), steps: 1, allows };
}

const forbidden = new BrokerError("FORBIDDEN", "Cannot do it: nobody may");

permitTests.add("a pattern finds allowed streams only, now and later", async (use) => {
  await use.create("a-1", "b-1");
  const filter = beginning("a");
  const publisher = use.publisher(/-/, "one", { filter });
  const follower = use.follower(/-/, { filter });
  const all = use.follower(/-/, { name: "all", messages: 0 });
  await publisher.store("early");
  await use.create("a-2", "b-2");
  await publisher.store("late");
  assertEquals(await publisher.outcomes(), ["a-1:1", "a-1:2,a-2:1"]);
  await use.publisher("b-2", "two").store("not for it");
  await use.fence();
  assertEquals((await follower.received(3)).sort(), [
    "a-1:1×1 early",
    "a-1:2×1 late",
    "a-2:1×1 late",
  ]);
  assertEquals(await use.counts("b-2"), [1, 0, 1], "only the follower of all");
  all.port.close();
});

permitTests.add(
  "members of one pattern with different filters have different streams",
  async (use) => {
    await use.create("a-1", "b-1");
    const publishers = ["a", "b", "c"].map((text) =>
      use.publisher(/-/, text, { filter: beginning(text) })
    );
    for (const publisher of publishers) publisher.send("x");
    const outcomes = await Promise.all(publishers.map((publisher) => publisher.outcomes()));
    assertEquals(outcomes, [["a-1:1"], ["b-1:1"], ["NO_MATCHING_STREAM"]]);
  },
);

permitTests.add(
  "a pattern with a filter is prepared step by step, and finds the same",
  async (use) => {
    const names = Array.from({ length: 300 }, (_, index) => `${index % 2 ? "a" : "b"}-${index}`);
    await use.create(...names);
    const { routeString } = { routeString: "-" };
    const bind = { routeString, bindType: "regex", ignoreCase: false } as const;
    const search = { kind: "follower", bind, filter: beginning("a") } as const;
    let turns = 0;
    while (!use.engine.prepare(search, 20)) {
      // Streams come and go meanwhile.
      if (turns++ === 5) {
        await use.engine.deleteStream("a-299");
        await use.create("a-300", "b-301");
      }
    }
    assert(turns > 10, `took ${turns} turns`);
    const follower = use.follower(/-/, { filter: search.filter });
    const counts = await use.engine.getStreams();
    const followed = counts.filter(({ followers }) => followers === 1).map(({ name }) => name);
    const wanted = [...names, "a-300"].filter((name) => name.startsWith("a") && name !== "a-299");
    assertEquals(followed, wanted.sort());
    follower.port.close();
  },
);

permitTests.add(
  "a follower loses the streams that are no longer allowed, and gets new ones",
  async (use) => {
    await use.create("a-1", "b-1", "c-1");
    for (const name of ["a-1", "b-1", "c-1"]) await use.publisher(name, name).store("1", "2");
    const follower = use.follower(/-/, { filter: beginning("a", "b"), reportsBegin: true });
    await follower.received(4);
    const begun = follower.sink.messages.find(({ stream, id }) => stream === "b-1" && id === 1)!;
    follower.port.begin([single(begun.tag)]);
    follower.port.setFilter(beginning("a", "c"), "no longer");
    assertEquals(follower.sink.revoked.length, 1);
    assertStringIncludes(follower.sink.revoked[0]!, "+2 no longer");
    assertEquals(follower.sink.deleted, [], "the stream is there");
    assertEquals((await follower.received(6)).slice(4), ["c-1:1×1 1", "c-1:2×1 2"]);
    const other = use.follower("b-1", { name: "other", reportsBegin: true });
    assertEquals((await other.received(2)).sort(), ["b-1:1×2 1", "b-1:2×1 2"]);
    await assertCodeLater("STALE_DELIVERY", () => follower.ack(begun.tag));
    assertEquals(await use.counts("b-1"), [0, 2, 1]);
    // What it still holds is its own.
    const kept = follower.sink.messages.filter(({ stream }) => stream === "a-1").map(({ tag }) =>
      tag
    );
    await follower.ack(...kept);
    assertEquals(await use.counts("a-1"), [0, 0, 1]);
    await use.create("b-2", "c-2");
    assertEquals(await use.counts("b-2"), [0, 0, 0]);
    assertEquals(await use.counts("c-2"), [0, 0, 1]);
  },
);

permitTests.add("all streams may become allowed, and none", async (use) => {
  await use.create("a-1", "b-1");
  await use.publisher(/-/, "one").store("x");
  const follower = use.follower(/-/, { filter: beginning("a") });
  await follower.received(1);
  follower.port.setFilter(undefined, "");
  await follower.received(2);
  assertEquals(follower.sink.revoked, []);
  follower.port.setFilter(beginning("z"), "none");
  assertEquals(follower.sink.revoked, ["1+2 none"]);
  assertEquals([await use.counts("a-1"), await use.counts("b-1")], [[1, 0, 0], [1, 0, 0]]);
});

permitTests.add("a filter of a direct bind changes nothing", async (use) => {
  await use.create("b-1");
  const follower = use.follower("b-1", { filter: beginning("a") });
  follower.port.setFilter(beginning("c"), "no");
  const publisher = use.publisher("b-1", "one", { filter: beginning("a") });
  publisher.port.setFilter(beginning("c"));
  await publisher.store("x");
  assertEquals(await follower.received(1), ["b-1:1×1 x"]);
});

permitTests.add(
  "a forbidden follower is closed, and others get its messages at once",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders").store("begun", "fetched");
    const follower = use.follower("orders", { reportsBegin: true });
    await follower.received(2);
    follower.port.begin([single(1)]);
    follower.port.forbid(forbidden);
    assertEquals(follower.sink.revoked, [`1+2 ${forbidden.message}`]);
    assertEquals(follower.sink.ends, [forbidden]);
    const other = use.follower("orders", { name: "other" });
    assertEquals((await other.received(2)).sort(), ["orders:1×2 begun", "orders:2×1 fetched"]);
    await assertCodeLater("STALE_DELIVERY", () => follower.ack(1));
    // Neither its end nor more credit brings anything back.
    follower.port.setCredit(100, BYTES);
    follower.port.forbid(forbidden);
    follower.port.close(2);
    assertEquals(follower.sink.ends.length, 1);
    assertEquals(await use.counts("orders"), [0, 2, 1]);
  },
);

permitTests.add("what ran out cannot be acknowledged by a forbidden follower", async (use) => {
  await use.createWith("orders", { ackTimeoutMs: 1000 });
  await use.publisher("orders").store("a");
  const follower = use.follower("orders");
  await follower.received(1);
  use.advance(1000);
  follower.port.forbid(forbidden);
  await assertCodeLater("STALE_DELIVERY", () => follower.ack(1));
  assertEquals((await use.look("orders")).length, 1);
});

permitTests.add(
  "a forbidden publisher has its outcomes first, and then every batch refused",
  async (use) => {
    await use.create("orders");
    for (const [index, bind] of ["orders", /orders/].entries()) {
      const publisher = use.publisher(bind, `${index}`);
      let answeredCount = 0;
      publisher.sink.end = (error) => {
        answeredCount = publisher.sink.outcomes.length;
        publisher.sink.ends.push(error);
      };
      publisher.send("under way");
      publisher.port.forbid(forbidden);
      publisher.send("late");
      assertEquals((await publisher.outcomes()).map((outcome) => outcome.replace(/:.*/, "")), [
        "orders",
        "FORBIDDEN",
      ]);
      await use.fence();
      assertEquals(publisher.sink.ends, [forbidden]);
      assertGreaterOrEqual(answeredCount, 1, "the end comes behind the answers");
      publisher.port.close();
    }
  },
);

permitTests.add("members say when they are closed or lost, once", async (use) => {
  await use.create("orders");
  const ends: string[] = [];
  const ended = (what: string) => () => void ends.push(what);
  use.publisher("orders", "1", { ended: ended("closed") }).port.close();
  use.publisher("orders", "2", { ended: ended("lost") }).port.lose();
  const bind = { routeString: "orders", bindType: "direct", ignoreCase: false } as const;
  const init = { name: "f", bind, messages: 1, bytes: 1, ended: ended("follower") };
  const { sink } = use.follower("orders");
  const follower = use.engine.openFollower(init, sink);
  follower.close();
  follower.close();
  assertEquals(ends, ["closed", "lost", "follower"]);
});

permitTests.add(
  "a publisher stores what its allowance allows, and nothing overtakes",
  async (use) => {
    await use.create("a", "b");
    const taken: number[] = [];
    let isOver = false;
    const take = (bytes: number) => {
      taken.push(bytes);
      return isOver ? new BrokerError("LIMIT_REACHED", "Cannot publish: enough") : undefined;
    };
    const publisher = use.publisher(/^[ab]$/, "one");
    publisher.port.setAllowance({ take });
    await publisher.store("one");
    const { bytes } = await use.engine.getStream("a");
    assertEquals(taken, [2 * bytes], "each stream counts");
    isOver = true;
    publisher.send("two");
    isOver = false;
    publisher.send("sent before it knew");
    publisher.settled = publisher.nextSequence;
    publisher.send("three");
    publisher.port.setAllowance(undefined);
    publisher.send("four");
    const outcomes = await publisher.outcomes();
    assertEquals(outcomes, ["a:1,b:1", "LIMIT_REACHED", "LIMIT_REACHED", "a:2,b:2", "a:3,b:3"]);
  },
);

permitTests.add("a publisher's identity is its first user's", async (use) => {
  await use.create("orders");
  const mine = use.publisher("orders", "id", { owner: "one" });
  await mine.store("x");
  const open = (owner?: string) => use.publisher("orders", "id", { owner });
  assertCode("FORBIDDEN", () => open("two"));
  mine.port.lose();
  assertCode("FORBIDDEN", () => open("two"));
  const again = open("one");
  again.sendAs(1, "x");
  assertEquals(await again.outcomes(), ["orders:1 again"]);
  // Without users everybody may do everything.
  open(undefined).port.lose();
  assertCode("FORBIDDEN", () => open("two"));
  again.port.close();
  open("two").port.close();
});

permitTests.add("an identity from before there were users is its next user's", async (use) => {
  await use.create("orders");
  const before = use.publisher("orders", "id");
  await before.store("x");
  before.port.lose();
  const mine = use.publisher("orders", "id", { owner: "one" });
  mine.sendAs(1, "x");
  assertEquals(await mine.outcomes(), ["orders:1 again"]);
  assertCode("FORBIDDEN", () => use.publisher("orders", "id", { owner: "two" }));
});

ownerRestartTests.add(
  "a publisher's identity is its first user's after restarts, too",
  async (use) => {
    await use.create("orders");
    await use.publisher("orders", "mine", { owner: "one" }).store("x");
    await use.publisher("orders", "before").store("y");
    await use.restart();
    use.publisher("orders", "before", { owner: "one" }).port.lose();
    for (let round = 0; round < 2; round++) {
      for (const identity of ["mine", "before"]) {
        assertCode("FORBIDDEN", () => use.publisher("orders", identity, { owner: "two" }));
        const again = use.publisher("orders", identity, { owner: "one" });
        again.sendAs(1, "x");
        const [outcome] = await again.outcomes();
        assertStringIncludes(outcome!, "again");
        again.port.lose();
      }
      await use.restart();
    }
  },
);

viewTests.add("lists of streams have the allowed ones, page by page", async (use) => {
  const names = Array.from({ length: 700 }, (_, index) => `${index % 10 ? "b" : "a"}-${index}`);
  await use.create(...names);
  const costly = { ...beginning("a"), steps: 100 };
  const found: string[] = [];
  let pages = 0;
  for (let after: number | undefined = 0; after !== undefined; pages++) {
    const { items, next }: { items: readonly { name: string }[]; next?: number } = await use.engine
      .listStreams(after, costly);
    found.push(...items.map(({ name }) => name));
    after = next;
  }
  const wanted = names.filter((name) => name.startsWith("a"));
  assertEquals(found, wanted);
  assert(pages > 10, `a page has few steps, found ${pages} pages`);
  const sorted = (await use.engine.getStreams(beginning("a"))).map(({ name }) => name);
  assertEquals(sorted, wanted.sort());
});

/** Two followers of one name and one of another, with deliveries of two streams. */
async function hold(use: EngineUse): Promise<void> {
  await use.create("a", "b");
  const both = use.follower(/^[ab]$/, { name: "both", owner: "one" });
  await use.publisher(/^[ab]$/, "p").store("1", "2");
  await both.received(4);
  use.follower("b", { name: "idle", owner: "two" });
}

viewTests.add("pending entry lists have the entries of allowed streams only", async (use) => {
  await hold(use);
  const view = { filter: beginning("a"), owner: "nobody" };
  const lists = await use.engine.getPels(view);
  assertEquals(lists.map(({ follower, count }) => [follower, count]), [["both", 2]]);
  assertEquals(lists[0]!.entries.map(({ stream, id }) => `${stream}:${id}`), ["a:1", "a:2"]);
  assertEquals((await use.engine.listPels(0, undefined, view)).items, lists);
  assertEquals((await use.engine.getPel("both", view)).length, 2);
  await assertCodeLater("FOLLOWER_NOT_FOUND", () => use.engine.getPel("idle", view));
  await assertCodeLater("FOLLOWER_NOT_FOUND", () => use.engine.listPels(0, "idle", view));
  await assertCodeLater("FOLLOWER_NOT_FOUND", () => use.engine.releasePel("idle", view));
  // A user sees the user's own followers, and those of an allowed stream, without entries, too.
  const own = { filter: beginning("z"), owner: "two" };
  assertEquals(await use.engine.getPels(own), [{ follower: "idle", count: 0, entries: [] }]);
  const stream = { filter: beginning("b"), owner: "nobody" };
  const seen = await use.engine.getPels(stream);
  assertEquals(seen.map(({ follower, count }) => [follower, count]), [["both", 2], ["idle", 0]]);
});

viewTests.add("only deliveries of allowed streams are taken back", async (use) => {
  await hold(use);
  const view = { filter: beginning("b"), owner: "nobody" };
  assertEquals(await use.engine.releasePel("both", view), 2);
  const pel = await use.engine.getPel("both");
  assertEquals(pel.filter(({ stream }) => stream === "a").length, 2);
});

viewTests.add("an explanation names no stream that is not allowed", async (use) => {
  await use.create("a", "secret");
  const follower = use.follower(/^(a|secret)$/, { name: "busy", messages: 1 });
  await use.publisher("secret", "1").store("x");
  await follower.received(1);
  await use.publisher("a", "2").store("x");
  await use.fence();
  assertStringIncludes((await use.engine.explain("a")).join(" "), "secret");
  const sentences = (await use.engine.explain("a", beginning("a"))).join(" ");
  assert(!sentences.includes("secret"), sentences);
  assertStringIncludes(sentences, 'Follower "busy" holds as much as it may');
  assertEquals(await use.engine.explain("a", beginning("a", "s")), await use.engine.explain("a"));
});

viewTests.add("the streams that a filter allows are counted, with their bytes", async (use) => {
  await use.create("a-1", "a-2", "b");
  const watch = use.engine.watchStreams(beginning("a"));
  while (!watch.prepare(1)) assert(true);
  assertEquals([watch.count, watch.bytes], [2, 0]);
  await use.create("a-3", "a-4.dead", "b-2");
  await use.publisher(/^[ab]/, "p").store("x", "y");
  const { bytes } = await use.engine.getStream("a-1");
  assertEquals([watch.count, watch.bytes], [4, 3 * bytes]);
  await use.engine.deleteStream("a-1");
  assertEquals([watch.count, watch.bytes], [3, 2 * bytes]);
  watch.close();
  watch.close();
});
