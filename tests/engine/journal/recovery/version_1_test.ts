/**
 * A journal of version 1 of the format: it is read, gone on with, and kept as well as one of today.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { STREAM_OPTIONS_DEFAULT } from "../../../../src/protocol/messages/stream_options.ts";
import type { LocalEngine } from "../../../../src/engine/local_engine.ts";
import {
  decodeSegmentHead,
  FORMAT_VERSION,
  RECORD_HEAD_BYTES,
} from "../../../../src/engine/journal/segments/format.ts";
import { readEvents } from "../../../../src/broker/events/event_codec.ts";
import { scanSegment } from "../../../../src/engine/journal/segments/scan.ts";
import { nameSegment } from "../../../../src/engine/journal/segments/segment_file.ts";
import { batchOf, textsOf } from "../../../support/wire/batches.ts";
import { turn } from "../../../support/broker/broker.ts";
import { readState } from "../../../support/disk/journal_state.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { fileOf, SegmentBytes } from "../../../support/disk/segment_bytes.ts";
import type { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { listSegments } from "../../../support/disk/small_journal.ts";
import { EngineUse } from "../../engine_use.ts";
import { diskWith, look } from "./one_segment.ts";

const HEAD = { base: 0, journalId: 1 };

/** A segment as a broker of version 1 has left it, with two streams and a publisher. */
function segmentV1(): SegmentBytes {
  const segment = new SegmentBytes(HEAD, 1);
  segment.addCheckpointV3({
    nextStreamNumber: 2,
    nextPublisherNumber: 1,
    streams: [{ number: 1, name: "a", nextId: 5 }],
  });
  segment.add([
    { type: "streamCreated", number: 2, name: "b" },
    { type: "publisherOpened", number: 1, identity: "me" },
  ]);
  const both = [{ stream: "", number: 1, firstId: 5 }, { stream: "", number: 2, firstId: 1 }];
  const batch = batchOf("one", "two");
  segment.addPublishedV1({ publisher: 1, sequence: 1, storedIn: both, batch });
  const one = [{ stream: "", number: 1, firstId: 7 }];
  segment.addPublishedV1({ publisher: 1, sequence: 3, storedIn: one, batch: batchOf("three") });
  return segment.add([
    { type: "acknowledged", number: 1, firstId: 5, count: 1 },
    { type: "attempted", number: 1, firstId: 7, count: 1, attempts: 4 },
  ]);
}

/** The versions of the segments on a disk, oldest first. */
function versionsOn(disk: SimulatedDisk): number[] {
  return listSegments(disk).map(({ name }) => {
    return new DataView(disk.readAll(name).buffer).getUint32(8);
  });
}

const EXPECTED = {
  a: ["next 8", "6×1 two", "7×5 three"],
  b: ["next 3", "1×1 one", "2×1 two"],
};

Deno.test("version 1: the head of a segment is read, one of version 0 too, a later one not", () => {
  for (const version of [0, 1, FORMAT_VERSION]) {
    assertEquals(decodeSegmentHead(new SegmentBytes(HEAD, version).bytes), HEAD);
  }
  const later = new SegmentBytes(HEAD, FORMAT_VERSION + 1);
  assertEquals(decodeSegmentHead(later.bytes), "a later version");
});

Deno.test("version 1: a record of messages is read, with no time and no expiry", () => {
  const { bytes, offsets } = segmentV1();
  const found: unknown[] = [];
  scanSegment({ file: fileOf(bytes), head: HEAD, start: offsets[2]!, end: offsets[4]! }, {
    record(record) {
      readEvents(record, (event) => {
        assert(event.type === "published");
        const { batch, ...rest } = event;
        found.push({ ...rest, batch: textsOf(batch) });
      });
    },
    fault: ({ what }) => assertEquals(what, ""),
  });
  const both = [{ stream: "", number: 1, firstId: 5 }, { stream: "", number: 2, firstId: 1 }];
  const common = { type: "published", publisher: 1, storedAt: 0 };
  assertEquals(found, [
    { ...common, sequence: 1, storedIn: both, batch: ["one", "two"] },
    {
      ...common,
      sequence: 3,
      storedIn: both.slice(0, 1).map((at) => ({ ...at, firstId: 7 })),
      batch: ["three"],
    },
  ]);
});

Deno.test("version 1: all that is in a journal is there, and streams have what all have", async () => {
  const disk = diskWith(segmentV1());
  assertEquals(await look(disk), EXPECTED);
  const engine: LocalEngine = await openJournal(disk);
  for (const { options, isPaused, delayed } of await engine.getStreams()) {
    assertEquals([options, isPaused, delayed], [STREAM_OPTIONS_DEFAULT, false, 0]);
  }
  await engine.close();
});

Deno.test("version 1: what was not proven to be flushed is written anew, and the journal goes on", async () => {
  const disk = diskWith(segmentV1());
  const use = new EngineUse(await openJournal(disk));
  const publisher = use.publisher("a", "me");
  publisher.sendAs(3, "three");
  publisher.sendAs(4, "four");
  assertEquals(await publisher.outcomes(), ["a:7 again", "a:8"]);
  await use.engine.close();
  assertEquals(versionsOn(disk).at(-1), FORMAT_VERSION);
  const expected = { ...EXPECTED, a: ["next 9", ...EXPECTED.a.slice(1), "8×1 four"] };
  assertEquals(await look(disk), expected);
  // Once more, now that a segment of each version is behind it, if the old one is needed at all.
  const again = await openJournal(disk, { fail: () => {} });
  await again.createStream("c");
  disk.processKill();
  await turn();
  assertEquals(await look(disk), { ...expected, c: ["next 1"] });
});

Deno.test("version 1: a proven segment is read where it lies, and stays as it is", async () => {
  const segment = segmentV1();
  // A mark that everything before it was flushed.
  segment.add([{ type: "streamCreated", number: 3, name: "c" }], segment.bytes.length);
  const disk = diskWith(segment);
  const engine = await openJournal(disk, { memoryLimit: 1 });
  const { bytes } = segment;
  assertEquals(
    disk.readAll(nameSegment(0)).subarray(0, bytes.length - 100),
    bytes.subarray(0, bytes.length - 100),
  );
  assertEquals((await readState(engine)).served, { ...EXPECTED, c: ["next 1"] });
  await engine.close();
  assertEquals(versionsOn(disk), [1, FORMAT_VERSION]);
});

Deno.test("version 1: of a damaged record is told which streams cannot be served", async () => {
  const segment = segmentV1();
  const { offsets } = segment;
  segment.add([{ type: "streamCreated", number: 3, name: "c" }], segment.bytes.length);
  const bodyAt = 32 + RECORD_HEAD_BYTES + 16 + 2 * 16;
  segment.bytes[offsets[2]! + bodyAt + 9]! ^= 1;
  const engine = await openJournal(diskWith(segment), { fail: () => {} });
  const { served, refused } = await readState(engine);
  assertEquals(served, { c: ["next 1"] });
  assertEquals(Object.keys(refused), ["a", "b"]);
  assertStringIncludes(refused.a!, "messages 5 to 6");
  await engine.close();
});
