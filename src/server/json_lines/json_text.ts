/**
 * JSON as text, where its values must stay as they were written: numbers of other languages are
 * larger, or more exact, than those of this one.
 *
 * @module
 */

import {
  BodyKind,
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntryKind,
  readEntrySize,
} from "../../../protocol.ts";

/** A body as it is stored. */
export interface JsonBody {
  /** A text, or any other JSON value. */
  readonly kind: BodyKind;
  /** Its bytes. */
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();
/** Whatever the bytes are, there is a text to show. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Makes a body of a JSON value.
 *
 * @param value The value, as it was parsed.
 * @param findText Finds the text that it was parsed from.
 * @returns The body. What UTF-8 cannot say, half a surrogate pair, stays the JSON that it was.
 */
export function makeBody(value: unknown, findText: () => string): JsonBody {
  if (typeof value === "string" && value.isWellFormed()) {
    return { kind: BodyKind.text, bytes: encoder.encode(value) };
  }
  return { kind: BodyKind.json, bytes: encoder.encode(findText()) };
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
  // Any client can say of anything that it is JSON.
  if (kind !== BodyKind.json || !isJson(text)) return JSON.stringify(text);
  // In valid JSON these stand between values only.
  return text.replaceAll(/[\r\n]/g, " ");
}

/**
 * Finds the text of a value in the text of an object.
 *
 * @param text A JSON object that can be parsed.
 * @param key One of its keys; if it is there several times, the last one counts, as in parsing.
 * @returns The value's text, without the spaces around it; empty if there is no such key.
 */
export function findValueText(text: string, key: string): string {
  let found = "";
  let offset = skipSpace(text, text.indexOf("{") + 1);
  while (text[offset] === '"') {
    const nameEnd = skipString(text, offset);
    const name = text.slice(offset, nameEnd);
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = skipValue(text, start);
    if (isName(name, key)) found = text.slice(start, end);
    offset = skipSpace(text, skipSpace(text, end) + 1);
  }
  return found;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether a string, in its quotes, is that key; its characters may be escaped. */
function isName(quoted: string, key: string): boolean {
  return quoted.includes("\\") ? JSON.parse(quoted) === key : quoted.slice(1, -1) === key;
}

const SPACE = " \t\r\n";

function skipSpace(text: string, offset: number): number {
  while (offset < text.length && SPACE.includes(text[offset]!)) offset++;
  return offset;
}

/** Finds the end of the string that begins at `offset`. */
function skipString(text: string, offset: number): number {
  for (let quote = offset;;) {
    quote = text.indexOf('"', quote + 1);
    let escapes = 0;
    while (text[quote - 1 - escapes] === "\\") escapes++;
    // An even number of them escape each other.
    if (escapes % 2 === 0) return quote + 1;
  }
}

const BRACKET_OR_QUOTE = /[[\]{}"]/g;
const END_OF_SCALAR = /[\s,}]/g;

/** Finds the end of the value that begins at `offset`, a member of an object. */
function skipValue(text: string, offset: number): number {
  if (text[offset] === '"') return skipString(text, offset);
  if (!"[{".includes(text[offset]!)) return find(END_OF_SCALAR, text, offset);
  let depth = 0;
  do {
    offset = find(BRACKET_OR_QUOTE, text, offset);
    const char = text[offset]!;
    if (char === '"') {
      offset = skipString(text, offset);
      continue;
    }
    depth += "[{".includes(char) ? 1 : -1;
    offset++;
  } while (depth > 0);
  return offset;
}

/** Where one of some characters comes next; in a value of valid JSON one does. */
function find(chars: RegExp, text: string, offset: number): number {
  chars.lastIndex = offset;
  return chars.exec(text)?.index ?? text.length;
}
