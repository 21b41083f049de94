/**
 * Limits of streams and lanes, and shared ones: exact to the message, whatever becomes of the followers.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { StreamOptionsInput } from "../../../protocol.ts";
import { Random } from "../../support/random.ts";
import { TestBroker, type TestFollower } from "../../support/broker/test_broker.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

function start(options: StreamOptionsInput, ...lanes: readonly (string | undefined)[]): TestBroker {
  const test = new TestBroker();
  test.create("orders", options);
  const publisher = test.publisher("orders");
  for (const lane of lanes) publisher.publishWith(lane === undefined ? {} : { lane });
  return test;
}

function list(count: number, lane?: string): (string | undefined)[] {
  return new Array(count).fill(lane);
}

/** Lets time pass, and hands out. */
function tick(test: TestBroker, now: number): number {
  const next = test.broker.tick(test.now = now);
  test.dispatch();
  return next;
}

Deno.test("followers together hold no more messages than maxPending", () => {
  const test = start({ maxPending: 3 }, ...list(10));
  const followers = Array.from({ length: 5 }, () => test.follower("orders", { slots: 2 }));
  test.dispatch();
  const counts = () => followers.map(({ follower }) => follower.pending.count);
  assertEquals(counts().reduce((sum, one) => sum + one), 3);
  const holder = followers.find(({ follower }) => follower.pending.count > 0)!;
  holder.ack(holder.follower.pending.runs[0]!.firstTag);
  test.dispatch();
  assertEquals(counts().reduce((sum, one) => sum + one), 3);
});

Deno.test("a rate lets a burst through, and then a message whenever a token is there", () => {
  const test = start({ rate: { count: 3, perMs: 300 } }, ...list(10));
  const follower = test.follower("orders", { slots: 100 });
  test.dispatch();
  assertEquals(follower.sink.ids.length, 3);
  assertEquals(test.broker.tick(test.now), 1100);
  tick(test, 1099);
  assertEquals(follower.sink.ids.length, 3);
  tick(test, 1100);
  assertEquals(follower.sink.ids.length, 4);
  tick(test, 1350);
  assertEquals(follower.sink.ids.length, 6);
  tick(test, 9000);
  assertEquals(follower.sink.ids.length, 9);
});

Deno.test("what comes back unseen has used up no rate, and what was begun has", () => {
  const test = start({ rate: { count: 2, perMs: 1000 } }, ...list(10));
  const follower = test.follower("orders", { slots: 2 });
  test.dispatch();
  follower.release(2);
  test.dispatch();
  assertEquals(follower.received, ["orders:1×1", "orders:2×1", "orders:2×1"]);
  follower.begin(1);
  follower.open.nack([{ firstTag: 1, count: 1 }], { delayMs: 0, reason: "" }, false);
  test.dispatch();
  assertEquals(follower.received.length, 3);
});

Deno.test("each lane has the limits of all lanes, and messages without a lane have none", () => {
  const test = start(
    { laneLimits: { maxPending: 2 } },
    ...list(5, "ann"),
    ...list(5, "bob"),
    ...list(5),
  );
  const follower = test.follower("orders", { slots: 100 });
  test.dispatch();
  assertEquals(follower.sink.ids.toSorted((one, other) => one - other), [
    1,
    2,
    6,
    7,
    11,
    12,
    13,
    14,
    15,
  ]);
  follower.ack(follower.sink.messages.find(({ id }) => id === 6)!.tag);
  test.dispatch();
  assertEquals(follower.sink.ids.at(-1), 8);
});

Deno.test("a follower without slots still gets what has no limit, also later", () => {
  const test = start({ laneLimits: { maxPending: 5 } }, ...list(3, "ann"));
  const follower = test.follower("orders");
  test.dispatch();
  assertEquals(follower.sink.ids, [1]);
  test.publisher("orders", "other").publishWith({}, {});
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 4, 5]);
  follower.ack(1);
  test.dispatch();
  assertEquals(follower.sink.ids, [1, 4, 5, 2]);
});

