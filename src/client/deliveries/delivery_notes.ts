import {
  FrameType,
  type FrameWriter,
  REASON_BYTES_MAX,
  type TagRange,
  type TagsType,
  type VerdictType,
  writeTags,
  writeVerdict,
} from "../../../protocol.ts";

/** Tags to send, as ranges: acknowledgements in order take up one range. */
export class TagRanges {
  #ranges: { firstTag: number; count: number }[] = [];
  /** Whether each range was added behind the one before. */
  #isInOrder = true;

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** Adds consecutive tags; returns whether they are the first. */
  add(firstTag: number, count = 1): boolean {
    const last = this.#ranges.at(-1);
    if (last === undefined) return this.#ranges.push({ firstTag, count }) === 1;
    if (last.firstTag + last.count === firstTag) last.count += count;
    else {
      if (firstTag < last.firstTag) this.#isInOrder = false;
      this.#ranges.push({ firstTag, count });
    }
    return false;
  }

  /** Takes them out, in order: the broker finds them in one pass, and neighbours take up one range. */
  take(): TagRange[] {
    const taken = this.#ranges;
    const isInOrder = this.#isInOrder;
    this.clear();
    if (isInOrder) return taken;
    taken.sort((one, other) => one.firstTag - other.firstTag);
    const joined: { firstTag: number; count: number }[] = [];
    for (const range of taken) {
      const last = joined.at(-1);
      if (last !== undefined && last.firstTag + last.count === range.firstTag) {
        last.count += range.count;
      } else joined.push(range);
    }
    return joined;
  }

  clear(): void {
    this.#ranges = [];
    this.#isInOrder = true;
  }
}

/** A negative acknowledgement: the delivery has failed or is rejected. */
export interface FailureNote {
  readonly type: typeof FrameType.nack | typeof FrameType.reject;
  /** The delay in milliseconds; undefined for the stream's backoff. */
  readonly ms: number | undefined;
  readonly reason: string;
  /** Whether what the handler depends on is at fault. */
  readonly isFault?: boolean | undefined;
  /** Whether it was postponed, which is no failure. */
  readonly isPostponed?: boolean | undefined;
  /** Whether its whole lane waits as long. */
  readonly holdsLane?: boolean | undefined;
  /** Whether one handler has had them all, and nobody knows which one is at fault. */
  readonly isTogether?: boolean | undefined;
}

/** A delivery whose report the broker has to answer. */
export interface NotedDelivery {
  readonly follower: number;
  readonly query: number;
  readonly tag: number;
}

/** Consecutive deliveries that have failed in the same way. */
interface FailedDeliveries extends FailureNote {
  /** Tags that further ones may join; or those of deliveries that have failed together. */
  readonly tags: TagRanges | readonly TagRange[];
}

/** Deliveries that have so many milliseconds from now. */
interface ExtendedDeliveries {
  readonly ms: number;
  readonly tags: TagRanges;
}

/** A follower's reports about deliveries, collected as ranges and written together. */
export class DeliveryNotes {
  readonly #acks = new TagRanges();
  readonly #begins = new TagRanges();
  readonly #releases = new TagRanges();
  readonly #batchBegins: (readonly TagRange[])[] = [];
  readonly #extensions: ExtendedDeliveries[] = [];
  #failures: FailedDeliveries[] = [];

  /** Acknowledges; returns whether this is the first one to write. */
  ack(tag: number): boolean {
    return this.#acks.add(tag);
  }

  /** A handler has begun. */
  begin(tag: number): void {
    this.#begins.add(tag);
  }

  /** A handler needs more time. */
  extend(tag: number, ms: number): void {
    let last = this.#extensions.at(-1);
    if (last?.ms !== ms) this.#extensions.push(last = { ms, tags: new TagRanges() });
    last.tags.add(tag);
  }

  /** Gives back deliveries that no handler has seen. */
  release({ firstTag, count }: TagRange): void {
    this.#releases.add(firstTag, count);
  }

  /** Notes a failure; consecutive equal ones go into one frame. */
  fail(tag: number, note: FailureNote): void {
    const last = this.#failures.at(-1);
    if (last?.tags instanceof TagRanges && isSame(last, note)) return void last.tags.add(tag);
    const tags = new TagRanges();
    tags.add(tag);
    this.#failures.push({ ...note, tags });
  }

