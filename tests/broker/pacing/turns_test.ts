import {
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertRejects,
} from "@std/assert";
import { Alarm, AlarmClock } from "../../../src/broker/collections/alarm_clock.ts";
import { type Progress, Turns } from "../../../src/broker/pacing/turns.ts";

/** A clock, and work on messages that takes time. */
class Work {
  now = 1000;
  /** When a tick was asked for. */
  readonly hastened: number[] = [];
  readonly clock = new AlarmClock((at) => this.hastened.push(at));
  readonly turns = new Turns(this.clock, () => this.now);
  /** The pieces of this turn: what they were of, and their messages. */
  pieces: { readonly name: string; readonly size: number }[] = [];

  /** Work on so many messages. */
  makePiece(name: string, count: number, msEach: (done: number) => number) {
    let done = 0;
    return (size: number): Progress => {
      if (done >= count) return "done";
      const taken = Math.min(size, count - done);
      for (let index = 0; index < taken; index++) this.now += msEach(done++);
      this.pieces.push({ name, size: taken });
      return done === count ? "done" : "more";
    };
  }

  /** Does a turn by a tick; returns how long it took, and what was done in it. */
  tick(): { ms: number; pieces: Work["pieces"]; next: number } {
    this.now++;
    const begun = this.now;
    this.pieces = [];
    const next = this.turns.tick(this.now);
    return { ms: this.now - begun, pieces: this.pieces, next };
  }
}

function countMessages(pieces: Work["pieces"], name?: string): number {
  return pieces.filter((one) => name === undefined || one.name === name)
    .reduce((sum, { size }) => sum + size, 0);
}

for (const msEach of [0.0005, 0.002, 0.01, 0.02]) {
  Deno.test(`a turn takes some milliseconds where a message takes ${msEach}`, async () => {
    const work = new Work();
    const ended = work.turns.work(work.makePiece("a", 6 / msEach * 4, () => msEach));
    for (let turn = 0; turn < 3; turn++) {
      const { ms, pieces, next } = work.tick();
      assertLessOrEqual(ms, 5.5);
      assertGreaterOrEqual(ms, 4);
      assertGreaterOrEqual(countMessages(pieces), 4 / msEach * 0.9);
      assertEquals(next, work.now, "it goes on at once");
    }
    while (work.tick().next < Infinity);
    await ended;
  });
}

Deno.test("messages that suddenly take longer make one turn of a few milliseconds", () => {
  const work = new Work();
  void work.turns.work(work.makePiece("a", 1e9, (done) => done < 300_000 ? 0 : 0.002));
  const { ms, pieces } = work.tick();
  assertEquals(Math.max(...pieces.map(({ size }) => size)), 2048);
  assertLessOrEqual(ms, 9);
});

Deno.test("however much is worked on at the same time, a turn takes no longer, and all go on by turns", async () => {
  const work = new Work();
  const names = Array.from({ length: 20 }, (_, index) => `purge ${index}`);
  const begun = work.now;
  const ended = names.map((name) => work.turns.work(work.makePiece(name, 5000, () => 0.002)));
  assertLessOrEqual(work.now - begun, 5.5, "also the turn in which all of them begin");
  let longest = 0;
  const first = new Set<string>();
  for (let turn = 0; turn < 3; turn++) {
    const { ms, pieces } = work.tick();
    longest = Math.max(longest, ms);
    for (const { name } of pieces) first.add(name);
  }
  assertGreaterOrEqual(first.size, 10, "none waits for the end of another one");
  for (let next = 0; next < Infinity;) {
    const turn = work.tick();
    next = turn.next;
    longest = Math.max(longest, turn.ms);
  }
  assertLessOrEqual(longest, 5.5);
  await Promise.all(ended);
});

