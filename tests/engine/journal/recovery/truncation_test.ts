/**
 * A journal that was cut: each file of it, at each byte. What a crash cannot have done is refused;
 * of what it may have done, exactly the groups are left that are whole.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertMatch,
} from "@std/assert";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import { readEvents } from "../../../../src/broker/events/event_codec.ts";
import { RecordType } from "../../../../src/broker/events/record.ts";
import { scanSegment } from "../../../../src/engine/journal/segments/scan.ts";
import { turn } from "../../../support/broker/broker.ts";
import { chooseLength, chooseOffset } from "../../../support/length.ts";
import type { JournalState } from "../../../support/disk/journal_state.ts";
import type { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import {
  makeSmallJournal,
  type Mark,
  openSmall,
  readJournal,
  type SentText,
  type SmallJournal,
} from "../../../support/disk/small_journal.ts";
import { EngineUse } from "../../engine_use.ts";

const killed = await makeSmallJournal("killed");
const closed = await makeSmallJournal("closed");

/** What was tried in this file, and how often something was not as it must be. */
const tried = { cuts: 0, refused: 0, torn: 0, lost: 0 };

/** What must become of a journal that was cut: a state, or that it is refused. */
type Expected = JournalState | "refused";

/** The tests cut a file at every byte, or at one of so many, and at all ends of groups. */
const STEP = chooseLength({ short: 11, long: 1 });
const OFFSET = chooseOffset(STEP);

/** Cuts a file everywhere; returns what was not as it must be. */
async function cutEverywhere(
  { disk, last, marks }: SmallJournal,
  name: string,
  expect: (size: number) => Expected,
): Promise<string[]> {
  const wrong: string[] = [];
  const bytes = disk.readAll(name);
  const ends = new Set(name === last.name ? marks.map(({ offset }) => offset) : []);
  for (let size = 0; size < bytes.length; size++) {
    if (size % STEP !== OFFSET && !ends.has(size) && !ends.has(size + 1)) continue;
    tried.cuts++;
    const cut = disk.clone(size);
    cut.cut(name, size);
    const expected = expect(size);
    const found = await readTwice(cut, name);
    const isRight = expected === "refused" ? found === "refused" : isEqual(found, expected);
    if (!isRight) wrong.push(`${name} cut to ${size}: ${JSON.stringify(found)}`);
    if (found === "refused") tried.refused++;
  }
  tried.lost += wrong.length;
  return wrong.slice(0, 5);
}

/** Reads a journal; the same must be read when its broker is killed and another one comes. */
async function readTwice(disk: SimulatedDisk, name: string): Promise<Expected | string> {
  const again = disk.clone(1);
  try {
    const state = await readJournal(disk);
    await openSmall(again);
    again.processKill();
    const sides = listSides(again);
    if (!isEqual(await readJournal(again), state)) return "something else the second time";
    if (!isEqual(listSides(again), sides)) return "the side file is not kept";
    return state;
  } catch (error) {
    if (!(error instanceof JournalError) || error.trouble !== "damaged") throw error;
    const isClear = error.message.includes(name) && / at offset \d+: /.test(error.message);
    return isClear ? "refused" : error.message;
  }
}

function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** What was put aside. */
function listSides(disk: SimulatedDisk): { segment: string; bytes: Uint8Array }[] {
  return disk.list().filter(({ name }) => name.includes(".torn-")).map(({ name }) => ({
    segment: name.slice(0, name.indexOf(".torn-")),
    bytes: disk.readAll(name),
  }));
}

/** The end of the last group that is whole when the last segment is cut. */
function findMark({ marks }: SmallJournal, size: number) {
  return marks.findLast(({ offset }) => offset <= size);
}

Deno.test("truncation: the journal of this test has in it what it should have", () => {
  const { disk, segments, last, head, marks, sent } = killed;
  assertGreaterOrEqual(segments.length, 2);
  assertGreater(segments[0]!.base, 0, "the first segment was removed");
  assertEquals(marks.at(-1)!.state, {
    served: {
      a: ["next 9", "5×2 f4", "6×1 t2", "8×1 t5"],
      ab: ["next 8", "4×1 f4", "5×1 t2", "6×1 t3", "7×1 t5"],
      b: ["next 1"],
      "b.dead": ["next 3", "2×1 dead"],
    },
    refused: {},
  });
  assertEquals(marks.at(-1)!.sentCount, sent.length);
  const copy = disk.clone(1);
  const ends: number[] = [];
  const types = new Set<number>();
  const events = new Set<string>();
  for (const { name, base, size } of segments) {
    scanSegment({ file: copy.open(name), head: { ...head, base }, end: size }, {
      group({ end }) {
        if (name === last.name) ends.push(end);
      },
      record(record) {
        types.add(record.type);
        if (record.type === RecordType.event) readEvents(record, ({ type }) => events.add(type));
      },
      fault: ({ what }) => assertEquals(what, ""),
    });
  }
  assertEquals(ends, marks.map(({ offset }) => offset));
  assertEquals([...types].sort(), [10, 2, 4, 5, 7, 8, 9]);
  for (const type of ["failed", "streamUpdated", "expirySet", "streamDeleted"]) {
    assert(events.has(type), type);
  }
});

