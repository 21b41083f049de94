/**
 * The figures of the page: long lists in slices, rates, histories, and a feed that is made once for all.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Histogram } from "../../../../src/broker/collections/histogram.ts";
import { createMemoryEngine } from "../../../../src/engine/memory.ts";
import { Permissions } from "../../../../src/server/access/permissions.ts";
import { User } from "../../../../src/server/access/user.ts";
import { HttpProblem } from "../../../../src/server/http/http_problem.ts";
import { History, HISTORY_LENGTH } from "../../../../src/server/http/page/figures/history.ts";
import { LiveFeed } from "../../../../src/server/http/page/figures/live_feed.ts";
import { QuantileReader } from "../../../../src/server/http/page/figures/quantile.ts";
import { Snapshots } from "../../../../src/server/http/figures/snapshots.ts";
import { SortedRows } from "../../../../src/server/http/figures/sorted_rows.ts";
import { StreamFigures } from "../../../../src/server/http/page/figures/stream_figures.ts";
import { STREAM_COLUMNS } from "../../../../src/server/http/page/figures/stream_rows.ts";
import { TimeSlices } from "../../../../src/server/http/figures/time_slices.ts";
import { EngineUse } from "../../../engine/engine_use.ts";
import { Random } from "../../../support/random.ts";

/** Counts the turns of timers while something is done. */
async function countTurns<Result>(work: Promise<Result>): Promise<[Result, number]> {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  try {
    const result = await work;
    return [result, turns];
  } finally {
    clearInterval(timer);
  }
}

Deno.test("ten thousand streams are listed in slices, once for all who ask, and sorted as told", async () => {
  const engine = createMemoryEngine({ memoryLimit: 1e9, now: () => 0 });
  const use = new EngineUse(engine);
  const names = Array.from({ length: 10_000 }, (_, index) => `s${(index * 7919) % 10_000}`);
  for (const name of names) await engine.createStream(name);
  await use.publisher("s77", "1").store("one");
  const figures = new StreamFigures(engine, () => 0);
  const [[snapshot, other], turns] = await countTurns(
    Promise.all([figures.snapshots.get(), figures.snapshots.get()]),
  );
  assert(snapshot === other, "two lists were made");
  assertEquals(snapshot.rows.all.length, 10_000);
  assert(turns >= 2, `others had ${turns} turns`);
  const choose = (column: string, isDescending: boolean, offset: number) =>
    snapshot.rows.choose({
      column: STREAM_COLUMNS[column]!,
      isDescending,
      offset,
      limit: 3,
      isSeen: ({ name }) => name !== "s1",
      isWanted: ({ name }) => name.startsWith("s7"),
    });
  const byName = await choose("name", false, 1);
  const sorted = names.filter((name) => name !== "s1" && name.startsWith("s7")).sort();
  assertEquals([byName.total, byName.matched], [9999, sorted.length]);
  assertEquals(byName.rows.map(({ name }) => name), sorted.slice(1, 4));
  assertEquals((await choose("ready", true, 0)).rows[0]!.name, "s77");
  const user = new User("ann", new Permissions({ inspect: ["s77"] }));
  const [all, own] = [await figures.sum(undefined), await figures.sum(user)];
  assertEquals([all.streams, all.ready, own.streams, own.ready], [10_000, 1, 1, 1]);
  await engine.close();
});

