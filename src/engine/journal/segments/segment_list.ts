import { setImmediate } from "node:timers";
import { invariant } from "../../../broker/invariant.ts";
import type { SnapshotPiece } from "../../../broker/state/snapshot.ts";
import type { FoundSegment } from "./directory.ts";
import type { Disk, DiskFile } from "../disk/disk.ts";
import { encodeSegmentHead } from "./format.ts";
import { Group } from "./group.ts";
import { OpenFiles } from "../disk/open_files.ts";
import { Proof } from "./proof.ts";
import { nameSegment, SegmentFile, SegmentTotals } from "./segment_file.ts";
import { SegmentRemover } from "./segment_remover.ts";

/** The size at which a segment takes no more groups, in bytes. */
const SEGMENT_BYTES: number = 64 * 1024 * 1024;

/** The least size of segments on a small disk, in bytes. */
const SEGMENT_BYTES_MIN = 1024 * 1024;

/** How many segments should fit into the free room of a disk. */
const SEGMENTS_FREE = 16;

/** The least size of a segment, as a multiple of its checkpoint. */
const CHECKPOINT_FACTOR = 4;

/** The bytes of a checkpoint after which the event loop gets a turn. */
const PAUSE_BYTES = 4 * 1024 * 1024;

/** The weight, in bytes, of a dedup id that is compared with another stream's and not written. */
const SAME_ID_BYTES = 50;

/** A segment that takes groups, and the proof that all before its end is flushed. */
export interface OpenSegment {
  readonly segment: SegmentFile;
  readonly proof: Proof;
}

export interface SegmentListOptions {
  readonly disk: Disk;
  readonly journalId: number;
  /** The size at which a segment takes no more groups, in bytes. */
  readonly segmentBytes: number;
  /** Counts the bytes of checkpoints. */
  readonly counters?: { writtenBytes: number };
  /** Gives the pieces of a checkpoint: the stored state so far. */
  readonly takeSnapshot: () => Iterable<SnapshotPiece>;
  /** Hears of a segment that cannot be removed. */
  readonly fail: (error: unknown) => void;
}

/**
 * The segments of a journal, oldest first: begins new ones, and removes those without live messages.
 *
 * A segment begins with a checkpoint, so that it can be the first one. They go oldest first: an
 * acknowledgement is never removed before the message that it is about.
 */
export class SegmentList {
  readonly #options: SegmentListOptions;
  readonly #files: OpenFiles;
  readonly #remover: SegmentRemover;
  readonly #totals = new SegmentTotals();
  readonly #segments: SegmentFile[] = [];

  constructor(options: SegmentListOptions) {
    this.#options = options;
    this.#files = new OpenFiles(options.disk);
    this.#remover = new SegmentRemover(options.disk, options.fail);
  }

  get all(): readonly SegmentFile[] {
    return this.#segments;
  }

  get oldest(): SegmentFile {
    return this.#segments[0]!;
  }

  get last(): SegmentFile {
    return this.#segments.at(-1)!;
  }

  get totals(): Readonly<SegmentTotals> {
    return this.#totals;
  }

  /** Whether most of the last segment is waste. */
  get isLastWasted(): boolean {
    const { size, headBytes, liveBytes, underwayCount } = this.last;
    return underwayCount === 0 && size - headBytes > 2 * liveBytes;
  }

