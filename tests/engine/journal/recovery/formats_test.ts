/**
 * Journals that brokers of each version of the format have left: they are opened, and everything is
 * there that was put in.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { FORMAT_VERSION } from "../../../../src/engine/journal/segments/format.ts";
import { verifyJournal } from "../../../../src/engine/journal/repair/tools.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { listSegments } from "../../../support/disk/small_journal.ts";
import { EngineUse, upTo } from "../../engine_use.ts";

/** The time of the brokers that have written them. */
const NOW = 1_700_000_000_000;

/** A directory as it was left. */
function readFormat(version: number): SimulatedDisk {
  const disk = new SimulatedDisk({ seed: 1 });
  const directory = new URL(`formats/v${version}/`, import.meta.url);
  for (const { name } of Deno.readDirSync(directory)) {
    disk.replace(name, Deno.readFileSync(new URL(name, directory)));
  }
  return disk;
}

/** Opens a directory as the version of now does, and what it has written once more. */
async function openFormat(version: number, startCount: number): Promise<EngineUse> {
  const disk = readFormat(version);
  const options = { segmentBytes: 1000, reserveBytes: 16, now: () => NOW };
  for (let count = 1; count < startCount; count++) {
    await (await openJournal(disk, options)).close();
    disk.processKill();
  }
  return new EngineUse(await openJournal(disk, options));
}

for (const version of upTo(FORMAT_VERSION)) {
  Deno.test(`format ${version}: the directory is in order, and has several segments`, () => {
    const disk = readFormat(version);
    const { lines, isUsable } = verifyJournal(disk);
    assert(isUsable, lines.join("\n"));
    assert(listSegments(disk).length >= 3);
  });

  // What was read once is written as the version of now does it, and read again.
  for (const startCount of [1, 3]) {
    Deno.test(`format ${version}, started ${startCount} times: everything is there`, async () => {
      const use = await openFormat(version, startCount);
      await checkVersion1(use);
      if (version >= 2) await checkVersion2(use);
      if (version >= 3) await checkVersion3(use);
      if (version >= 5) await checkVersion5(use);
      await checkTimes(use, version);
      const count = [0, 3, 6, 7, 7, 11][version];
      assertEquals((await use.engine.getStreams()).length, count);
      await checkPublishers(use);
      await use.engine.close();
    });
  }
}

/** The texts of "a" and "ab", where two messages were published together eight times. */
const PAIRS = upTo(8).flatMap((round) => [`x${round}`.padEnd(120, "."), `y${round}`]);

/** What is in a stream, if all of it is ready and nobody has worked on it. */
function ready(texts: readonly string[]): string[] {
  return texts.map((text, index) => `${index + 1}×0 ready ${text}`);
}

async function checkVersion1(use: EngineUse): Promise<void> {
  const acknowledged = [1, 2, 3, 4, 5, 8];
  const left = ready(PAIRS).filter((_, index) => !acknowledged.includes(index + 1));
  // The oldest one that was held, and one that its follower had begun.
  const a = left.map((line) => line.replace(/^([67])×0/, "$1×1"));
  assertEquals(await use.look("a"), a);
  assertEquals(await use.look("ab"), ready(PAIRS));
  const b = [...upTo(8).map((round) => `z${round}`.padEnd(200, ".")), "of one that has ended"];
  assertEquals(await use.look("b"), ready(b));
  const nextIds = ["a", "ab", "b"].map(async (name) => (await use.engine.getStream(name)).nextId);
  assertEquals(await Promise.all(nextIds), [17, 17, 10]);
}

