/**
 * A start that takes long says how far it is, every second; a quick one says nothing.
 *
 * @module
 */

import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { ReadyProgress } from "../../../../src/engine/journal/recovery/ready_progress.ts";
import { openJournal, type TestJournalOptions } from "../../../support/disk/journals.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { listSegments } from "../../../support/disk/small_journal.ts";
import { EngineUse } from "../../engine_use.ts";

const MESSAGES = 60;

/** Fills some segments with messages, and ends the broker. */
async function fill(disk: SimulatedDisk): Promise<void> {
  const engine = await openJournal(disk, { segmentBytes: 4096 });
  const use = new EngineUse(engine);
  await use.create("a");
  const publisher = use.publisher("a");
  for (let index = 0; index < MESSAGES; index++) {
    publisher.settled = publisher.nextSequence;
    await publisher.store("x".repeat(1000));
  }
  await engine.close();
}

interface Told {
  readonly at: number;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** Starts a broker on a clock; returns what it told, and when. */
async function start(disk: SimulatedDisk, now: () => number, peek: () => number) {
  const told: Told[] = [];
  const parts: number[] = [];
  const options: TestJournalOptions = {
    now,
    report: (_, message, fields = {}) => void told.push({ at: peek(), message, fields }),
    noteProgress: (part) => void parts.push(part),
  };
  const engine = await openJournal(disk, options);
  await engine.close();
  return { told, parts };
}

Deno.test("recovery says how far it is, every second, and when it has read all", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  await fill(disk);
  const segments = listSegments(disk);
  let time = 1000;
  // Each look at the clock takes a while.
  const { told, parts } = await start(disk, () => time += 130, () => time);
  const steps = told.filter(({ message }) => message === "reading the journal");
  assertGreaterOrEqual(steps.length, 3);
  const bytes = segments.reduce((sum, { size }) => sum + size, 0);
  let before = { at: 1130, percent: -1, bytes: 0, messages: 0 };
  for (const { at, fields } of steps) {
    const { percent, messages, segment, segments: count } = fields as Record<string, number>;
    assertEquals([fields.of, count], [bytes, segments.length]);
    assertEquals(percent, Math.floor(Number(fields.bytes) / bytes * 100));
    assert(segment! >= 1 && segment! <= segments.length);
    assertGreaterOrEqual(at - before.at, 1000);
    assertLess(at - before.at, 1000 + 2 * 130 + 1);
    assert(percent! > before.percent && percent! < 100);
    assert(messages! > before.messages && messages! < MESSAGES);
    before = { at, percent: percent!, bytes: Number(fields.bytes), messages: messages! };
  }
  assertEquals(parts.length, steps.length + 1);
  assertEquals(parts.at(-1), 1);
  const end = told.find(({ message }) => message === "the journal is read")!;
  assertEquals([end.fields.bytes, end.fields.messages], [bytes, MESSAGES]);
  assertGreaterOrEqual(Number(end.fields.seconds), steps.length);
});

Deno.test("recovery says nothing if it takes less than a second", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  await fill(disk);
  let time = 1000;
  const { told, parts } = await start(disk, () => time += 3, () => time);
  assertEquals([told, parts], [[], [1]]);
});

Deno.test("streams are made ready in turns, and it is told every second how far that is", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const engine = await openJournal(disk);
  const use = new EngineUse(engine);
  for (let stream = 0; stream < 40; stream++) {
    await use.create(`s${stream}`);
    await use.publisher(`s${stream}`, `p${stream}`).store("x", "y");
  }
  await engine.close();
  const told: Told[] = [];
  const parts: [number, string | undefined][] = [];
  let [time, turns] = [0, 0];
  const progress = new ReadyProgress({
    // Each look at the clock takes a while.
    now: () => time += 60,
    report: (_, message, fields = {}) => void told.push({ at: time, message, fields }),
    noteProgress: (part, what) => void parts.push([part, what]),
  });
  const counts: number[] = [];
  const timer = setInterval(() => turns++, 0);
  const again = await openJournal(disk, {
    noteReady: (messages, of) => {
      counts.push(messages);
      assertEquals(of, 80);
      return progress.note(messages, of);
    },
  });
  clearInterval(timer);
  assertEquals([counts.length, counts.at(-1)], [40, 80]);
  assertGreaterOrEqual(turns, 20);
  assertEquals(again.streamCount, 40);
  await again.close();
  assertGreaterOrEqual(told.length, 2);
  assertEquals(
    parts.map(([part]) => Math.floor(part * 100)),
    told.map(({ fields }) => fields.percent),
  );
  assert(parts.every(([part, what]) => part > 0 && part < 1 && what === "ready"));
  for (const [index, { at, message, fields }] of told.entries()) {
    assertEquals([message, fields.of], ["making the streams ready", 80]);
    assertGreaterOrEqual(at - (told[index - 1]?.at ?? 0), 1000);
  }
});
