import { REASON_BYTES_MAX } from "../../../protocol.ts";

/** Stands for what was cut off: three bytes. */
const ELLIPSIS = "…";
const ELLIPSIS_BYTES = 3;

const encoder = new TextEncoder();
const cutBuffer = new Uint8Array(REASON_BYTES_MAX - ELLIPSIS_BYTES);

/**
 * Makes a text of a reason that the broker takes: 256 bytes of UTF-8 at most, whole characters, an ellipsis
 * for what is cut off. It never throws: its caller is about to handle an error, and must not get another.
 *
 * @param reason A text, or anything that was thrown; of an `Error` its message counts.
 */
export function describeReason(reason: unknown): string {
  // A longer text has more bytes than are kept; half a pair at this end is cut off in any case.
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
    // It cannot even be shown.
    return `a value of type ${typeof reason}`;
  }
}
