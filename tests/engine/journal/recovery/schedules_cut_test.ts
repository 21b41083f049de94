/**
 * A journal of schedules that a kill has cut at each byte around their dates: no date is lost, and none
 * is stored twice, since one record has the message and the step to the next date.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { decodeBatch, encodeBatch, type ScheduleInput } from "../../../../protocol.ts";
import type { LocalEngine } from "../../../../src/engine/local_engine.ts";
import { encodeBase64 } from "../../../../src/protocol/base64.ts";
import { readSegmentName } from "../../../../src/engine/journal/segments/segment_file.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { chooseLength, chooseOffset } from "../../../support/length.ts";
import { EngineUse, TestClock } from "../../engine_use.ts";

const MINUTE = 60_000;
const START = Date.parse("2027-01-01T00:00:00Z");
const END = START + 13 * MINUTE;

const STEP = chooseLength({ short: 47, long: 1 });
const OFFSET = chooseOffset(STEP);

function inputOf(name: string, given: Partial<ScheduleInput>): ScheduleInput {
  const body = new TextEncoder().encode(name);
  return {
    stream: "reports",
    entry: encodeBase64(encodeBatch([{ kind: 1, body }]).buffer),
    ...given,
  };
}

const SCHEDULES: Readonly<Record<string, Partial<ScheduleInput>>> = {
  cron: { cron: "*/2 * * * *", missed: "all" },
  span: { everyMs: 3 * MINUTE, missed: "all", jitterMs: MINUTE },
  last: { everyMs: 2 * MINUTE, overlap: "replace" },
};

/** Lets time pass until an end; everything is durable after each step. */
async function run(engine: LocalEngine, clock: TestClock, end: number): Promise<EngineUse> {
  const use = new EngineUse(engine, { clock });
  const step = async () => {
    use.advance(0);
    await engine.whenDurable();
  };
  for (; clock.now < end; clock.now += MINUTE / 2) await step();
  for (let count = 0; count < 10; count++) await step();
  return use;
}

/** The dates of what is in the stream, by schedule. */
async function datesOf(use: EngineUse): Promise<Record<string, string[]>> {
  const { infos, entries } = await use.engine.peek("reports", 1, 1000);
  const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
  const dates: Record<string, string[]> = { cron: [], span: [], last: [] };
  for (const { headers, body } of decodeBatch(batch)) {
    dates[new TextDecoder().decode(body)]!.push(headers.scheduledAt!.slice(14, 16));
  }
  return dates;
}

function open(disk: SimulatedDisk, clock: TestClock): Promise<LocalEngine> {
  const now = () => clock.now;
  return openJournal(disk, { now, segmentBytes: 3000, reserveBytes: 16, fail: () => {} });
}

/** A journal as the kill of its broker has left it, and its size when the stream was there. */
async function makeKilled(): Promise<{ disk: SimulatedDisk; begun: Map<string, number> }> {
  const disk = new SimulatedDisk({ seed: 1 });
  const clock = new TestClock();
  clock.now = START;
  const engine = await open(disk, clock);
  await engine.createStream("reports");
  for (const [name, given] of Object.entries(SCHEDULES)) {
    await engine.schedules.put(name, inputOf(name, given));
  }
  const begun = new Map(disk.list().map(({ name, size }) => [name, size]));
  await run(engine, clock, END);
  disk.processKill();
  return { disk, begun };
}

Deno.test("schedules cut: wherever a kill was, each date is stored once", async () => {
  const { disk, begun } = await makeKilled();
  const segments = disk.list().filter(({ name }) => readSegmentName(name) !== undefined);
  assertGreater(segments.length, 1);
  let [cuts, refused] = [0, 0];
  const lengths = new Set<string>();
  for (const [index, { name, size }] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (!isLast) continue;
    for (let cutAt = begun.get(name) ?? 0; cutAt <= size; cutAt++) {
      if (cutAt % STEP !== OFFSET && cutAt !== size) continue;
      const cut = disk.clone(cutAt);
      cut.cut(name, cutAt);
      const clock = new TestClock();
      // The next broker comes within the two minutes that are missed at most.
      clock.now = END;
      let engine: LocalEngine;
      try {
        engine = await open(cut, clock);
      } catch {
        // The checkpoint of a segment comes with it, or the segment is not there.
        refused++;
        continue;
      }
      cuts++;
      const before = await datesOf(new EngineUse(engine, { clock }));
      lengths.add(`${before.cron!.length} ${before.span!.length} ${before.last}`);
      const use = await run(engine, clock, END + 2 * MINUTE);
      const dates = await datesOf(use);
      const where = `${name} cut to ${cutAt}: ${JSON.stringify(dates)}`;
      assertEquals(dates.cron, ["02", "04", "06", "08", "10", "12", "14"], where);
      assertEquals(dates.span, ["03", "06", "09", "12"], where);
      assertEquals(dates.last, ["14"], where);
      await engine.close();
    }
  }
  assertGreater(cuts, 20);
  assertGreater(refused, 0);
  // Cuts were between dates, and not all behind them.
  assert(lengths.size > 3, [...lengths].join("; "));
});
