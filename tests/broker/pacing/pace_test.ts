import { assertEquals, assertGreater, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { Pace } from "../../../src/broker/pacing/pace.ts";

/** A clock, and work on messages that takes time. */
class Work {
  now = 1000;
  readonly pace = new Pace(() => this.now);

  /** Works through a turn; returns how many messages it had, and how long it took. */
  doTurn(msEach: (done: number) => number): { count: number; ms: number; sizeMax: number } {
    const begun = this.now;
    let count = 0;
    let sizeMax = 0;
    this.pace.begin();
    do {
      const { size } = this.pace;
      sizeMax = Math.max(size, sizeMax);
      for (let index = 0; index < size; index++) this.now += msEach(count + index);
      count += size;
    } while (!this.pace.isOver());
    return { count, ms: this.now - begun, sizeMax };
  }
}

for (const msEach of [0.0005, 0.002, 0.01, 0.02]) {
  Deno.test(`a turn takes some milliseconds where a message takes ${msEach}`, () => {
    const work = new Work();
    // Until it is known what a message takes.
    work.doTurn(() => msEach);
    for (let turn = 0; turn < 5; turn++) {
      const { ms, count } = work.doTurn(() => msEach);
      assertLessOrEqual(ms, 6.5);
      assertGreaterOrEqual(ms, 5);
      assertGreaterOrEqual(count, 5 / msEach * 0.9);
    }
  });
}

Deno.test("the first turn is not much longer, whatever a message takes", () => {
  for (const msEach of [0.0001, 0.001, 0.01, 0.015]) {
    assertLessOrEqual(new Work().doTurn(() => msEach).ms, 9);
  }
});

Deno.test("messages that suddenly take longer make one turn of a few milliseconds", () => {
  const work = new Work();
  work.doTurn(() => 0);
  const { ms, sizeMax } = work.doTurn((done) => done < 50_000 ? 0 : 0.002);
  assertEquals(sizeMax, 2048);
  assertLessOrEqual(ms, 10);
});

Deno.test("a turn ends where the clock stands still, and takes very many messages until then", () => {
  const { count } = new Work().doTurn(() => 0);
  assertGreater(count, 200_000);
  assertLessOrEqual(count, 300_000);
});

Deno.test("pieces have no more messages than they may have", () => {
  const pace = new Pace(() => 0, 100);
  assertEquals(pace.size, 100);
  pace.isOver();
  assertEquals(pace.size, 100);
});
