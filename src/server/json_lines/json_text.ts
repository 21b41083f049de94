import { BodyKind } from "../../../protocol.ts";
import { hasManyStrings } from "../../protocol/json_strings.ts";
import {
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntryKind,
  readEntrySize,
} from "../../protocol/messages/entry.ts";
import { JsonScanner } from "./json_scanner.ts";

/** A body as it is stored: text, or any other JSON value. */
export interface JsonBody {
  readonly kind: BodyKind;
  readonly bytes: Uint8Array;
}

/** Functions of the runtime's JSON that TypeScript has no types for yet. */
const exactJson = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
};

const encoder = new TextEncoder();

/** Invalid bytes still give a text to show. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Makes a body of the value of a key in a JSON object.
 *
 * @param fields The object, parsed.
 * @param text The text that it was parsed from.
 * @param key The key.
 * @returns The body. A string that UTF-8 cannot encode, with half a surrogate pair, stays JSON.
 */
export function makeBody(
  fields: Readonly<Record<string, unknown>>,
  text: string,
  key: string,
): JsonBody {
  const value = fields[key];
  if (typeof value === "string" && value.isWellFormed()) {
    return { kind: BodyKind.text, bytes: encoder.encode(value) };
  }
  const hasNumbers = typeof value === "number" || typeof value === "object";
  const exact = hasNumbers ? parseExactly(text) ?? fields : fields;
  return { kind: BodyKind.json, bytes: encoder.encode(JSON.stringify(exact[key])) };
}

function parseExactly(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return exactJson.parse(text, keepNumber) as Readonly<Record<string, unknown>>;
  } catch (error) {
    // A reviver cannot follow thousands of nested arrays; their numbers are read as JavaScript numbers.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Other languages have larger, or more exact, numbers. */
function keepNumber(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  return exactJson.rawJSON(source);
}

/**
 * Shows the body of a message as one JSON value on one line: a text as a string, JSON as it is, bytes
 * as a string in base64.
 *
 * @param buffer The buffer in which the message lies.
 * @param offset Where its entry begins.
 * @returns The value, as text.
 */
export function showBody(buffer: Uint8Array, offset: number): string {
  const start = offset + ENTRY_HEAD_BYTES + readEntryHeaderBytes(buffer, offset);
  const body = buffer.subarray(start, offset + readEntrySize(buffer, offset));
  const kind = readEntryKind(buffer, offset);
  if (kind === BodyKind.bytes) return `"${body.toBase64()}"`;
  const text = decoder.decode(body);
  // A client can declare any bytes to be JSON.
  if (kind !== BodyKind.json || !isJson(text)) return JSON.stringify(text);
  // In valid JSON, line ends stand between values only.
  return text.replaceAll(/[\r\n]/g, " ");
}

function isJson(text: string): boolean {
  if (hasManyStrings(text)) return new JsonScanner(text).scan();
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
