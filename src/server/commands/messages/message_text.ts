import type { PeekedMessage, StreamMessage } from "../../../../client.ts";
import type { CommandContext } from "../command.ts";

/**
 * A message for programs: the names are those of the API. Bytes are in base64, absent fields left out.
 *
 * @param message A message that was looked at or taken.
 */
export function toJson(message: StreamMessage): Record<string, unknown> {
  const { stream, id, attempts, storedAt, key, priority, dedupId, headers, body } = message;
  const { deliverAt, expiresAt, deadLetter } = message;
  const { state, dueAt, follower }: Partial<PeekedMessage> = message;
  return {
    stream,
    id,
    state,
    attempts,
    storedAt,
    follower,
    dueAt,
    key,
    priority,
    dedupId,
    deliverAt,
    expiresAt,
    headers: Object.keys(headers).length > 0 ? headers : undefined,
    deadLetter,
    body: body instanceof Uint8Array ? { base64: body.toBase64() } : body,
  };
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
