import type { PeekedMessage, StreamMessage } from "../../../../client.ts";
import type { CommandContext } from "../command.ts";

/** How the kinds of bodies are called. */
export type KindName = "json" | "text" | "bytes";

/** A message for programs. */
export interface ShownMessage extends Readonly<Record<string, unknown>> {
  readonly kind: KindName;
  /** A JSON value, a string, or bytes in base64, as `kind` says. */
  readonly body: unknown;
}

/**
 * A message for programs: the names are those of the API. Absent fields are left out.
 *
 * @param message A message that was looked at or taken.
 */
export function toJson(message: StreamMessage): ShownMessage {
  const { stream, id, attempts, storedAt, headers, body } = message;
  const { key, lane, priority, dedupId } = message;
  const { deliverAt, expiresAt, deadLetter } = message;
  const { state, postponed, dueAt, follower, isRequest }: Partial<PeekedMessage> = message;
  return {
    stream,
    id,
    state,
    attempts,
    postponed,
    storedAt,
    follower,
    dueAt,
    key,
    lane,
    priority,
    dedupId,
    deliverAt,
    expiresAt,
    headers: Object.keys(headers).length > 0 ? headers : undefined,
    isRequest: isRequest || undefined,
    deadLetter,
    kind: kindOf(message),
    body: body instanceof Uint8Array ? body.toBase64() : body,
  };
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Text is a string that is the same as its bytes; a string in JSON has quotation marks there. */
function kindOf({ body, bytes }: Pick<StreamMessage, "body" | "bytes">): KindName {
  if (body instanceof Uint8Array) return "bytes";
  if (typeof body !== "string") return "json";
  return decoder.decode(bytes) === body ? "text" : "json";
}

/** The most bytes of a body that are shown in base64. */
const SHOWN_BYTES_MAX = 96;

/** The body of a message as people read it: text as it is, JSON on one line, bytes in base64. */
export function bodyText(body: unknown): string {
  if (typeof body === "string") return body;
  if (!(body instanceof Uint8Array)) return JSON.stringify(body);
  const rest = body.length > SHOWN_BYTES_MAX ? "…" : "";
  return `${body.length} bytes: ${body.subarray(0, SHOWN_BYTES_MAX).toBase64()}${rest}`;
}

/** Prints a body as it was sent; a line break stands behind one that is text. */
export async function printRaw(
  { body, bytes }: Pick<StreamMessage, "body" | "bytes">,
  context: Pick<CommandContext, "print" | "writeBytes">,
): Promise<void> {
  if (body instanceof Uint8Array) await context.writeBytes(bytes);
  else context.print(`${bodyText(body)}\n`);
}
