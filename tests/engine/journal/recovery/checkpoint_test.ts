/**
 * Checkpoints in pieces: whatever there is to remember, they are written and read; one of which some
 * is missing, or that cannot be read, is found, told of, and given up when told to.
 *
 * @module
 */

import { encodeBatch } from "../../../../protocol.ts";
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { findFlags } from "../../../../src/protocol/messages/batch.ts";
import type { SnapshotPiece } from "../../../../src/broker/state/snapshot.ts";
import { RecordType } from "../../../../src/broker/events/record.ts";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import { readPieces } from "../../../../src/engine/journal/recovery/checkpoint_v3.ts";
import { scanSegment } from "../../../../src/engine/journal/segments/scan.ts";
import { nameSegment } from "../../../../src/engine/journal/segments/segment_file.ts";
import { repairJournal, verifyJournal } from "../../../../src/engine/journal/repair/tools.ts";
import { batchOf } from "../../../support/wire/batches.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { RecordingPublisherSink } from "../../../support/broker/recording_sinks.ts";
import { published, SegmentBytes } from "../../../support/disk/segment_bytes.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { listSegments } from "../../../support/disk/small_journal.ts";
import { bindOf } from "../../../support/broker/test_broker.ts";
import { diskWith, look } from "./one_segment.ts";

const HEAD = { base: 0, journalId: 1 };

/** What the checkpoints of this test tell, in three groups. */
const PIECES: readonly (readonly SnapshotPiece[])[] = [
  [
    { piece: "counters", nextStreamNumber: 3, nextPublisherNumber: 2 },
    { piece: "stream", number: 1, name: "a", nextId: 5 },
  ],
  [{ piece: "stream", number: 2, name: "b", nextId: 7 }],
  [{ piece: "publisher", number: 1, identity: "me", lastSequence: 4, settled: 5 }],
];

/** The pieces of the last segment's checkpoint, and the size of the largest. */
function readCheckpoint(disk: SimulatedDisk) {
  const { name, base, size } = listSegments(disk).at(-1)!;
  const pieces: SnapshotPiece[] = [];
  let bytesMax = 0;
  scanSegment({ file: disk.open(name), head: { ...HEAD, base }, end: size }, {
    record(record) {
      if (record.type !== RecordType.piece) return;
      pieces.push(...readPieces(record));
      bytesMax = Math.max(bytesMax, record.meta.byteLength);
    },
    fault: ({ what }) => assertEquals(what, ""),
  });
  return { pieces, bytesMax };
}

Deno.test("a checkpoint of several groups is read as a whole", async () => {
  const segment = new SegmentBytes(HEAD).addCheckpoint(PIECES);
  segment.add([published(2, 7, "after")]);
  assertEquals(await look(diskWith(segment)), { a: ["next 5"], b: ["next 8", "7×1 after"] });
});

for (const what of ["with a piece too few", "without its end"]) {
  Deno.test(`a checkpoint ${what} is damage, and can be given up`, async () => {
    const segment = new SegmentBytes(HEAD);
    if (what === "without its end") {
      for (const pieces of PIECES.slice(0, 2)) segment.addPieces(pieces);
    } else segment.addCheckpoint([PIECES[0]!, PIECES[2]!], 4);
    const disk = diskWith(segment.add([published(1, 5, "after")]));
    const error = await assertRejects(() => look(disk), JournalError, "a checkpoint is");
    assertStringIncludes(error.message, "verify");
    const { lines, isUsable } = verifyJournal(disk);
    assertEquals(isUsable, false);
    assert(lines.some((line) => line.includes("a checkpoint is")), lines.join("\n"));
    assert((await repairJournal(disk, "skip-damaged", "now")).isUsable);
    assertStringIncludes(JSON.stringify(await look(disk)), "5×1 after");
  });
}

Deno.test("the last segment is not cut off in the midst of its checkpoint", async () => {
  const whole = new SegmentBytes(HEAD).addCheckpoint(PIECES);
  for (const offset of whole.offsets.slice(1)) {
    for (const size of [offset, offset + 9]) {
      const disk = diskWith(whole);
      disk.cut(nameSegment(0), size);
      await assertRejects(() => look(disk), JournalError, "damaged", `${size}`);
      assertEquals(verifyJournal(disk).isUsable, false, `${size}`);
      const repaired = disk.clone(2);
      const { isUsable, lines } = await repairJournal(repaired, "skip-damaged", "now");
      assert(isUsable, lines.join("\n"));
      await look(repaired);
      assert((await repairJournal(disk, "cut", "now")).isUsable);
      await look(disk);
    }
  }
});