  /** Notes a failure of several deliveries, which stays in a frame of its own. */
  failAll(tags: readonly TagRange[], note: FailureNote): void {
    this.#failures.push({ ...note, tags });
  }

  /** One handler has begun with several deliveries. */
  beginTogether(tags: readonly TagRange[]): void {
    this.#batchBegins.push(tags);
  }

  /** Writes all reports; begun deliveries come before ended ones. */
  write(writer: FrameWriter, follower: number): void {
    this.#writeTags(writer, follower, FrameType.begin, this.#begins);
    for (const ranges of this.#batchBegins) {
      writeTags(writer, FrameType.beginBatch, { follower, query: 0, ranges });
    }
    this.#batchBegins.length = 0;
    for (const { ms, tags } of this.#extensions) {
      const fields = { follower, query: 0, ms, ranges: tags.take(), reason: "" };
      writeVerdict(writer, FrameType.extend, fields);
    }
    this.#extensions.length = 0;
    this.#writeTags(writer, follower, FrameType.release, this.#releases);
    this.#writeTags(writer, follower, FrameType.ack, this.#acks);
    if (this.#failures.length === 0) return;
    for (const { type, tags, ...note } of this.#failures) {
      const ranges = tags instanceof TagRanges ? tags.take() : tags;
      writeVerdict(writer, type, { ...note, follower, query: 0, ranges });
    }
    this.#failures = [];
  }

  clear(): void {
    for (const tags of [this.#acks, this.#begins, this.#releases]) tags.clear();
    this.#batchBegins.length = this.#extensions.length = 0;
    this.#failures = [];
  }

  #writeTags(writer: FrameWriter, follower: number, type: TagsType, tags: TagRanges): void {
    if (tags.isEmpty) return;
    writeTags(writer, type, { follower, query: 0, ranges: tags.take() });
  }
}

function isSame(one: FailureNote, other: FailureNote): boolean {
  return one.type === other.type && one.ms === other.ms && one.reason === other.reason &&
    one.isFault === other.isFault && one.isPostponed === other.isPostponed &&
    one.holdsLane === other.holdsLane;
}

/** Writes an acknowledgement or a release that is to be answered. */
export function writeTag(
  writer: FrameWriter,
  type: typeof FrameType.ack | typeof FrameType.release,
  { follower, query, tag }: NotedDelivery,
): void {
  writeTags(writer, type, { follower, query, ranges: [{ firstTag: tag, count: 1 }] });
}

/** Writes a failure or an extension that is to be answered. */
export function writeNote(
  writer: FrameWriter,
  { follower, query, tag }: NotedDelivery,
  { type, ...note }: Omit<FailureNote, "type"> & { readonly type: VerdictType },
): void {
  const ranges = [{ firstTag: tag, count: 1 }];
  writeVerdict(writer, type, { ...note, follower, query, ranges });
}

/** Replaces the cut-off end: three bytes. */
const ELLIPSIS = "…";
const ELLIPSIS_BYTES = 3;

const encoder = new TextEncoder();
const cutBuffer = new Uint8Array(REASON_BYTES_MAX - ELLIPSIS_BYTES);

/**
 * Makes a reason that the broker accepts: at most 256 bytes of UTF-8, cut at a character, with an
 * ellipsis. It never throws, because its caller is already handling an error.
 *
 * @param reason A text, an `Error` (its message counts), or any other thrown value.
 */
export function describeReason(reason: unknown): string {
  // A longer text has more bytes than are kept; half a surrogate pair at this end is cut off in any case.
  const text = readText(reason).slice(0, REASON_BYTES_MAX + 1).toWellFormed();
  if (encoder.encode(text).length <= REASON_BYTES_MAX) return text;
  const { read } = encoder.encodeInto(text, cutBuffer);
  return text.slice(0, read) + ELLIPSIS;
}

function readText(reason: unknown): string {
  if (typeof reason === "string") return reason;
  if (reason === undefined || reason === null) return "";
  try {
    if (reason instanceof Error) return String(reason.message || reason.name);
    return String(reason);
  } catch {
    // It cannot be converted to text.
    return `a value of type ${typeof reason}`;
  }
}