Deno.test("what is due and what goes on share a turn, and neither waits for the end of the other", () => {
  const work = new Work();
  const due = work.makePiece("due", 1e9, () => 0.002);
  const alarm = new Alarm(() => {
    work.turns.spend(due);
    work.clock.set(alarm, work.now + 1);
  });
  work.clock.set(alarm, work.now);
  void work.turns.work(work.makePiece("going on", 1e9, () => 0.002));
  for (let turn = 0; turn < 10; turn++) {
    const { ms, pieces } = work.tick();
    assertLessOrEqual(ms, 5.5);
    assertGreaterOrEqual(countMessages(pieces, "due"), 500);
    assertGreaterOrEqual(countMessages(pieces, "going on"), 500);
  }
});

Deno.test("streams with work that is due take turns, also where something goes on", () => {
  const work = new Work();
  const names = ["a", "b", "c"];
  for (const name of names) {
    const due = work.makePiece(name, 1e9, () => 0.002);
    const alarm = new Alarm(() => {
      work.turns.spend(due);
      work.now += 0.001;
      work.clock.set(alarm, work.now + 1);
    });
    work.clock.set(alarm, work.now);
  }
  void work.turns.work(work.makePiece("going on", 1e9, () => 0.002));
  const counts = new Map<string, number>();
  for (let turn = 0; turn < 30; turn++) {
    const { pieces } = work.tick();
    for (const { name, size } of pieces) counts.set(name, (counts.get(name) ?? 0) + size);
  }
  for (const name of names) assertGreaterOrEqual(counts.get(name) ?? 0, 5000, name);
});

for (const [what, msEach] of [["takes longer than a turn", 0.2], ["takes no time", 0]] as const) {
  Deno.test(`what is due is worked on, too, where each piece of something else ${what}`, () => {
    const work = new Work();
    const due = work.makePiece("due", 1e9, () => msEach / 100);
    const alarm = new Alarm(() => {
      work.turns.spend(due);
      work.clock.set(alarm, work.now + 1);
    });
    work.clock.set(alarm, work.now);
    void work.turns.work(work.makePiece("going on", 1e9, () => msEach));
    for (let turn = 0; turn < 10; turn++) {
      const { pieces } = work.tick();
      assertGreaterOrEqual(countMessages(pieces, "due"), 500);
      assertGreaterOrEqual(countMessages(pieces, "going on"), 32);
    }
  });
}

Deno.test("very many alarms that are due together ring in several turns, each of them once", () => {
  const work = new Work();
  const rung = new Set<number>();
  for (let index = 0; index < 10_000; index++) {
    const alarm = new Alarm(() => {
      assertEquals(rung.has(index), false);
      rung.add(index);
      work.now += 0.01;
    });
    work.clock.set(alarm, work.now);
  }
  let turns = 0;
  for (let next = 0; next < Infinity; turns++) {
    const turn = work.tick();
    next = turn.next;
    assertLessOrEqual(turn.ms, 5);
  }
  assertEquals(rung.size, 10_000);
  assertGreaterOrEqual(turns, 20);
});

Deno.test("a turn ends where the clock stands still, and works on very many messages until then", () => {
  const work = new Work();
  void work.turns.work(work.makePiece("a", 1e9, () => 0));
  const count = countMessages(work.pieces);
  assertGreater(count, 200_000);
  assertLessOrEqual(count, 300_000);
  assertEquals(work.hastened, [1000], "a tick is asked for");
});

Deno.test("work that has to wait for something is asked again in the next turn, once", async () => {
  const work = new Work();
  let asked = 0;
  const ended = work.turns.work(() => ++asked === 3 ? "done" : "later");
  assertEquals(asked, 1);
  assertEquals(work.tick().next, work.now);
  assertEquals(asked, 2);
  assertEquals(work.tick().next, Infinity);
  await ended;
});

Deno.test("work that fails tells so, and others go on", async () => {
  const work = new Work();
  const other = work.turns.work(work.makePiece("a", 10_000, () => 0.002));
  const failing = work.turns.work(() => {
    throw new Error("damaged");
  });
  const failed = assertRejects(() => failing, Error, "damaged");
  while (work.tick().next < Infinity);
  await failed;
  await other;
});

Deno.test("little work asks for no tick", async () => {
  const work = new Work();
  await work.turns.work(work.makePiece("a", 10, () => 0.002));
  assertEquals(work.hastened, []);
});