async function checkVersion2(use: EngineUse): Promise<void> {
  assertEquals(await use.look("times"), [
    "1×0 delayed later",
    "2×0 ready short",
    "3×0 ready known",
    "4×1 delayed failing",
  ]);
  const { options } = await use.engine.getStream("times");
  assertEquals([options.maxDeliveries, options.ttlMs], [3, 3_600_000]);
  const [later, short, known] = await use.properties("times");
  assertEquals([later?.deliverAt, short?.expiresAt], [NOW + 60_000, NOW + 1000]);
  assertEquals(known?.dedupId, "id-1");
  assertEquals(await use.look("times.dead"), ["1×0 ready rejected"]);
  assertEquals((await use.properties("times.dead"))[0]?.deadLetter, {
    stream: "times",
    id: 5,
    attempts: 1,
    cause: "rejected",
    firstAt: NOW,
    lastAt: NOW,
    reasons: ["never"],
    follower: "worker",
  });
  assertEquals((await use.engine.getStream("paused")).isPaused, true);
  assertEquals(await use.look("paused"), ["1×0 ready waits"]);
  const again = use.publisher("times", "whoever");
  assertMatch(await again.storeWished({ text: "known", dedupId: "id-1" }), /^times:3/);
}

async function checkVersion3(use: EngineUse): Promise<void> {
  const follower = use.follower("order");
  assertEquals(await follower.received(4), [
    "order:3×1 high",
    "order:2×1 usual",
    "order:4×1 first of k",
    "order:1×1 low",
  ]);
  await follower.ack(3);
  assertEquals((await follower.received(5)).at(-1), "order:5×1 second of k");
}

async function checkVersion5(use: EngineUse): Promise<void> {
  assertEquals(await use.look("scheduled"), ["1×0 ready at-once"]);
  const scheduledAt = new Date(NOW).toISOString();
  assertEquals(
    (await use.properties("scheduled"))[0]?.dedupId,
    `schedule/at-once/${scheduledAt}`,
  );
  const { items } = await use.engine.schedules.list(0);
  assertEquals(
    items.map(({ name, isPaused, next, count, last }) => [name, isPaused, next[0], count, last]),
    [
      ["at-once", false, NOW + 3_600_000, 1, { at: NOW, id: 1 }],
      ["nightly", true, undefined, 0, undefined],
    ],
  );
  assertEquals(await use.look("joined"), ["2×0 ready last of c"]);
  assertEquals(await use.look("postponed"), ["1×0 delayed later"]);
  assertEquals((await use.properties("lanes"))[0]?.lane, "acme");
  const { options } = await use.engine.getStream("lanes");
  assertEquals([options.sharedLimit, options.priorityAgingMs], ["shared", 60_000]);
  const [limit] = await use.engine.lanes.getLimits();
  assertEquals([limit?.name, limit?.settings.maxPending], ["shared", 3]);
  const { items: [lane] } = await use.engine.lanes.list("lanes", {});
  assertEquals([lane?.name, lane?.settings?.weight, lane?.settings?.maxPending], ["acme", 3, 2]);
}

/** Since version 2 it is known when messages were stored; what was moved by version 1 gets a time then. */
async function checkTimes(use: EngineUse, version: number): Promise<void> {
  for (const name of ["a", "ab", "b"]) {
    const { infos } = await use.engine.peek(name, 1, 1000);
    const times = new Set(infos.map(({ storedAt }) => storedAt));
    assertEquals(version === 1 || times.has(NOW), true, `${name}: ${[...times]}`);
    for (const time of times) assert(time === undefined ? version === 1 : time === NOW);
    const { oldestReadyMs } = await use.engine.getStream(name);
    assertEquals(oldestReadyMs, infos[0]!.storedAt === undefined ? undefined : 0);
  }
}

/** What comes again is known; streams and publishers that are gone are not, and no id is used twice. */
async function checkPublishers(use: EngineUse): Promise<void> {
  const both = use.publisher(/^a/, "both");
  both.sendAs(15, ...PAIRS.slice(-2));
  both.sendAs(17, "new");
  assertEquals(await both.outcomes(), ["a:15,ab:15 again", "a:17,ab:17"]);
  const ended = use.publisher("b", "ended");
  ended.send("another one");
  assertEquals(await ended.outcomes(), ["b:10"]);
  await use.create("gone");
  assertEquals(await use.look("gone"), []);
  assertEquals((await use.engine.getStream("gone")).nextId, 1);
}
