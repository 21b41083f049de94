// The headers of the W3C Trace Context by which a message carries where it comes from. The broker passes them on
// like all headers, and reads nothing in them.

/** The header with the trace and the span that a message was sent in. */
export const TRACE_PARENT = "traceparent";

/** The header with what systems of tracing add to it. */
export const TRACE_STATE = "tracestate";

/** What a `traceparent` says. */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whether it is recorded: 1, or not: 0. */
  readonly traceFlags: number;
}

const FORM =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** Reads a `traceparent`; `undefined` if there is none, or it is not one. */
export function parseTraceParent(text: string | undefined): TraceParent | undefined {
  // Later versions may add something; version 00 has nothing behind its flags.
  const [, traceId, spanId, flags] = FORM.exec(text ?? "") ?? [];
  if (traceId === undefined || (text!.startsWith("00") && text!.length > 55)) return undefined;
  return { traceId, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16) & 1 };
}

/** Writes a `traceparent`. */
export function formatTraceParent({ traceId, spanId, traceFlags }: TraceParent): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 1) === 1 ? "01" : "00"}`;
}
