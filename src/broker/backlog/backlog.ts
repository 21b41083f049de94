import { BrokerError, type MessageBatch, type StoredRun } from "../../../protocol.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import { invariant } from "../invariant.ts";
import type { Place, Segment } from "./pager.ts";
import { type Residency, SLAB_BYTES_MAX } from "./residency.ts";
import { SharedBatch } from "./shared_batch.ts";
import { OFFSETS_MIN, Slab } from "./slab.ts";
import { StoredTimes } from "./stored_times.ts";

/** A stream with few messages must be small: ten thousand streams are not unusual. */
const SLAB_BYTES_MIN = 1024;

/**
 * The live messages of one stream, by message id.
 *
 * Batches are copied into slabs as they come; those in bytes of their own stay where they are. A slab is
 * let go when all its messages are, wherever it stands. When few of its messages are left, those are
 * copied into slabs of their own size, so that messages that stay pin little beside themselves: four
 * times their bytes at most, and some hundred bytes each.
 *
 * ```text
 *   slabs    ┌ firstId 1 ───────┐ ┌ firstId 900 ─────┐      (ids between slabs: gone)
 *            │entry│entry│entry…│ │entry│entry│…     │
 *            └──────────────────┘ └──────────────────┘
 * ```
 */
export class Backlog {
  readonly #residency: Residency;
  #slabs: Slab[] = [];
  #bytes = 0;
  #count = 0;

