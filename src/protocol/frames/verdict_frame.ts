import type { FrameDecoder } from "./frame_decoder.ts";
import type { FrameType } from "./frame_type.ts";
import type { FrameWriter } from "./frame_writer.ts";
import { readTagRanges, type TagFields, writeTagRanges } from "./message_frame.ts";
import { BATCH_COUNT_MAX, REASON_BYTES_MAX, SPAN_MS_MAX } from "../limits.ts";
import { BrokerError } from "../error.ts";

/** `nack`, `reject`, `extend` and `revoke`: some deliveries, and what becomes of them. */
export interface VerdictFields extends TagFields {
  /**
   * `nack`: the delay before the messages come back, in milliseconds; absent for the stream's backoff.
   * `extend`: the time that the deliveries have from now, in milliseconds. Not used otherwise.
   */
  readonly ms?: number | undefined;
  /** The reason, for a person; may be empty. */
  readonly reason: string;
  /** `nack`: something that the handler needs is at fault, and not the message. */
  readonly isFault?: boolean | undefined;
  /** `nack`: the messages were not worked on: that was no attempt. `ms` is required. */
  readonly isPostponed?: boolean | undefined;
  /** `nack` of what is postponed: all messages of their lanes wait as long. */
  readonly holdsLane?: boolean | undefined;
  /** `nack`: one handler had them together, and it is not known which of them is at fault. */
  readonly isTogether?: boolean | undefined;
  /** `revoke`: the messages were cancelled, and will not be delivered again. */
  readonly isCancelled?: boolean | undefined;
}

/** The bits of the byte before the time. All but the first came with the capability `work`. */
const VerdictFlag = {
  hasMs: 0x01,
  isFault: 0x02,
  isPostponed: 0x04,
  holdsLane: 0x08,
  isTogether: 0x10,
  isCancelled: 0x20,
} as const;

const KNOWN_FLAGS = 0x3f;

/** The types of frames with these fields. */
export type VerdictType =
  | typeof FrameType.nack
  | typeof FrameType.reject
  | typeof FrameType.extend
  | typeof FrameType.revoke;

/** Writes a `nack`, `reject`, `extend` or `revoke` frame. */
export function writeVerdict(
  writer: FrameWriter,
  type: VerdictType,
  fields: VerdictFields,
): void {
  const { follower, query, ms, ranges, reason } = fields;
  let flags = ms === undefined ? 0 : VerdictFlag.hasMs;
  if (fields.isFault) flags |= VerdictFlag.isFault;
  if (fields.isPostponed) flags |= VerdictFlag.isPostponed;
  if (fields.holdsLane) flags |= VerdictFlag.holdsLane;
  if (fields.isTogether) flags |= VerdictFlag.isTogether;
  if (fields.isCancelled) flags |= VerdictFlag.isCancelled;
  writer.begin(type);
  writer.u32(follower);
  writer.u32(query);
  writer.u8(flags);
  writer.u64(ms ?? 0);
  writeTagRanges(writer, ranges);
  writer.text(reason);
  writer.end();
}

/** Reads a `nack`, `reject`, `extend` or `revoke` frame. */
export function readVerdict(decoder: FrameDecoder): VerdictFields {
  const follower = decoder.u32();
  const query = decoder.u32();
  const flags = decoder.u8();
  const value = decoder.u64();
  const isTogether = (flags & VerdictFlag.isTogether) !== 0;
  const ranges = readTagRanges(decoder, isTogether ? BATCH_COUNT_MAX : undefined);
  const reasonBytes = decoder.end - decoder.offset;
  const reason = decoder.text();
  if (reasonBytes > REASON_BYTES_MAX) {
    throw badVerdict(`a reason must have at most ${REASON_BYTES_MAX} bytes, found ${reasonBytes}`);
  }
  if (flags > KNOWN_FLAGS) throw badVerdict(`its flags are ${flags}`);
  if (value > SPAN_MS_MAX) throw badVerdict(`a time is ${value} ms, limit is ${SPAN_MS_MAX}`);
  const has = (flag: number) => (flags & flag) !== 0;
  if (has(VerdictFlag.isPostponed) && !has(VerdictFlag.hasMs)) {
    throw badVerdict("what is postponed needs a time");
  }
  return {
    follower,
    query,
    ms: has(VerdictFlag.hasMs) ? value : undefined,
    ranges,
    reason,
    ...has(VerdictFlag.isFault) && { isFault: true },
    ...has(VerdictFlag.isPostponed) && { isPostponed: true },
    ...has(VerdictFlag.holdsLane) && { holdsLane: true },
    ...has(VerdictFlag.isTogether) && { isTogether: true },
    ...has(VerdictFlag.isCancelled) && { isCancelled: true },
  };
}

function badVerdict(why: string): BrokerError {
  return new BrokerError("BAD_FRAME", `Cannot read the outcome of deliveries: ${why}`);
}
