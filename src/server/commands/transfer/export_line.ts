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
import { toJson } from "../messages/message_text.ts";

/** The version of the lines; a later one is refused. */
export const EXPORT_VERSION = 1;

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

/** The line of a message. JSON stays as it was sent, with all digits of its numbers. */
export function formatMessage(message: PeekedMessage): string {
  const { body, ...head } = toJson(message);
  const start = JSON.stringify({ type: "message", ...head }).slice(0, -1);
  // Line breaks in JSON are only white space.
  const text = head.kind === "json"
    ? decoder.decode(message.bytes).replaceAll(/[\r\n]/g, " ")
    : JSON.stringify(body);
  return `${start},"body":${text}}`;
}

/** The last line. */
export function formatEnd(streams: number, messages: number): string {
  return JSON.stringify({ type: "end", streams, messages });
}
