import { assert, assertEquals, assertRejects } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import type { Engine } from "../../../src/broker/engine.ts";
import { Permissions } from "../../../src/server/access/permissions.ts";
import { openDeferredEngine } from "../../support/broker/deferred_engine.ts";
import { assertCodeLater } from "../../support/wire/frames.ts";
import { GuardedUse } from "./guarded_use.ts";

Deno.test("streams of a user are limited, however many are created at once", async () => {
  const engine = await openDeferredEngine({ now: () => 1_700_000_000_000 });
  const all = new GuardedUse(engine);
  await all.bare.create("mine-0", "theirs-0");
  const user = all.user({ manage: ["mine-*"] }, { streams: 10 });
  const sessions = [all.session(user), all.session(user)];
  const names = Array.from({ length: 100 }, (_, index) => `mine-${index}`);
  const outcomes = await Promise.allSettled(
    names.map((name, index) => sessions[index % 2]!.guarded.createStream(name)),
  );
  assertEquals(outcomes.filter(({ status }) => status === "fulfilled").length, 10);
  assertEquals((await engine.getStreams()).length, 11);
  const [one] = sessions;
  const error = await assertRejects(
    () => one!.guarded.createStream("mine-200"),
    BrokerError,
    'Cannot create stream "mine-200": user "app" may manage 10 streams, limit is 10',
  );
  assertEquals([error.code, error.details], ["LIMIT_REACHED", { depth: 10, limit: 10 }]);
  assertEquals(await one!.guarded.createStream("mine-3"), false, "it is there");
  await assertCodeLater("FORBIDDEN", () => one!.guarded.createStream("theirs-1"));
  await one!.guarded.deleteStream("mine-3");
  assertEquals(await one!.guarded.createStream("mine-200"), true);
  await assertCodeLater("LIMIT_REACHED", () => one!.guarded.createStream("mine-201"));
  user.limits = {};
  assertEquals(await one!.guarded.createStream("mine-201"), true);
  await engine.close();
});

Deno.test("a limit counts the streams that the permissions in force match", async () => {
  const all = new GuardedUse();
  await all.bare.create("a-1", "a-2", "b-1");
  const user = all.user({ manage: ["a-*"] }, { streams: 2 });
  const { guarded } = all.session(user);
  await assertCodeLater("LIMIT_REACHED", () => guarded.createStream("a-3"));
  user.permissions = new Permissions({ manage: ["b-*"] });
  guarded.reconsider();
  assertEquals(await guarded.createStream("b-2"), true);
  await assertCodeLater("LIMIT_REACHED", () => guarded.createStream("b-3"));
});

Deno.test("stored bytes of a user are limited, over all its sessions and batches under way", async () => {
  let now = 0;
  const engine = await openDeferredEngine({ now: () => now });
  const all = new GuardedUse(engine);
  await all.bare.create("mine", "mine-2", "theirs");
  await all.bare.publisher("theirs", "t").store(1000);
  await all.bare.publisher("mine", "t2").store(1);
  const { bytes: head } = await engine.getStream("mine");
  const user = all.user({ publish: ["mine*"] }, { storedBytes: 100 * (head + 99) + head });
  const sessions = [all.session(user), all.session(user)];
  const publishers = sessions.map(({ use }, index) => use.publisher("mine", `${index}`));
  for (let count = 0; count < 150; count++) publishers[count % 2]!.send(100);
  const outcomes = (await Promise.all(publishers.map((one) => one.outcomes()))).flat();
  const stored = outcomes.filter((outcome) => outcome.startsWith("mine")).length;
  assertEquals([stored, outcomes.filter((outcome) => outcome === "LIMIT_REACHED").length], [
    100,
    50,
  ]);
  const { bytes } = await engine.getStream("mine");
  assertEquals(bytes, 100 * (head + 99) + head, "exactly as much as allowed");
  const [{ message, details }] = publishers[0]!.sink.errors as [BrokerError];
  assertEquals(details, { what: "bytes", depth: bytes, limit: bytes });
  assertEquals(
    message,
    `Cannot publish ${
      head + 99
    } bytes: the streams of user "app" hold ${bytes} bytes, limit is ${bytes}`,
  );
  // What is taken out makes room, a tenth of a second later.
  await engine.purgeStream("mine");
  for (const publisher of publishers) publisher.settled = publisher.nextSequence;
  now += 100;
  all.clock.now += 100;
  await publishers[0]!.store(100);
  await engine.close();
});

