/**
 * What rings when, and what whoever ticks is told.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Alarm, AlarmClock } from "../../../src/broker/collections/alarm_clock.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** A clock, alarms with names, and what has happened. */
function clockOf(...names: readonly string[]) {
  const rung: string[] = [];
  const hastened: number[] = [];
  const clock = new AlarmClock((at) => hastened.push(at));
  const alarms = names.map((name) => new Alarm((now) => rung.push(`${name} ${now}`)));
  return { clock, alarms, rung, hastened };
}

Deno.test("AlarmClock.tick() rings what is due, in the order of the times, and tells what is next", () => {
  const { clock, alarms: [a, b, c], rung } = clockOf("a", "b", "c");
  clock.set(a!, 30);
  clock.set(b!, 10);
  clock.set(c!, 20);
  assertEquals([clock.tick(9), rung], [10, []]);
  assertEquals([clock.tick(25), rung], [30, ["b 25", "c 25"]]);
  assertEquals([clock.tick(30), rung.length], [Infinity, 3]);
  assertEquals([a!.at, a!.index], [Infinity, -1]);
});

Deno.test("AlarmClock.set() moves an alarm, and takes it out at Infinity", () => {
  const { clock, alarms: [a, b], rung } = clockOf("a", "b");
  clock.set(a!, 10);
  clock.set(b!, 20);
  clock.set(a!, 30);
  assertEquals(clock.tick(25), 30);
  clock.set(a!, Infinity);
  assertEquals([clock.tick(100), rung], [Infinity, ["b 25"]]);
});

Deno.test("AlarmClock.hasten() moves an alarm forward only", () => {
  const { clock, alarms: [a] } = clockOf("a");
  clock.hasten(a!, 20);
  clock.hasten(a!, 30);
  assertEquals(a!.at, 20);
  clock.hasten(a!, 10);
  assertEquals(clock.tick(0), 10);
});

Deno.test("AlarmClock: who ticks hears of what is earlier than was promised, and of nothing else", () => {
  const { clock, alarms: [a, b, c], hastened } = clockOf("a", "b", "c");
  clock.set(a!, 50);
  clock.set(b!, 60);
  clock.set(c!, 40);
  assertEquals(hastened, [50, 40]);
  clock.set(c!, Infinity);
  assertEquals(clock.tick(0), 50);
  clock.set(c!, 45);
  assertEquals(hastened, [50, 40, 45]);
});

Deno.test("AlarmClock: what is set while it rings is told by the tick, and rings with it if it is due", () => {
  const hastened: number[] = [];
  const rung: string[] = [];
  const clock = new AlarmClock((at) => hastened.push(at));
  const late = new Alarm(() => rung.push("late"));
  const again: Alarm = new Alarm((now) => {
    rung.push("again");
    clock.set(late, now);
    if (rung.length < 4) clock.set(again, now + 5);
  });
  clock.set(again, 10);
  assertEquals(clock.tick(10), 15);
  assertEquals([rung, hastened], [["again", "late"], [10]]);
  assertEquals([clock.tick(14), clock.tick(15), rung.length], [15, 20, 4]);
});

Deno.test("AlarmClock rings the same as a plain list (random)", () => {
  const step = fc.record({
    do: fc.constantFrom("set", "set", "hasten", "remove", "tick"),
    which: fc.nat(15),
    at: fc.nat(60),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: "max" }), (steps) => {
      const rung: number[] = [];
      let promisedAt = Infinity;
      const clock = new AlarmClock((at) => {
        assertEquals(at < promisedAt, true, "it is told of earlier ones only");
        promisedAt = at;
      });
      const alarms = Array.from({ length: 16 }, (_, which) => new Alarm(() => rung.push(which)));
      const model = new Array<number>(16).fill(Infinity);
      let now = 0;
      for (const { do: what, which, at } of steps) {
        if (what === "set" || (what === "hasten" && now + at < model[which]!)) {
          model[which] = now + at;
        } else if (what === "remove") model[which] = Infinity;
        if (what === "set") clock.set(alarms[which]!, now + at);
        else if (what === "hasten") clock.hasten(alarms[which]!, now + at);
        else if (what === "remove") clock.set(alarms[which]!, Infinity);
        else {
          now += at;
          const due = model.flatMap((time, index) => time <= now ? [{ time, index }] : []);
          for (const { index } of due) model[index] = Infinity;
          promisedAt = clock.tick(now);
          assertEquals(promisedAt, Math.min(...model));
          const timeOf = new Map(due.map(({ time, index }) => [index, time]));
          const times = rung.splice(0).map((index) => timeOf.get(index));
          assertEquals(times, due.map(({ time }) => time).sort((one, other) => one - other));
        }
        assertEquals(alarms.map(({ at }) => at), model);
        assertEquals(promisedAt <= Math.min(...model), true, "nothing is due before it is told");
      }
    }),
    fuzz(150),
  );
});