  add({ name, base, size }: FoundSegment): SegmentFile {
    const segment = new SegmentFile(base, this.#files.lazy(name), size);
    this.#push(segment);
    return segment;
  }

  /** Gives up the last segment, of which nothing counts; its file stays. */
  dropLast(): void {
    this.#close(this.#segments.pop()!);
  }

  /**
   * Begins a new segment if the last one has no room for a number of bytes, or if it is forced to; never
   * if the last one is still empty.
   */
  rotate(bytes: number, isForced = false): Promise<OpenSegment> | undefined {
    const { headBytes, size } = this.last;
    // A group that is larger than a segment has one to itself, beside the checkpoint.
    if (size <= headBytes) return undefined;
    if (size - headBytes + bytes <= this.#roomBehind(headBytes) && !isForced) return undefined;
    return this.#rotate();
  }

  /** How much has room behind a checkpoint: one of many streams should not be written for a few messages each. */
  #roomBehind(headBytes: number): number {
    return Math.max(this.#options.segmentBytes, CHECKPOINT_FACTOR * headBytes);
  }

  /**
   * Begins a segment at a position. It appears with its flushed checkpoint, or not at all.
   *
   * @param base The position: the durable end of the journal.
   * @param fill Writes further groups that it must begin with.
   */
  async begin(base: number, fill?: (segment: SegmentFile) => void): Promise<OpenSegment> {
    const { disk, journalId } = this.#options;
    const name = nameSegment(base);
    const file = this.#createTemporary(`${name}.tmp`);
    try {
      const segment = new SegmentFile(base, file, 0);
      segment.append(encodeSegmentHead({ base, journalId }));
      await this.#writeCheckpoint(segment);
      segment.bytesMax = segment.headBytes + this.#roomBehind(segment.headBytes);
      fill?.(segment);
      const proof = await Proof.bySync(file, segment.end);
      const { counters } = this.#options;
      if (counters !== undefined) counters.writtenBytes += segment.size;
      disk.rename(`${name}.tmp`, name);
      await disk.sync();
      // An empty segment may have had that name.
      if (this.#segments.at(-1)?.base === base) this.#close(this.#segments.pop()!);
      // Nothing more is written to the segment before: it need not stay open.
      const previous = this.#segments.at(-1);
      previous?.replaceFile(this.#files.lazy(previous.name));
      this.#push(segment);
      return { segment, proof };
    } catch (error) {
      file.close();
      this.#removeTemporary(`${name}.tmp`);
      throw error;
    }
  }

  /** The number of oldest segments without live messages. */
  countFree(): number {
    let count = 0;
    while (count < this.#segments.length - 1 && this.#segments[count]!.isFree) count++;
    return count;
  }

  /**
   * Gives up the oldest segments, to be removed one after the other. Those that a backup has begun to hold
   * meanwhile stay.
   *
   * @param count Their number; the events that freed them are flushed.
   */
  remove(count: number): void {
    const isWanted = this.#segments.slice(0, count).some(({ isWaste }) => !isWaste);
    invariant(!isWanted, "nothing is wanted of them");
    const removed = this.#segments.splice(0, Math.min(count, this.countFree()));
    for (const segment of removed) segment.countIn(new SegmentTotals());
    this.#remover.remove(removed);
  }

  /** Resolves when all given-up segments are removed. */
  finishRemoving(): Promise<void> {
    return this.#remover.finish();
  }

  close(): void {
    for (const segment of this.#segments.splice(0)) this.#close(segment);
  }

  #push(segment: SegmentFile): void {
    segment.countIn(this.#totals);
    this.#segments.push(segment);
  }

  #close(segment: SegmentFile): void {
    segment.countIn(new SegmentTotals());
    segment.file.close();
  }

  async #rotate(): Promise<OpenSegment> {
    const { last } = this;
    last.finish();
    await last.file.sync();
    return await this.begin(last.end);
  }

  /** Writes the checkpoint in groups; other work goes on in between. */
  async #writeCheckpoint(segment: SegmentFile): Promise<void> {
    const { journalId, takeSnapshot } = this.#options;
    const group = new Group();
    const write = () => {
      group.seal({ position: segment.end, journalId }, segment.base);
      segment.append(...group.pieces);
      group.clear();
    };
    const countCompared = makeCounter();
    let pieceCount = 0;
    let comparedBytes = 0;
    let pauseAt = PAUSE_BYTES;
    for (const piece of takeSnapshot()) {
      group.addPiece(piece);
      pieceCount++;
      comparedBytes += countCompared(piece) * SAME_ID_BYTES;
      if (group.isFull) write();
      if (segment.size + comparedBytes < pauseAt) continue;
      pauseAt = segment.size + comparedBytes + PAUSE_BYTES;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    group.addComplete(pieceCount);
    write();
    segment.headBytes = segment.size;
  }

  /** Creates a file in place of one that was not finished. */
  #createTemporary(name: string): DiskFile {
    const { disk } = this.#options;
    if (disk.list().some((entry) => entry.name === name)) disk.remove(name);
    return disk.create(name);
  }

  /** Frees the room of a file that could not be finished. */
  #removeTemporary(name: string): void {
    const { disk } = this.#options;
    try {
      if (disk.list().some((entry) => entry.name === name)) disk.remove(name);
    } catch {
      // The first error is the one to report; the next start removes the file.
    }
  }
}

/** The size of segments for so much free room on the disk. */
export function chooseSegmentBytes(free: number | undefined): number {
  if (free === undefined) return SEGMENT_BYTES;
  return Math.min(SEGMENT_BYTES, Math.max(SEGMENT_BYTES_MIN, Math.floor(free / SEGMENTS_FREE)));
}

/** Makes a function that tells how many dedup ids were compared to find a piece of a checkpoint. */
function makeCounter(): (piece: SnapshotPiece) => number {
  let told = { stream: 0, count: 0 };
  return (piece) => {
    if (piece.piece === "sameIds") return told.count;
    if (piece.piece !== "messageIds") return 0;
    const { stream, messageIds: { length } } = piece;
    told = { stream, count: length + (told.stream === stream ? told.count : 0) };
    return 0;
  };
}
