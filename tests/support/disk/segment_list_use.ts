import { assertEquals } from "@std/assert";
import { RecordType } from "../../../src/broker/events/record.ts";
import type { SnapshotPiece } from "../../../src/broker/state/snapshot.ts";
import { readPieces } from "../../../src/engine/journal/recovery/checkpoint_v3.ts";
import { readDirectory, readHead } from "../../../src/engine/journal/segments/directory.ts";
import { scanSegment } from "../../../src/engine/journal/segments/scan.ts";
import { readSegmentName } from "../../../src/engine/journal/segments/segment_file.ts";
import { SegmentList } from "../../../src/engine/journal/segments/segment_list.ts";
import { SimulatedDisk } from "./simulated_disk.ts";

export const JOURNAL_ID = 0xbeef;
export const SEGMENT_BYTES = 1000;

/** What the checkpoints say; how many streams there are tells them apart. */
export function snapshotOf(streamCount: number): SnapshotPiece[] {
  return [{ piece: "counters", nextStreamNumber: streamCount, nextPublisherNumber: 1 }];
}

/** A snapshot of so many streams. */
export function* makeStreams(count: number): Generator<SnapshotPiece> {
  yield* snapshotOf(count);
  for (let number = 0; number < count; number++) {
    yield { piece: "stream", number, name: "a", nextId: 1 };
  }
}

/** A list of segments that notes which checkpoints were asked for. */
export class ListUse {
  readonly disk: SimulatedDisk;
  readonly list: SegmentList;
  readonly failures: unknown[] = [];
  #snapshotCount = 0;

  constructor(options: { seed?: number; capacity?: number } = {}) {
    this.disk = new SimulatedDisk({ seed: 1, ...options });
    this.list = new SegmentList({
      disk: this.disk,
      journalId: JOURNAL_ID,
      segmentBytes: SEGMENT_BYTES,
      takeSnapshot: () => snapshotOf(++this.#snapshotCount),
      fail: (error) => void this.failures.push(error),
    });
  }

  /** Begins so many segments, with some bytes in each. */
  async fill(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      await this.list.begin(index === 0 ? 0 : this.list.last.end);
      this.list.last.append(new Uint8Array(100));
    }
  }

  get names(): string[] {
    return this.disk.list().map(({ name }) => name).sort();
  }
}

/** The checkpoint of a segment on a disk, if it is all there. */
export function readSegment(disk: SimulatedDisk, name: string): number | undefined {
  const [found] = readDirectory(disk).segments.filter((segment) => segment.name === name);
  const file = disk.open(name);
  const head = readHead(disk, found!, file);
  let checkpoint: number | undefined;
  scanSegment({ file, head, end: found!.size }, {
    record: (record) => {
      if (record.type !== RecordType.piece) return;
      const [piece] = readPieces(record);
      if (piece?.piece === "counters") checkpoint = piece.nextStreamNumber;
    },
    fault: ({ what }) => assertEquals(what, ""),
  });
  assertEquals(head, { base: readSegmentName(name)!, journalId: JOURNAL_ID });
  return checkpoint;
}