for (const { name } of killed.segments.slice(0, -1)) {
  Deno.test(`truncation: segment ${name} is not the last one, and no byte of it may be missing`, async () => {
    assertEquals(await cutEverywhere(killed, name, () => "refused"), []);
  });
}

Deno.test("truncation: of the last segment the groups are left that are whole", async () => {
  const wrong = await cutEverywhere(
    killed,
    killed.last.name,
    (size) => findMark(killed, size)?.state ?? "refused",
  );
  assertEquals(wrong, []);
});

Deno.test("truncation: what is cut off a group is kept in a side file, and the journal says so", async () => {
  const { disk, last, marks } = killed;
  const bytes = disk.readAll(last.name);
  // That nothing is lost wherever it is cut is seen above; here some of the places are enough.
  for (let size = marks[0]!.offset; size <= bytes.length; size += 2 * STEP + 1) {
    const copy = disk.clone(size);
    copy.cut(last.name, size);
    const reports: unknown[] = [];
    await openSmall(copy, { report: (_level, _message, fields) => void reports.push(fields) });
    copy.processKill();
    const { offset } = findMark(killed, size)!;
    if (offset === size) {
      assertEquals([listSides(copy), reports], [[], []], `cut to ${size}`);
      continue;
    }
    tried.torn++;
    const torn = bytes.subarray(offset, size);
    assertEquals(listSides(copy), [{ segment: last.name, bytes: torn }], `cut to ${size}`);
    const file = `${copy.path}/${last.name}`;
    const [aside] = copy.list().flatMap(({ name }) => name.includes(".torn-") ? [name] : []);
    assertEquals(reports, [{ file, offset, bytes: torn.length, aside }]);
  }
  await turn();
});

Deno.test("truncation: a batch that is left is known when it is sent again, one that is lost is not", async () => {
  // Before the last segment they were other publishers of the same names.
  const [{ sentCount: first }] = killed.marks as [Mark];
  for (const { offset, sentCount } of killed.marks) {
    const copy = killed.disk.clone(offset);
    // Into the midst of the next group.
    copy.cut(killed.last.name, Math.min(offset + 40, killed.last.size));
    const use = new EngineUse(await openSmall(copy));
    for (const identity of ["all", "other"]) {
      const isHis = (one: SentText) => one.identity === identity;
      const kept = killed.sent.slice(first, sentCount).findLast(isHis);
      if (kept !== undefined) {
        assertEquals(await sendAgain(use, kept), `${kept.stored.join()} again`, `at ${offset}`);
      }
      const lost = killed.sent.slice(sentCount).find(isHis);
      if (lost !== undefined) {
        // The stream "b" may be another one then, or not there.
        const outcome = await sendAgain(use, lost);
        if (identity === "all") assertEquals(outcome, lost.stored.join(), `at ${offset}`);
        else assertMatch(outcome!, /^(b:\d|STREAM_NOT_FOUND)$/, `at ${offset}`);
      }
    }
    copy.processKill();
  }
  await turn();
});

async function sendAgain(use: EngineUse, { identity, bind, sequence, text }: SentText) {
  const publisher = use.publisher(bind, identity);
  publisher.sendAs(sequence, text);
  const [outcome] = await publisher.outcomes();
  publisher.port.lose();
  return outcome;
}

Deno.test("truncation: files that hold no messages may be cut as one likes", async () => {
  for (const journal of [killed, closed]) {
    for (const name of ["reserve", "closed"]) {
      if (!journal.disk.list().some((entry) => entry.name === name)) continue;
      const { state } = journal.marks.at(-1)!;
      assertEquals(await cutEverywhere(journal, name, () => state), []);
    }
  }
});

for (const { name } of closed.segments) {
  Deno.test(`truncation: of segment ${name} no byte may be missing after an orderly end`, async () => {
    assertEquals(await cutEverywhere(closed, name, () => "refused"), []);
  });
}

Deno.test("truncation: without a cut everything is there, whatever the end", async () => {
  for (const journal of [killed, closed]) {
    assertEquals(await readTwice(journal.disk.clone(1), ""), journal.marks.at(-1)!.state);
  }
  assertEquals(tried.lost, 0);
  // deno-lint-ignore no-console
  console.log(
    `truncation: ${tried.cuts} cuts, ${tried.refused} refused as damage, ${tried.torn} torn ends ` +
      `kept aside, lost ${tried.lost}`,
  );
});
