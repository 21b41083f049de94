/**
 * A journal in which single bits are not as they were written. Whatever bit it is: what is delivered
 * is what was published, and what is missing is said to be missing, by file, offset and id.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Event } from "../../../../src/broker/event.ts";
import { listMessages, type RecordMessages } from "../../../../src/broker/events/message_record.ts";
import { decodeJson, RecordType } from "../../../../src/broker/events/record.ts";
import type { SegmentHead } from "../../../../src/engine/journal/segments/format.ts";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import { readPieces } from "../../../../src/engine/journal/recovery/checkpoint_v3.ts";
import { scanSegment } from "../../../../src/engine/journal/segments/scan.ts";
import { findTail } from "../../../../src/engine/journal/segments/tail.ts";
import { chooseLength, chooseOffset } from "../../../support/length.ts";
import type { JournalState } from "../../../support/disk/journal_state.ts";
import type { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import {
  makeSmallJournal,
  readJournal,
  type SmallJournal,
  type SmallSegment,
} from "../../../support/disk/small_journal.ts";

const killed = await makeSmallJournal("killed");
const closed = await makeSmallJournal("closed");

/** What was tried in this file, and how often something was not as it must be. */
const tried = { flips: 0, journals: 0, streams: 0, torn: 0, nothing: 0, lost: 0 };

/** A record of a segment. */
interface Record {
  readonly offset: number;
  readonly bodyOffset: number;
  readonly end: number;
  readonly messages: readonly RecordMessages[];
}

/** Lists the records of a segment that hold messages; notes which number each stream has. */
function listRecords(
  disk: SimulatedDisk,
  head: SegmentHead,
  { segment, numbers }: { segment: SmallSegment; numbers: Map<string, number> },
): Record[] {
  const records: Record[] = [];
  const { name, base, size } = segment;
  scanSegment({ file: disk.open(name), head: { ...head, base }, end: size }, {
    record(record) {
      const { offset, bodyOffset, start, end } = record;
      const messages = listMessages(record);
      const isBody = messages.length > 0;
      if (isBody) records.push({ offset, bodyOffset, end: bodyOffset + end - start, messages });
      if (record.type === RecordType.piece) {
        for (const piece of readPieces(record)) {
          if (piece.piece === "stream") numbers.set(piece.name, piece.number);
        }
      } else if (record.type === RecordType.event) {
        const event = decodeJson(record) as Event;
        if (event.type === "streamCreated") numbers.set(event.name, event.number);
      }
    },
    fault: ({ what }) => assertEquals(what, ""),
  });
  return records;
}

/**
 * Every so many bits of a file are flipped: of each byte another one, so that all kinds of bits have
 * their turn. `BIT_FLIP_STEP=1` flips all of them.
 */
const STEP = Number(Deno.env.get("BIT_FLIP_STEP") ?? chooseLength({ short: 47, long: 3 }));

/** The first bit. */
const OFFSET = chooseOffset(STEP);

/** What must become of a journal with a bit that is wrong. */
type Expected = "refused" | JournalState;

/** What is expected of each byte of a segment. */
function predict(journal: SmallJournal, segment: SmallSegment): (byte: number) => Expected {
  const { disk, head, marks, last, segments } = journal;
  const copy = disk.clone(1);
  const numbers = new Map<string, number>();
  const records = segments.map((one) => listRecords(copy, head, { segment: one, numbers }));
  const own = records[segments.indexOf(segment)]!;
  const isClosed = journal === closed;
  const { proven } = findTail({ file: copy.open(last.name), head, size: last.size });
  return (byte) => {
    if (segment === last && byte >= proven && !isClosed) {
      return marks.findLast(({ offset }) => offset <= byte)!.state;
    }
    const record = own.find(({ bodyOffset, end }) => byte >= bodyOffset && byte < end);
    if (record === undefined) return "refused";
    const { served } = marks.at(-1)!.state;
    const refused: { [stream: string]: string } = {};
    for (const { number, firstId, count } of record.messages) {
      const stream = [...numbers].find(([, one]) => one === number)?.[0];
      if (stream === undefined) continue;
      const ids = count === 1
        ? `message ${firstId}`
        : `messages ${firstId} to ${firstId + count - 1}`;
      refused[stream] = `Cannot serve stream "${stream}": ${ids} in ${disk.path}/${segment.name} ` +
        `at offset ${record.offset} cannot be read; "verify ${disk.path}" tells more, ` +
        `"repair ${disk.path} --skip-damaged" gives up what cannot be read`;
    }
    const left = Object.entries(served).filter(([stream]) => !(stream in refused));
    return { served: Object.fromEntries(left), refused };
  };
}

/** Flips every bit of a file, or every so many; returns what was not as it must be. */
async function flipEverywhere(
  { disk, marks }: SmallJournal,
  name: string,
  expect: (byte: number) => Expected,
  step: number = STEP,
): Promise<string[]> {
  const wrong: string[] = [];
  const bitCount = disk.readAll(name).length * 8;
  for (let bit = OFFSET; bit < bitCount; bit += step) {
    tried.flips++;
    const flipped = disk.clone(bit);
    flipped.flipBit(name, bit);
    const found = await read(flipped, name);
    const expected = expect(Math.floor(bit / 8));
    if (!isEqual(found, expected)) {
      wrong.push(`${name}, bit ${bit}: found ${JSON.stringify(found)}`);
    }
    if (typeof found === "string") tried.journals++;
    else if (Object.keys(found.refused).length > 0) tried.streams++;
    else if (!isEqual(found, marks.at(-1)!.state)) tried.torn++;
    else tried.nothing++;
  }
  tried.lost += wrong.length;
  return wrong.slice(0, 5);
}

/** Reads a journal, or tells in what way it is refused. */
async function read(disk: SimulatedDisk, name: string): Promise<string | JournalState> {
  try {
    return await readJournal(disk);
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    const { message } = error;
    // A later version has nothing wrong at an offset.
    const isClear = message.includes(name) &&
      /at offset \d+: |has format version \d+,/.test(message);
    return isClear ? "refused" : message;
  }
}

function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

for (const segment of killed.segments) {
  const which = segment === killed.last ? "the last segment" : `segment ${segment.name}`;
  Deno.test(`bit flip: no bit of ${which} can change unnoticed`, async () => {
    const wrong = await flipEverywhere(killed, segment.name, predict(killed, segment));
    assertEquals(wrong, []);
  });
}

Deno.test("bit flip: after an orderly end no bit of the last segment is taken for torn", async () => {
  const { last } = closed;
  // The other journal has had all of them; this one differs in its end.
  assertEquals(await flipEverywhere(closed, last.name, predict(closed, last), 5 * STEP), []);
});

Deno.test("bit flip: files that hold no messages may be damaged as one likes", async () => {
  for (const journal of [killed, closed]) {
    for (const name of ["reserve", "closed"]) {
      if (!journal.disk.list().some((entry) => entry.name === name)) continue;
      const { state } = journal.marks.at(-1)!;
      assertEquals(await flipEverywhere(journal, name, () => state), []);
    }
  }
});

Deno.test("bit flip: what was tried", () => {
  assertEquals(tried.lost, 0);
  // deno-lint-ignore no-console
  console.log(
    `bit flips: ${tried.flips} flips; journal refused ${tried.journals}, streams refused ` +
      `${tried.streams}, torn end ${tried.torn}, nothing amiss ${tried.nothing}, ` +
      `lost ${tried.lost}`,
  );
});