Deno.test("a lane can be paused, limited and freed while its messages are pending", async () => {
  const test = start({}, ...list(10, "ann"), "bob");
  const follower = test.follower("orders", { messages: 6, slots: 6 });
  test.dispatch();
  const { lanes } = test.broker;
  await lanes.set("orders", "ann", { maxPending: 2 });
  follower.ack(1, 2, 3, 4);
  test.dispatch();
  const { pending } = follower.follower;
  assertLessOrEqual(pending.count, 3);
  await lanes.set("orders", "ann", { isPaused: true });
  while (pending.count > 0) follower.ack(pending.runs[0]!.firstTag);
  test.dispatch();
  const got = follower.sink.ids.length;
  assertEquals(pending.count, 0);
  await lanes.set("orders", "ann", null);
  test.dispatch();
  assertEquals(follower.sink.ids.length, Math.min(got + 6, 11));
});

Deno.test("streams that share a limit hold no more together, and take turns", async () => {
  const test = new TestBroker();
  await test.broker.lanes.putLimit("api", { maxPending: 2 });
  const names = ["one", "two", "three"];
  for (const name of names) {
    test.create(name, { sharedLimit: "api" });
    test.publisher(name, `publisher of ${name}`).publish(...new Array<string>(20).fill("x"));
  }
  const followers = names.map((name) => test.follower(name, { slots: 10 }));
  for (let round = 0; round < 30; round++) {
    tick(test, test.now + 1);
    const held = followers.reduce((sum, { follower }) => sum + follower.pending.count, 0);
    assertEquals(held, 2);
    const holder = followers.find(({ follower }) => follower.pending.count > 0)!;
    holder.ack(holder.follower.pending.runs[0]!.firstTag);
  }
  const counts = followers.map(({ sink }) => sink.ids.length);
  assert(Math.max(...counts) - Math.min(...counts) <= 3, `${counts}`);
  await test.broker.lanes.putLimit("api", null);
  tick(test, test.now + 1);
  assertEquals(followers.map(({ sink }) => sink.ids.length), [20, 20, 20]);
});

Deno.test("a share that is woken and cannot use its turn does not keep the others waiting", async () => {
  const test = new TestBroker();
  await test.broker.lanes.putLimit("api", { maxPending: 1 });
  for (const name of ["one", "two", "three"]) {
    test.create(name, { sharedLimit: "api" });
    test.publisher(name, `publisher of ${name}`).publish("x", "y");
  }
  const one = test.follower("one");
  test.dispatch();
  const two = test.follower("two");
  const three = test.follower("three");
  test.dispatch();
  one.ack(1);
  test.dispatch();
  two.close();
  one.ack(2);
  for (let round = 0; round < 3; round++) tick(test, test.now + 1);
  assertEquals([one, three].map(({ sink }) => sink.ids), [[1, 2], [1]]);
});

Deno.test("no rate is exceeded in any time, by a stream, its lanes, or streams that share it", async () => {
  const { seed, numRuns } = fuzz(5);
  for (let run = 0; run < numRuns; run++) {
    const random = new Random(seed + run);
    const pickRate = (most: number) => {
      return { count: 1 + random.below(most), perMs: 10 + random.below(400) };
    };
    const [shared, own, lane] = [pickRate(30), pickRate(20), pickRate(4)];
    const test = new TestBroker();
    await test.broker.lanes.putLimit("api", { rate: shared });
    const lanes = ["ann", "bob", "cyd"];
    const laneOf = (id: number) => lanes[id % 3]!;
    const followers = ["one", "two"].flatMap((name) => {
      test.create(name, { sharedLimit: "api", rate: own, laneLimits: { rate: lane } });
      test.publisher(name, name).publishWith(
        ...Array.from({ length: 500 }, (_, index) => ({ lane: laneOf(index + 1) })),
      );
      return [1, 2, 3].map(() => test.follower(name, { slots: 1 + random.below(5) }));
    });
    const times = new Map<string, number[]>();
    const note = (what: string, at: number) => {
      times.set(what, [...times.get(what) ?? [], at]);
    };
    const seen = new Map<TestFollower, number>();
    for (let step = 0; step < 400; step++) {
      tick(test, test.now + random.below(20) * random.next());
      for (const follower of followers) {
        for (const { id, stream } of follower.sink.messages.slice(seen.get(follower) ?? 0)) {
          note("shared", test.now);
          note(stream, test.now);
          note(`${stream} ${laneOf(id)}`, test.now);
        }
        seen.set(follower, follower.sink.messages.length);
        for (const { firstTag } of [...follower.follower.pending.runs]) {
          if (random.chance(0.5)) follower.ack(firstTag);
        }
      }
    }
    for (const [what, all] of times) {
      const rate = what === "shared" ? shared : what.includes(" ") ? lane : own;
      checkRate(all, rate, `seed ${seed}, run ${run}, ${what}`);
    }
  }
});

