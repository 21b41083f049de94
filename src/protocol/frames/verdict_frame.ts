import type { FrameDecoder } from "./frame_decoder.ts";
import type { FrameType } from "./frame_type.ts";
import type { FrameWriter } from "./frame_writer.ts";
import { readTagRanges, type TagFields, writeTagRanges } from "./message_frame.ts";
import { REASON_BYTES_MAX } from "../limits.ts";
import { SPAN_MS_MAX } from "../messages/properties.ts";
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
}

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
  writer.begin(type);
  writer.u32(follower);
  writer.u32(query);
  writer.u8(ms === undefined ? 0 : 1);
  writer.u64(ms ?? 0);
  writeTagRanges(writer, ranges);
  writer.text(reason);
  writer.end();
}

/** Reads a `nack`, `reject`, `extend` or `revoke` frame. */
export function readVerdict(decoder: FrameDecoder): VerdictFields {
  const follower = decoder.u32();
  const query = decoder.u32();
  const hasMs = decoder.u8();
  const value = decoder.u64();
  const ranges = readTagRanges(decoder);
  const reasonBytes = decoder.end - decoder.offset;
  const reason = decoder.text();
  if (reasonBytes > REASON_BYTES_MAX) {
    throw badVerdict(`a reason must have at most ${REASON_BYTES_MAX} bytes, found ${reasonBytes}`);
  }
  if (hasMs > 1) throw badVerdict(`its mark for a time is ${hasMs}`);
  if (value > SPAN_MS_MAX) throw badVerdict(`a time is ${value} ms, limit is ${SPAN_MS_MAX}`);
  return { follower, query, ms: hasMs === 1 ? value : undefined, ranges, reason };
}

function badVerdict(why: string): BrokerError {
  return new BrokerError("BAD_FRAME", `Cannot read the outcome of deliveries: ${why}`);
}
