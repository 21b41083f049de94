import { assert, assertEquals } from "@std/assert";
import { Silence } from "../../../src/engine/replicated/following/silence.ts";

function silence(random = 0) {
  return new Silence(2000, 0, () => random);
}

/** Looks at the log whenever it is due, each time with an answer after some time; returns when it is over. */
function watch(silent: Silence, tookMs = 0, until = 100_000): number {
  for (let looks = 0; looks < 1000; looks++) {
    const now = silent.dueAt + tookMs;
    if (now > until) return Infinity;
    silent.noteAnswer(now, false);
    if (silent.isOver(now)) return now;
  }
  throw new Error("it is never over");
}

Deno.test("it is over when the lease's time was silent, at a look that is made just then", () => {
  assertEquals(watch(silence()), 2000);
  const late = silence();
  late.noteRecord(700);
  assertEquals(watch(late, 3), 2700 + 3);
});

Deno.test("a quarter of the lease is silent before anybody looks; then there is a look each eighth", () => {
  const silent = silence();
  silent.noteRecord(100);
  const looks: number[] = [];
  for (let now = 0; !silent.isOver(now);) {
    now = silent.dueAt;
    looks.push(now);
    silent.noteAnswer(now, false);
  }
  assertEquals(looks, [600, 850, 1100, 1350, 1600, 1850, 2100]);
});

Deno.test("rank and chance make it longer", () => {
  assertEquals(watch(silence(0.5)), 2025);
  const second = silence();
  second.rank = 2;
  assertEquals(watch(second), 2200);
});

Deno.test("chance is asked anew with each silence", () => {
  let random = 0.5;
  const silent = new Silence(2000, 0, () => random);
  random = 0;
  assertEquals(watch(silent), 2025);
  silent.noteRecord(3000);
  assertEquals(watch(silent), 5000);
});

Deno.test("a record begins it anew", () => {
  const silent = silence();
  silent.noteAnswer(500, false);
  silent.noteAnswer(900, false);
  assertEquals(silent.ms, 900);
  silent.noteRecord(1000);
  assertEquals(silent.ms, 0);
  assertEquals(watch(silent), 3000);
  assert(silent.isOver(3000));
  silent.noteRecord(3001);
  assert(!silent.isOver(3001));
});

Deno.test("time around a failure does not count", () => {
  const silent = silence();
  silent.noteAnswer(500, false);
  silent.noteFailure(700);
  assertEquals(silent.dueAt, 950);
  assert(!silent.isOver(700));
  silent.noteFailure(9000);
  silent.noteAnswer(9250, false);
  assertEquals(silent.ms, 500);
  assertEquals(watch(silent), 9250 + 1500);
});

Deno.test("while the log has something that was not read, no time counts", () => {
  const silent = silence();
  silent.noteAnswer(500, false);
  silent.noteAnswer(750, true);
  silent.noteAnswer(1000, true);
  assertEquals([silent.ms, silent.dueAt], [500, 1250]);
  silent.noteAnswer(1250, false);
  assertEquals(silent.ms, 500);
  // What was behind was void, or it would have been noted: the silence goes on.
  silent.noteAnswer(1500, false);
  assertEquals(silent.ms, 750);
});

Deno.test("time in which the process stood still, or an answer was under way for long, does not count", () => {
  const silent = silence();
  silent.noteAnswer(500, false);
  silent.noteAnswer(1501, false);
  assertEquals(silent.ms, 500);
  silent.noteAnswer(2501, false);
  assertEquals(silent.ms, 1500);
  assert(!silent.isOver(60_000));
});

Deno.test("it is over only as of an answer that has just come", () => {
  const silent = silence();
  const now = watch(silent);
  assert(silent.isOver(now + 250));
  assert(!silent.isOver(now + 251));
  silent.noteAnswer(now + 300, false);
  assert(silent.isOver(now + 300));
  silent.noteFailure(now + 301);
  assert(!silent.isOver(now + 301));
});

Deno.test("after a release nothing is waited for but those of a lower rank", () => {
  const first = silence(0.9);
  first.noteRelease(100);
  assert(first.isOver(100));
  const third = silence(0.9);
  third.rank = 2;
  third.noteRelease(100);
  assert(!third.isOver(100));
  assertEquals(watch(third), 300);
  third.noteRecord(400);
  assertEquals(watch(third), 400 + 2000 + 200 + 45);
});

Deno.test("times that do not add up exactly do not make it look for ever", () => {
  for (let start = 0; start < 200; start++) {
    const silent = new Silence(333.3, start * 1e5 / 7, () => start / 200);
    silent.noteRecord(start * 1e5 / 7 + 0.1);
    assert(watch(silent, 0, Infinity) < Infinity);
  }
});
