/**
 * Power cuts and kills while schedules store messages, in small segments that come and go: each date is
 * there once afterwards, whatever was under way, and what has taken another one's place is alone.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { decodeBatch, encodeBatch, type ScheduleInput } from "../../../../protocol.ts";
import { encodeBase64 } from "../../../../src/protocol/base64.ts";
import { chooseLength } from "../../../support/length.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { LeasedDisk } from "../../../support/disk/leased_disk.ts";
import { Random } from "../../../support/random.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { EngineUse, TestClock } from "../../engine_use.ts";

const SEEDS = chooseLength({ short: 6, long: 1000 });
const CRASHES = 6;
const SECOND = 1000;

function inputOf(name: string, given: Partial<ScheduleInput>): ScheduleInput {
  const body = new TextEncoder().encode(name);
  const entry = encodeBase64(encodeBatch([{ kind: 1, body }]).buffer);
  return { stream: "reports", entry, missed: "all", ...given };
}

const SCHEDULES: Readonly<Record<string, Partial<ScheduleInput>>> = {
  span: { everyMs: 2 * SECOND },
  cron: { cron: "*/3 * * * * *", jitterMs: SECOND },
  last: { everyMs: SECOND, missed: "one", overlap: "replace" },
};

Deno.test("a power cut or a kill leaves each date of a schedule once, whatever was under way", async () => {
  const first = Number(Deno.env.get("SCHEDULES_SEED") ?? Math.floor(Math.random() * 1e6));
  for (let seed = first; seed < first + SEEDS; seed++) {
    try {
      await crash(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});

async function crash(seed: number): Promise<void> {
  const random = new Random(seed);
  const disk = new SimulatedDisk({ seed });
  const clock = new TestClock();
  const options = {
    segmentBytes: random.pick([1500, 4096, 64 * 1024]),
    memoryLimit: random.pick([1, 10_000_000]),
    reserveBytes: 2048,
    now: () => clock.now,
    fail: () => {},
  };
  // A process that is gone writes nothing more.
  let lease = new LeasedDisk(disk);
  const open = () => openJournal(lease = new LeasedDisk(disk), options);
  const use = new EngineUse(await open(), { clock, reopen: open });
  await use.create("reports");
  for (const [name, given] of Object.entries(SCHEDULES)) {
    await use.engine.schedules.put(name, inputOf(name, given));
  }
  const start = clock.now;
  const seen = new Map<string, number[]>(Object.keys(SCHEDULES).map((name) => [name, []]));
  for (let round = 0; round < CRASHES; round++) {
    for (let step = 0; step < 4 + random.below(8); step++) {
      use.advance(random.pick([100, SECOND, 2 * SECOND]));
      await turns(random.below(40));
    }
    // Some of what is there is worked off, and acknowledged for good.
    if (random.chance(0.5)) await workOff(use, seen);
    use.advance(SECOND);
    await turns(random.below(12));
    lease.end();
    if (random.chance(0.5)) disk.powerCut();
    else disk.processKill();
    use.engine = await open();
  }
  for (let step = 0; step < 60; step++) {
    use.advance(step < 10 ? SECOND : 0);
    await use.fence();
  }
  await workOff(use, seen);
  const passed = (clock.now - start) / SECOND;
  for (const name of ["span", "cron"] as const) {
    const dates = seen.get(name)!.toSorted((one, other) => one - other);
    const distance = name === "span" ? 2 * SECOND : 3 * SECOND;
    const expected = dates.map((_, index) => dates[0]! + index * distance);
    assertEquals(dates, expected, name);
    assert(dates[0]! - start <= distance && dates.length >= passed * SECOND / distance - 2, name);
  }
  const last = seen.get("last")!;
  assertEquals(new Set(last).size, last.length);
}

/** Takes all that is there, and notes the dates; a date is never there again. */
async function workOff(use: EngineUse, seen: ReadonlyMap<string, number[]>): Promise<void> {
  await use.fence();
  const { infos, entries } = await use.engine.peek("reports", 1, 1000);
  const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
  const found = decodeBatch(batch).map(({ headers, body }) => {
    return [new TextDecoder().decode(body), Date.parse(headers.scheduledAt!)] as const;
  });
  const lasts = found.filter(([name]) => name === "last");
  assert(lasts.length <= 1, `${lasts}`);
  const { count, skipped } = await use.engine.dropMessages("reports", infos.map(({ id }) => id));
  assertEquals([count, skipped], [infos.length, 0]);
  for (const [name, date] of found) seen.get(name)!.push(date);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}