  /**
   * Creates an empty backlog.
   *
   * @param residency Which bytes are in memory, over all streams.
   */
  constructor(residency: Residency) {
    this.#residency = residency;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** The bytes of memory that its slabs take up. */
  get slabBytes(): number {
    let bytes = 0;
    for (const { bytes: { length }, offsets, times } of this.#slabs) {
      bytes += length + offsets.byteLength + times.memoryBytes;
    }
    return bytes;
  }

  /**
   * Adds a batch; `firstId`, the id of its first message, is the highest so far.
   *
   * @param storedAt When it was stored; 0 if that is not known.
   */
  append(firstId: number, batch: MessageBatch, place?: Place, storedAt: number = 0): void {
    const size = batch.end - batch.start;
    let slab = this.#slabs.at(-1);
    if (batch instanceof SharedBatch || batch.isOwn) {
      if (slab !== undefined) this.#residency.seal(slab);
      const times = StoredTimes.of([{ count: batch.count, at: storedAt }]);
      return this.#insert(this.#slabs.length, firstId, batch, { place, times });
    }
    if (slab === undefined || !slab.hasRoom(firstId, size, place?.segment)) {
      // Each slab has twice the room of the one before, which may be in memory or not.
      const last = slab === undefined || slab.isSingle ? 0 : Math.max(slab.bytes.length, slab.used);
      const wish = Math.max(SLAB_BYTES_MIN, Math.min(SLAB_BYTES_MAX, last * 2));
      if (slab !== undefined) this.#residency.seal(slab);
      const bytes = this.#residency.allocate(Math.max(wish, size));
      // One that the batch fills gets no more offsets.
      const offsetCount = size >= wish ? batch.count + 1 : OFFSETS_MIN;
      slab = new Slab({ firstId, bytes, offsetCount, segment: place?.segment });
      // The first push to an array makes room for 17: in a hundred thousand streams, that counts.
      if (this.#slabs.length === 0) this.#slabs = [slab];
      else this.#slabs.push(slab);
      this.#residency.add(slab);
    }
    slab.append(batch, place, storedAt);
    this.#bytes += size;
    this.#count += batch.count;
  }

  /**
   * Sets the place of messages in the store, the first one or a new one. Messages that are here are replaced.
   *
   * @param storedAt When they were stored.
   */
  move(
    firstId: number,
    batch: MessageBatch,
    place: Place,
    storedAt: readonly StoredRun[] = [],
  ): void {
    const { count } = batch;
    const times = StoredTimes.of(storedAt);
    this.#separate(firstId);
    this.#separate(firstId + count);
    this.forgetPresent(firstId, count);
    this.#insert(this.#cut(firstId), firstId, batch, { place, times });
  }

  /** Puts a batch into a slab of its own size. */
  #insert(
    index: number,
    firstId: number,
    batch: MessageBatch,
    { place, times }: { readonly place: Place | undefined; readonly times: StoredTimes },
  ): void {
    const { count } = batch;
    const size = batch.end - batch.start;
    const isShared = batch instanceof SharedBatch;
    const isOwn = batch.isOwn ?? false;
    const { buffer, start, end } = batch;
    const own = isShared ? buffer : isOwn ? buffer.subarray(start, end) : undefined;
    const slab = new Slab({
      firstId,
      bytes: own ?? this.#residency.allocate(size),
      offsetCount: count + 1,
      segment: place?.segment,
      isSingle: own !== undefined,
      times,
    });
    this.#slabs.splice(index, 0, slab);
    this.#residency.add(slab);
    slab.append(batch, place);
    this.#residency.seal(slab);
    this.#bytes += size;
    this.#count += count;
  }

  /**
   * Finds messages; throws if their bytes cannot be read back.
   *
   * @param firstId The first one.
   * @param countMax How many at most.
   * @param bytesMax How many bytes at most; one message is found however large it is.
   * @returns As many as lie together, one at least; valid until the next read, of any backlog, or the next
   * message: either may page the bytes out and detach or reuse their buffer.
   */
  read(firstId: number, countMax: number, bytesMax: number): MessageBatch {
    const slab = this.#slabs[this.#find(firstId)]!;
    this.#residency.load(slab);
    const { offsets } = slab;
    const index = firstId - slab.firstId;
    const start = offsets[index]!;
    let endIndex = Math.min(index + countMax, slab.count);
    if (offsets[endIndex]! - start > bytesMax) {
      endIndex = Math.max(index + 1, findLast(offsets, start + bytesMax, index, endIndex));
    }
    return { count: endIndex - index, buffer: slab.bytes, start, end: offsets[endIndex]! };
  }

  /** The bytes of a message, with those behind it; undefined if it is gone, or they cannot be read now. */
  tryRead(id: number, countMax: number = 1, bytesMax: number = 0): MessageBatch | undefined {
    const slab = this.#slabs[this.#cut(id)];
    if (slab === undefined || id < slab.firstId) return undefined;
    if (slab.findLive(id - slab.firstId) !== id - slab.firstId) return undefined;
    try {
      return this.read(id, countMax, bytesMax);
    } catch (error) {
      if (error instanceof BrokerError) return undefined;
      throw error;
    }
  }

  /**
   * Removes consecutive messages, all of which are here.
   *
   * @returns Their bytes.
   */
  forget(firstId: number, count: number): number {
    const before = this.#bytes;
    let slabIndex = this.#find(firstId);
    let id = firstId;
    while (id < firstId + count) {
      const slab = this.#slabs[slabIndex]!;
      const from = id - slab.firstId;
      const to = Math.min(from + firstId + count - id, slab.count);
      invariant(from >= 0 && to > from, "forgotten messages are in the backlog");
      id += to - from;
      slabIndex += this.#forgetPart(slabIndex, from, to);
    }
    return before - this.#bytes;
  }

  /** Removes those of consecutive messages that are here; returns their bytes. */
  forgetPresent(firstId: number, count: number): number {
    let bytes = 0;
    for (const run of this.findRuns({ fromId: firstId, toId: firstId + count })) {
      bytes += this.forget(run.firstId, run.count);
    }
    return bytes;
  }

  clear(): void {
    for (const slab of this.#slabs) {
      slab.forgetAll();
      this.#residency.remove(slab);
    }
    this.#slabs = [];
    this.#bytes = 0;
    this.#count = 0;
  }

  /** The bytes of consecutive messages. */
  measure(firstId: number, count: number): number {
    let bytes = 0;
    let slabIndex = this.#find(firstId);
    let id = firstId;
    while (id < firstId + count) {
      const slab = this.#slabs[slabIndex++]!;
      const from = id - slab.firstId;
      const to = Math.min(from + firstId + count - id, slab.count);
      bytes += slab.offsets[to]! - slab.offsets[from]!;
      id += to - from;
    }
    return bytes;
  }

  /** When consecutive messages of one slab were stored; 0 if that is not known. */
  listTimes(firstId: number, count: number): StoredRun[] {
    const slab = this.#slabs[this.#find(firstId)]!;
    const from = firstId - slab.firstId;
    return slab.times.list(from, from + count);
  }

  /** When a message was stored; 0 if that is not known. */
  storedAt(id: number): number {
    const slab = this.#slabs[this.#find(id)]!;
    return slab.times.at(id - slab.firstId);
  }

  /** The first id, not below `id`, at which messages may be here: a slab's first id, or `id`. */
  findFirst(id: number): number {
    const slab = this.#slabs[this.#cut(id)];
    return slab === undefined ? id : Math.max(id, slab.firstId);
  }

  /** Whether the bytes of all messages in a range of ids that are here are in memory. */
  isResident(firstId: number, count: number): boolean {
    for (let index = this.#cut(firstId); index < this.#slabs.length; index++) {
      const slab = this.#slabs[index]!;
      if (slab.firstId >= firstId + count) break;
      if (!slab.isResident) return false;
    }
    return true;
  }

  /** Lists the messages that are here, in order, in the longest possible runs. */
  findRuns(
    { fromId = 0, toId = Infinity, segment }: {
      readonly fromId?: number;
      readonly toId?: number;
      readonly segment?: Segment;
    } = {},
  ): IdRange[] {
    const runs: { firstId: number; count: number }[] = [];
    for (let index = this.#cut(fromId); index < this.#slabs.length; index++) {
      const slab = this.#slabs[index]!;
      if (slab.firstId >= toId) break;
      if (segment !== undefined && slab.segment !== segment) continue;
      const end = Math.min(slab.count, toId - slab.firstId);
      let from = slab.findLive(Math.max(0, fromId - slab.firstId));
      while (from < end) {
        const to = Math.min(end, slab.findGone(from));
        const last = runs.at(-1);
        const firstId = slab.firstId + from;
        if (last !== undefined && last.firstId + last.count === firstId) last.count += to - from;
        else runs.push({ firstId, count: to - from });
        from = slab.findLive(to);
      }
    }
    return runs;
  }

  /** Removes messages of one slab; returns the distance to the next slab in the list. */
  #forgetPart(slabIndex: number, from: number, to: number): number {
    const slab = this.#slabs[slabIndex]!;
    this.#count -= to - from;
    if (slab.live === to - from) {
      this.#bytes -= slab.forgetAll();
      this.#slabs.splice(slabIndex, 1);
      this.#residency.remove(slab);
      return 0;
    }
    this.#bytes -= slab.forget(from, to);
    // The last slab is still being filled.
    if (slabIndex === this.#slabs.length - 1 || !slab.isResident || !slab.isSparse) return 1;
    return this.#split(slabIndex);
  }

  /** Copies the live messages of a slab into slabs of their size; returns the number of these. */
  #split(slabIndex: number): number {
    const slab = this.#slabs[slabIndex]!;
    const parts: Slab[] = [];
    for (let from = slab.findLive(0); from < slab.count;) {
      const to = slab.findGone(from);
      parts.push(slab.copy(from, to));
      from = slab.findLive(to);
    }
    this.#replace(slabIndex, parts);
    return parts.length;
  }