Deno.test("dead letters count as stored bytes of who may publish to their stream", async () => {
  const all = new GuardedUse();
  await all.bare.create("mine");
  const user = all.user({ publish: ["mi*"], follow: ["mine"] }, { storedBytes: 1000 });
  const { use } = all.session(user);
  const publisher = use.publisher("mine", "p");
  const follower = use.follower("mine");
  let stored = 0;
  for (let tag = 1; tag < 20; tag++) {
    publisher.send(100);
    all.clock.now += 100;
    if ((await publisher.outcomes()).at(-1) === "LIMIT_REACHED") break;
    stored++;
    await follower.received(tag);
    await follower.reject([tag]);
  }
  assertEquals((await all.bare.engine.getStream("mine.dead")).ready, stored);
  assert(stored >= 3 && stored < 10, `${stored} were stored`);
});

Deno.test("the sum of stored bytes is made ten times a second, not for each batch", async () => {
  const all = new GuardedUse();
  await all.bare.create("mine");
  let sums = 0;
  let openWatches = 0;
  const { engine } = all.bare;
  const counted: Pick<Engine, "watchStreams"> = {
    watchStreams(filter) {
      const watch = engine.watchStreams(filter);
      openWatches++;
      return {
        prepare: (steps) => watch.prepare(steps),
        get count() {
          return watch.count;
        },
        get bytes() {
          sums++;
          return watch.bytes;
        },
        close() {
          openWatches--;
          watch.close();
        },
      };
    },
  };
  all.bare.engine = new Proxy(engine, {
    get(target, key) {
      if (key === "watchStreams") return counted.watchStreams;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const user = all.user({ publish: ["mine"], manage: ["mine"] }, { storedBytes: 1e9, streams: 5 });
  const sessions = [all.session(user), all.session(user)];
  const publishers = sessions.map(({ use }, index) => use.publisher("mine", `${index}`));
  for (let round = 0; round < 10; round++) {
    for (let count = 0; count < 100; count++) publishers[count % 2]!.send("x");
    all.clock.now += 50;
  }
  await Promise.all(publishers.map((publisher) => publisher.outcomes()));
  assertEquals(sums, 5);
  await sessions[0]!.guarded.createStream("mine");
  sessions[0]!.guarded.end();
  assert(openWatches > 0, "the other session uses them");
  sessions[1]!.guarded.end();
  assertEquals(openWatches, 0);
});

Deno.test("a limit that comes or goes later holds for open publishers, too", async () => {
  const all = new GuardedUse();
  await all.bare.create("mine");
  const user = all.user({ publish: ["*"] });
  const { guarded, use } = all.session(user);
  const publisher = use.publisher("mine", "p");
  await publisher.store(100);
  user.limits = { storedBytes: 50 };
  guarded.reconsider();
  publisher.send(1);
  user.limits = {};
  guarded.reconsider();
  publisher.settled = publisher.nextSequence;
  publisher.send(1);
  assertEquals((await publisher.outcomes()).slice(1), ["LIMIT_REACHED", "mine:2"]);
});

Deno.test("the streams that count are searched step by step before a member is opened", async () => {
  const all = new GuardedUse();
  const names = Array.from({ length: 500 }, (_, index) => `s-${index}`);
  await all.bare.create(...names);
  const user = all.user({ publish: ["s-*"], manage: ["s*"] }, { storedBytes: 1e9, streams: 1000 });
  const { guarded } = all.session(user);
  const bind = { routeString: "s-1", bindType: "direct", ignoreCase: false } as const;
  for (
    const prepare of [
      () => guarded.prepare({ kind: "publisher", bind }, 20),
      () => guarded.prepareStream("s-x", 20),
    ]
  ) {
    let turns = 0;
    while (!prepare()) turns++;
    assert(turns >= 20, `${turns} turns`);
  }
  const before = guarded.steps;
  assertEquals(await guarded.createStream("s-x"), true);
  assert(guarded.steps - before < 100, "nothing is left to search");
});
