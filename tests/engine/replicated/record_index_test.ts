import { assertEquals } from "@std/assert";
import { Chain, type TakenRecord } from "../../../src/engine/replicated/chain.ts";
import { readHeadOf } from "../../../src/engine/replicated/following/own_files.ts";
import {
  type IndexEntry,
  RecordIndex,
} from "../../../src/engine/replicated/following/record_index.ts";
import { RECORD_HEAD_BYTES, RECORD_TYPES } from "../../../src/engine/replicated/record.ts";
import { SimulatedDisk } from "../../support/disk/simulated_disk.ts";
import { recordOf } from "./window/window_use.ts";

/** Notes a record of a type; all that begin a segment do so at one position. */
function note(index: RecordIndex, sequence: number, type: number): void {
  const bytes = recordOf({ type, number: sequence }, type === RECORD_TYPES.heartbeat ? "{}" : "");
  const before = { ...new Chain().point, sequence: sequence - 1 };
  const head = readHeadOf(bytes);
  const kind = type === RECORD_TYPES.segment ? "segment" : "heartbeat";
  const taken: TakenRecord = { kind, head, body: bytes.subarray(RECORD_HEAD_BYTES) };
  index.prepare(taken, before);
  index.note(sequence, taken, bytes);
}

Deno.test("record index: what is cut off does not count any more", () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const { segment, heartbeat } = RECORD_TYPES;
  const written = new RecordIndex(disk);
  for (const [at, type] of [segment, heartbeat, segment, heartbeat, heartbeat].entries()) {
    note(written, at + 1, type);
  }
  written.close();
  const index = new RecordIndex(disk);
  const entries = [...index.load()].filter((entry) => "counts" in entry) as IndexEntry[];
  assertEquals([entries.length, index.idleCount, index.firstSequence], [5, 3, 3]);
  index.cut(entries[1]);
  assertEquals([index.idleCount, index.firstSequence], [1, 1]);
  // The next turn of the segment is the second one, and the first one's file is named after it.
  assertEquals(index.nameDropped(0), "0000000000000000.journal.dropped-1");
  note(index, 3, segment);
  assertEquals(index.firstSequence, 3);
  assertEquals([...index.readFrom(1)].map(({ sequence }) => sequence), [1, 2, 3]);
  index.close();
});