for (const type of [RecordType.checkpoint, RecordType.piece, RecordType.event]) {
  Deno.test(`a record of type ${type} that is no JSON is damage, and can be given up`, async () => {
    const segment = new SegmentBytes(HEAD).addCheckpoint(PIECES).addText(type, '{"streams": [');
    const durable = segment.bytes.length;
    const disk = diskWith(segment.add([published(1, 5, "after")], durable));
    await assertRejects(() => look(disk), JournalError, "cannot be read");
    const { lines, isUsable } = verifyJournal(disk);
    assertEquals(isUsable, false);
    assert(lines.some((line) => line.includes("cannot be read")), lines.join("\n"));
    assert((await repairJournal(disk, "skip-damaged", "now")).isUsable);
    assertEquals(await look(disk), { a: ["next 6", "5×1 after"], b: ["next 7"] });
  });
}

Deno.test("an event at the end that is no JSON is damage, too, whether it was flushed or not", async () => {
  const segment = new SegmentBytes(HEAD).addCheckpoint(PIECES).addText(RecordType.event, "{...");
  const disk = diskWith(segment);
  await assertRejects(() => look(disk), JournalError, "an event cannot be read");
  assert((await repairJournal(disk, "skip-damaged", "now")).isUsable);
  assertEquals(await look(disk), { a: ["next 5"], b: ["next 7"] });
});

Deno.test("publishers with thousands of confirmed batches to many streams leave a small checkpoint", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const now = () => 1000;
  let engine = await openJournal(disk, { now });
  const names = Array.from({ length: 30 }, (_, index) => `s${index}`.padEnd(128, "-"));
  for (const name of names) await engine.createStream(name);
  const sinks = [1, 2, 3].map(() => new RecordingPublisherSink());
  const publishers = sinks.map((sink, index) =>
    engine.openPublisher({ identity: `p${index}`, bind: bindOf(/^s/) }, sink)
  );
  for (let sequence = 1; sequence <= 300; sequence++) {
    for (const port of publishers) {
      const batch = batchOf("x");
      port.publish({ ...batch, sequence, settled: sequence, bytes: batch.end });
    }
    await engine.whenDurable();
  }
  assertEquals(sinks.map(({ outcomes }) => outcomes.length), [300, 300, 300]);
  await engine.close();
  disk.processKill();
  for (let round = 0; round < 2; round++) {
    engine = await openJournal(disk, { now });
    const { pieces } = readCheckpoint(disk);
    const outcomes = pieces.flatMap((piece) => piece.piece === "outcomes" ? piece.batches : []);
    assertEquals(outcomes.map(([sequence]) => sequence), [300, 300, 300]);
    const sink = new RecordingPublisherSink();
    const port = engine.openPublisher({ identity: "p1", bind: bindOf(/^s/) }, sink);
    const batch = batchOf("x");
    port.publish({ ...batch, sequence: 300, settled: 300, bytes: batch.end });
    assertEquals(
      sink.outcomes,
      sinks[1]!.outcomes.slice(-1).map((one) => ({
        ...one,
        isDuplicate: true,
      })),
    );
    await engine.close();
    disk.processKill();
  }
});

Deno.test("what publishers never settle, and dedup ids by the thousand, come in pieces", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const now = () => 1000;
  let engine = await openJournal(disk, { now });
  for (let index = 0; index < 10; index++) await engine.createStream(`s${index}`.padEnd(128, "-"));
  const sink = new RecordingPublisherSink();
  const port = engine.openPublisher({ identity: "me", bind: bindOf(/^s/) }, sink);
  const makeBatch = (sequence: number) => {
    const wishes = { dedupId: `${sequence}`.padEnd(128, ".") };
    const batch = encodeBatch([{ kind: 1, headers: {}, body: new Uint8Array(1), wishes }]);
    return { ...batch, sequence, settled: 0, bytes: batch.end, flags: findFlags(batch) };
  };
  for (let sequence = 1; sequence <= 2000; sequence++) port.publish(makeBatch(sequence));
  await engine.whenDurable();
  await engine.close();
  disk.processKill();
  engine = await openJournal(disk, { now });
  const { pieces, bytesMax } = readCheckpoint(disk);
  assertLess(bytesMax, 100_000);
  assertGreater(pieces.length, 30);
  // All streams have seen the same dedup ids, which are told once.
  const ids = pieces.flatMap((piece) => piece.piece === "messageIds" ? piece.messageIds : []);
  const same = pieces.filter(({ piece }) => piece === "sameIds");
  assertEquals([ids.length, same.length], [2000, 9]);
  const again = engine.openPublisher({ identity: "other", bind: bindOf(/^s9/) }, sink);
  again.publish(makeBatch(1));
  await engine.whenDurable();
  assertEquals(sink.outcomes.at(-1)?.stored, [`${"s9".padEnd(128, "-")}:1`]);
  await engine.close();
});