Deno.test("nothing is listed each second unless somebody has looked within the last minutes", async () => {
  let now = 0;
  let lists = 0;
  const engine = createMemoryEngine({ memoryLimit: 1e9, now: () => now });
  const counted = new Proxy(engine, {
    get: (target, name) => {
      if (name === "listStreams") lists++;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const figures = new StreamFigures(counted, () => now);
  figures.tick(now);
  assertEquals(lists, 0);
  await figures.sum(undefined);
  now += 1000;
  figures.tick(now);
  assertEquals(lists, 2);
  now += 301_000;
  figures.tick(now);
  assertEquals(lists, 2);
  await engine.close();
});

Deno.test("however many look at something, one of them has a turn at a time, all in their order", async () => {
  let current = 0;
  const order: number[] = [];
  const work = async (number: number) => {
    const slices = new TimeSlices(0);
    for (let slice = 0; slice < 3; slice++) {
      await slices.next();
      order.push(number);
      // Nobody else has begun a slice in the turn of this one.
      const turn = ++current;
      await Promise.resolve();
      assertEquals(current, turn);
    }
  };
  await Promise.all([1, 2, 3].map(work));
  assertEquals(order, [1, 2, 3, 1, 2, 3, 1, 2, 3]);
});

Deno.test("rows are sorted as a simple sort does it, at random", async () => {
  for (let round = 0; round < 20; round++) {
    const random = new Random(round);
    const length = Math.floor(random.next() * 2000);
    const rows = Array.from({ length }, () => Math.floor(random.next() * 50));
    const chosen = await new SortedRows(rows).choose({
      column: (row) => row,
      isDescending: round % 2 === 0,
      offset: 0,
      limit: Infinity,
      isSeen: () => true,
      isWanted: () => true,
    });
    const wanted = rows.toSorted((one, other) => round % 2 === 0 ? other - one : one - other);
    assertEquals(chosen.rows, wanted);
  }
});

interface Item {
  readonly id: number;
  readonly bytes: number;
}

Deno.test("rates come from two looks a second apart, also beside rows that come and go", async () => {
  let now = 0;
  let items = [{ id: 1, bytes: 0 }, { id: 2, bytes: 0 }, { id: 3, bytes: 5 }];
  const snapshots = new Snapshots<Item, Item & { readonly rate: number | undefined }>({
    list: () => ({ items }),
    isSame: (raw, row) => raw.id === row.id,
    make: ({ id, bytes }, before, seconds) => ({
      id,
      bytes,
      rate: before && (bytes - before.bytes) / seconds,
    }),
    now: () => now,
  });
  const look = async () => (await snapshots.get()).rows.all.map(({ rate }) => rate);
  assertEquals(await look(), [undefined, undefined, undefined]);
  // A look soon after that is no measure of anything.
  now = 10;
  assertEquals(await look(), [undefined, undefined, undefined]);
  now = 2000;
  items = [{ id: 1, bytes: 199 }, { id: 3, bytes: 5 }, { id: 4, bytes: 9 }];
  assertEquals((await look()).map((rate) => rate && Math.round(rate)), [100, 0, undefined]);
  // After a long time the last look tells nothing about now.
  now = 60_000;
  assertEquals(await look(), [undefined, undefined, undefined]);
  snapshots.tick(130_000);
  assertEquals(snapshots.latest, undefined);
});

Deno.test("a history has six hundred points, the oldest first, and tells what it does not know", () => {
  const history = new History(["a", "b"]);
  for (let at = 1; at <= HISTORY_LENGTH + 5; at++) history.add(at, { a: at / 3, b: NaN });
  const { at, a, b, stepMs } = history.tell();
  assertEquals([at.length, at[0], at.at(-1), stepMs], [600, 6, 605, 1000]);
  assertEquals([(a as number[])[0], (a as number[])[1], (b as null[])[0]], [2, 2.333, null]);
});

Deno.test("quantiles are those of what came since the last look", () => {
  const histogram = new Histogram([1, 2, 4]);
  for (let count = 0; count < 100; count++) histogram.observe(0.5);
  const reader = new QuantileReader(histogram);
  assertEquals(reader.read([0.5]), [NaN]);
  for (let count = 0; count < 100; count++) histogram.observe(count < 50 ? 1.5 : 3);
  assertEquals(reader.read([0.25, 0.5, 0.75, 1]), [1.5, 2, 3, 4]);
  histogram.observe(1000);
  assertEquals(reader.read([0.5, 0.99]), [4, 4]);
  assertEquals(reader.read([0.5]), [NaN]);
});

const NEVER = new AbortController().signal;

Deno.test("a feed is made once for all who see the same, and a tab that does not read is dropped", async () => {
  let now = 0;
  const told: string[] = [];
  const feed = new LiveFeed((user) => {
    told.push(user.name);
    return Promise.resolve({ filler: "x".repeat(30_000) });
  }, () => now);
  const admins = ["ann", "bob"].map((name) => new User(name, new Permissions({ admin: true })));
  const eve = new User("eve", new Permissions({ inspect: ["a"] }));
  const tabs: Response[] = [];
  for (const user of [...admins, ...admins, eve]) {
    tabs.push(await feed.open({ user, signal: NEVER }));
  }
  const reading = tabs[0]!.body!.getReader();
  const readAll = async () => {
    while (!(await reading.read()).done);
  };
  const read = readAll();
  told.length = 0;
  const passSecond = async () => {
    now += 1000;
    feed.tick();
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
  };
  await passSecond();
  assertEquals([told, feed.count], [["ann", "eve"], 5]);
  // The others read nothing, and are gone after ten seconds in which they had no room.
  while (now < 15_000) await passSecond();
  assertEquals(feed.count, 1);
  await assertRejects(() => tabs[1]!.text(), Error, "The tab is closed");
  await reading.cancel();
  await read;
  assertEquals(feed.count, 0);
  feed.tick();
});

Deno.test("a user has a limited number of tabs, and a tab ends with its request", async () => {
  const feed = new LiveFeed(() => Promise.resolve({}), () => 0);
  const user = new User("ann", new Permissions({ admin: true }));
  const aborts = Array.from({ length: 32 }, () => new AbortController());
  for (const { signal } of aborts) await feed.open({ user, signal });
  const problem = await assertRejects(() => feed.open({ user, signal: NEVER }), HttpProblem);
  assertEquals([problem.status, problem.options.retryAfterMs], [503, 10_000]);
  for (const abort of aborts) abort.abort();
  assertEquals(feed.count, 0);
  const last = await feed.open({ user, signal: NEVER });
  feed.close("the broker stops");
  assert((await last.text()).endsWith('event: end\ndata: {"reason":"the broker stops"}\n\n'));
});