  /** Replaces a slab by slabs with the same messages. */
  #replace(slabIndex: number, parts: readonly Slab[]): void {
    const slab = this.#slabs[slabIndex]!;
    slab.forgetAll();
    this.#slabs.splice(slabIndex, 1, ...parts);
    this.#residency.remove(slab);
    for (const part of parts) {
      this.#residency.add(part);
      this.#residency.seal(part);
    }
  }

  /** Splits the slab that contains `id`, if there is one, so that a slab begins there. */
  #separate(id: number): void {
    const slabIndex = this.#cut(id);
    const slab = this.#slabs[slabIndex];
    if (slab === undefined || slab.firstId >= id) return;
    this.#residency.load(slab);
    const middle = id - slab.firstId;
    const parts = [slab.copy(0, middle), slab.copy(middle, slab.count)];
    this.#replace(slabIndex, parts);
    for (const part of parts) {
      if (part.live > 0) continue;
      this.#slabs.splice(this.#slabs.indexOf(part), 1);
      this.#residency.remove(part);
    }
  }

  /** The index of the first slab that has, or had, messages from `id` on. */
  #cut(id: number): number {
    const slabs = this.#slabs;
    let low = 0;
    let high = slabs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const slab = slabs[middle]!;
      if (slab.firstId + slab.count <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The index of the slab that holds a message. */
  #find(id: number): number {
    const slabs = this.#slabs;
    // Most calls are about the oldest slab.
    const [oldest] = slabs;
    const isFirst = oldest !== undefined && id < oldest.firstId + oldest.count;
    const index = isFirst ? 0 : this.#cut(id);
    const slab = slabs[index];
    invariant(
      slab !== undefined && id >= slab.firstId && id < slab.firstId + slab.count,
      "a message is in the backlog until it is forgotten",
    );
    return index;
  }
}

/** The last index between `low` and `high` whose offset is not above `limit`. */
function findLast(offsets: Uint32Array, limit: number, low: number, high: number): number {
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (offsets[middle]! <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}