/** In no time there are more deliveries than a burst and what is filled in that time. */
function checkRate(
  times: readonly number[],
  { count, perMs }: { count: number; perMs: number },
  what: string,
): void {
  for (let from = 0; from < times.length; from++) {
    for (let to = from; to < times.length; to++) {
      const most = count + (times[to]! - times[from]!) * count / perMs + 1e-3;
      assertLessOrEqual(to - from + 1, most, `${what}, ${times[from]} to ${times[to]}`);
    }
  }
}

Deno.test("limits are exact under 64 followers that die, release, fail and come back", async () => {
  const { seed, numRuns } = fuzz(3);
  for (let run = 0; run < numRuns; run++) {
    const random = new Random(seed + run);
    const what = `seed ${seed}, run ${run}`;
    const maxPending = 1 + random.below(40);
    const laneMax = 1 + random.below(5);
    const options = { maxPending, laneLimits: { maxPending: laneMax }, backoffMs: [10] };
    const lanes = ["ann", "bob", "cyd", "dan", "eve"];
    const laneOf = new Map<number, string>();
    const test = start(
      options,
      ...Array.from({ length: 400 }, (_, index) => {
        const lane = random.chance(0.5) ? "ann" : random.pick(lanes);
        laneOf.set(index + 1, lane);
        return lane;
      }),
    );
    const open = () => test.follower("orders", { slots: 1 + random.below(4), messages: 20 });
    const followers = Array.from({ length: 64 }, open);
    for (let step = 0; step < 300; step++) {
      tick(test, test.now + random.below(30));
      checkHeld(followers, laneOf, { maxPending, laneMax, what });
      for (let index = 0; index < followers.length; index++) {
        const follower = followers[index]!;
        for (const { firstTag, count } of [...follower.follower.pending.runs]) {
          const range = { firstTag, count };
          const way = random.below(12);
          if (way === 0) follower.open.nack([range], { reason: "no" }, false);
          else if (way === 1) follower.release(firstTag);
          else if (way === 2) follower.open.reject([range], "no", false);
          else if (way < 5) follower.ack(firstTag);
          else if (way === 5) follower.begin(firstTag);
        }
        if (!random.chance(0.05)) continue;
        follower.close(random.chance(0.5) ? undefined : 1);
        followers[index] = open();
      }
    }
    await drain(test, followers, 400, what);
  }
});

function checkHeld(
  followers: readonly TestFollower[],
  laneOf: ReadonlyMap<number, string>,
  { maxPending, laneMax, what }: { maxPending: number; laneMax: number; what: string },
): void {
  const byLane = new Map<string, number>();
  let all = 0;
  for (const { follower } of followers) {
    let own = 0;
    for (const { firstId, count } of follower.pending.runs) {
      own += count;
      for (let id = firstId; id < firstId + count; id++) {
        const lane = laneOf.get(id)!;
        byLane.set(lane, (byLane.get(lane) ?? 0) + 1);
      }
    }
    assertLessOrEqual(own, follower.slots, what);
    all += own;
  }
  assertLessOrEqual(all, maxPending, what);
  for (const [lane, count] of byLane) assertLessOrEqual(count, laneMax, `${what}, lane ${lane}`);
}

/** Acknowledges everything: nothing is stuck. */
async function drain(
  test: TestBroker,
  followers: readonly TestFollower[],
  count: number,
  what: string,
): Promise<void> {
  for (let left = 10 * count; left > 0; left--) {
    tick(test, test.now + 20);
    for (const follower of followers) {
      for (const { firstTag, count } of [...follower.follower.pending.runs]) {
        follower.open.ack([{ firstTag, count }], false);
      }
    }
    const { ready, delayed, pending } = await test.broker.getStream("orders");
    if (ready + delayed + pending === 0) return;
  }
  assert(false, `${what}: ${(await test.broker.explain("orders")).join(" ")}`);
}
