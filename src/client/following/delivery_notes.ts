import {
  FrameType,
  type FrameWriter,
  type TagRange,
  type VerdictType,
  writeTags,
  writeVerdict,
} from "../../../protocol.ts";

/** Tags that wait to be sent, as ranges: what is acknowledged in order takes up one range. */
class TagRanges {
  #ranges: { firstTag: number; count: number }[] = [];

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** Adds consecutive tags; tells whether they are the first. */
  add(firstTag: number, count = 1): boolean {
    const last = this.#ranges.at(-1);
    if (last !== undefined && last.firstTag + last.count === firstTag) last.count += count;
    else return this.#ranges.push({ firstTag, count }) === 1;
    return false;
  }

  take(): TagRange[] {
    const taken = this.#ranges;
    this.#ranges = [];
    return taken;
  }

  clear(): void {
    this.#ranges = [];
  }
}

/** What is said of a delivery that has failed. */
export interface FailureNote {
  /** Whether the message comes back or is rejected. */
  readonly type: typeof FrameType.nack | typeof FrameType.reject;
  /** After how many milliseconds it comes back; none if the stream's backoff decides. */
  readonly ms: number | undefined;
  readonly reason: string;
}

/** A delivery, and whom to answer. */
export interface NotedDelivery {
  readonly follower: number;
  /** The query to answer. */
  readonly query: number;
  readonly tag: number;
}

/** What is said of deliveries that have failed in the same way, one after the other. */
interface FailedDeliveries extends FailureNote {
  readonly tags: TagRanges;
}

/** What a follower has to say of deliveries and has not written yet: collected as ranges, written together. */
export class DeliveryNotes {
  readonly #acks = new TagRanges();
  readonly #begins = new TagRanges();
  readonly #releases = new TagRanges();
  #failures: FailedDeliveries[] = [];

  /** It is done; tells whether there were no others to be told of, so that this has to be said. */
  ack(tag: number): boolean {
    return this.#acks.add(tag);
  }

  /** It is being worked on. */
  begin(tag: number): void {
    this.#begins.add(tag);
  }

  /** They are given back unseen. */
  release({ firstTag, count }: TagRange): void {
    this.#releases.add(firstTag, count);
  }

  /** It has failed. What fails in the same way one after the other goes into one frame. */
  fail(tag: number, { type, ms, reason }: FailureNote): void {
    let last = this.#failures.at(-1);
    const isSame = last?.type === type && last.ms === ms && last.reason === reason;
    if (last === undefined || !isSame) {
      last = { type, ms, reason, tags: new TagRanges() };
      this.#failures.push(last);
    }
    last.tags.add(tag);
  }

  /** Writes all of it. What has begun comes before what has ended. */
  write(writer: FrameWriter, follower: number): void {
    for (
      const [type, tags] of [
        [FrameType.begin, this.#begins],
        [FrameType.release, this.#releases],
        [FrameType.ack, this.#acks],
      ] as const
    ) {
      if (tags.isEmpty) continue;
      writeTags(writer, type, { follower, query: 0, ranges: tags.take() });
    }
    if (this.#failures.length === 0) return;
    for (const { type, ms, reason, tags } of this.#failures) {
      writeVerdict(writer, type, { follower, query: 0, ms, ranges: tags.take(), reason });
    }
    this.#failures = [];
  }

  clear(): void {
    for (const tags of [this.#acks, this.#begins, this.#releases]) tags.clear();
    this.#failures = [];
  }
}

/** Writes that a delivery is done, or comes back as if it had not been; that is to be answered. */
export function writeTag(
  writer: FrameWriter,
  type: typeof FrameType.ack | typeof FrameType.release,
  { follower, query, tag }: NotedDelivery,
): void {
  writeTags(writer, type, { follower, query, ranges: [{ firstTag: tag, count: 1 }] });
}

/** Writes what is said of a delivery that has failed, or needs more time, and is to be answered. */
export function writeNote(
  writer: FrameWriter,
  { follower, query, tag }: NotedDelivery,
  { type, ms, reason }: { type: VerdictType; ms: number | undefined; reason: string },
): void {
  const ranges = [{ firstTag: tag, count: 1 }];
  writeVerdict(writer, type, { follower, query, ms, ranges, reason });
}
