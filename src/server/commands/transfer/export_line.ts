/**
 * The lines of an export, each a JSON object that says its `type`:
 *
 * | type | fields |
 * |---|---|
 * | `export` | the first line: `version`, `program`, `at` |
 * | `stream` | before its messages: `stream`, `options`, `isPaused`, `nextId` |
 * | `message` | `stream`, `id`, `kind`, `body`, `headers`, `key`, `priority`, `dedupId`, `deliverAt`, `expiresAt`, `attempts`, `state`, `dueAt`, `follower`, `storedAt`, `isRequest`, `deadLetter` |
 * | `end` | the last line: `streams`, `messages` |
 *
 * Absent fields are left out. A body of kind `json` is a JSON value, of `text` a string, of `bytes` base64.
 *
 * @module
 */

import type { PeekedMessage, StreamInfo } from "../../../../client.ts";

/** The version of the lines; a later one is refused. */
export const EXPORT_VERSION = 1;

/** How the kinds of bodies are called. */
export type LineKind = "json" | "text" | "bytes";

/** The fields that a line may have, by its type. Others are of a later version. */
export const LINE_FIELDS: Readonly<Record<string, readonly string[]>> = {
  export: ["version", "program", "at"],
  stream: ["stream", "options", "isPaused", "nextId"],
  message: [
    "stream",
    "id",
    "kind",
    "body",
    "headers",
    "key",
    "priority",
    "dedupId",
    "deliverAt",
    "expiresAt",
    "attempts",
    "state",
    "dueAt",
    "follower",
    "storedAt",
    "isRequest",
    "deadLetter",
  ],
  end: ["streams", "messages"],
};

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The first line. */
export function formatHead(program: string, at: number): string {
  const date = new Date(at).toISOString();
  return JSON.stringify({ type: "export", version: EXPORT_VERSION, program, at: date });
}

/** The line of a stream. */
export function formatStream({ name, options, isPaused, nextId }: StreamInfo): string {
  return JSON.stringify({ type: "stream", stream: name, options, isPaused, nextId });
}

/** The line of a message. */
export function formatMessage(message: PeekedMessage): string {
  const { stream, id, headers, key, priority, dedupId, deliverAt, expiresAt, attempts } = message;
  const { state, dueAt, follower, storedAt, isRequest, deadLetter, body, bytes } = message;
  const kind = kindOf(message);
  const head = JSON.stringify({
    type: "message",
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
    isRequest: isRequest || undefined,
    deadLetter,
    kind,
  });
  return `${head.slice(0, -1)},"body":${formatBody(kind, body, bytes)}}`;
}

/** The last line. */
export function formatEnd(streams: number, messages: number): string {
  return JSON.stringify({ type: "end", streams, messages });
}

/** Text is a string that is the same as its bytes; a string in JSON has quotation marks there. */
function kindOf({ body, bytes }: Pick<PeekedMessage, "body" | "bytes">): LineKind {
  if (body instanceof Uint8Array) return "bytes";
  if (typeof body !== "string") return "json";
  return decoder.decode(bytes) === body ? "text" : "json";
}

/** JSON stays as it was sent, with all digits of its numbers; line breaks in it are only white space. */
function formatBody(kind: LineKind, body: unknown, bytes: Uint8Array): string {
  if (kind === "bytes") return JSON.stringify(bytes.toBase64());
  if (kind === "text") return JSON.stringify(body);
  return decoder.decode(bytes).replaceAll(/[\r\n]/g, " ");
}
