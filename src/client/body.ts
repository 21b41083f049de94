/**
 * Bodies as bytes, and back.
 *
 * @module
 */

import { BodyKind } from "../../protocol.ts";

/**
 * What can be sent: a string, bytes, or any value that JSON can express. A follower gets it back as
 * what it was.
 */
export type MessageBody = string | number | boolean | null | object;

/** A body, ready to be written. */
export interface EncodedBody {
  /** What it was. */
  readonly kind: BodyKind;
  /** Its bytes, or the text that becomes them. */
  readonly content: Uint8Array | string;
}

const encoder = new TextEncoder();

/** A UTF-16 unit becomes three bytes of UTF-8 at most. */
const BYTES_PER_UNIT_MAX = 3;

/** Text up to this length may take three times the room for a moment. */
const TEXT_LENGTH_SHORT = 16 * 1024;

/**
 * Finds out how a body is to be sent.
 *
 * @param body The body.
 * @param bytesMax How many bytes it may have.
 * @throws {TypeError} If JSON cannot express it.
 * @throws {RangeError} If it has more bytes.
 */
export function encodeBody(body: unknown, bytesMax: number): EncodedBody {
  const { kind, content } = chooseKind(body);
  const isShort = content.length <= Math.min(TEXT_LENGTH_SHORT, bytesMax / BYTES_PER_UNIT_MAX);
  if (isShort) return { kind, content };
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  if (bytes.length <= bytesMax) return { kind, content: bytes };
  throw new RangeError(`Cannot publish: body is ${bytes.length} bytes, limit is ${bytesMax}`);
}

/** Finds out how bodies are to be sent; throws like {@linkcode encodeBody} if one of them is bad. */
export function encodeBodies(bodies: Iterable<unknown>, bytesMax: number): EncodedBody[] {
  const encoded: EncodedBody[] = [];
  for (const body of bodies) encoded.push(encodeBody(body, bytesMax));
  return encoded;
}

/** Makes a body the publisher's own: what the caller does to its bytes afterwards does not count. */
export function copyBody(encoded: EncodedBody): EncodedBody {
  const { kind, content } = encoded;
  if (kind !== BodyKind.bytes || typeof content === "string") return encoded;
  return { kind, content: new Uint8Array(content) };
}

function chooseKind(body: unknown): EncodedBody {
  if (typeof body === "string") {
    // What UTF-8 cannot express, half a surrogate pair, is escaped in JSON: it comes back as it was.
    if (!body.isWellFormed()) return { kind: BodyKind.json, content: JSON.stringify(body) };
    return { kind: BodyKind.text, content: body };
  }
  if (body instanceof Uint8Array) return { kind: BodyKind.bytes, content: body };
  const json = isDestroyedByJson(body) ? undefined : JSON.stringify(body);
  if (json !== undefined) return { kind: BodyKind.json, content: json };
  throw new TypeError(
    `Cannot publish a body of type ${nameType(body)}: ` +
      "a string, a Uint8Array or a JSON value is needed",
  );
}

/** Whether JSON would make something else of a value without a word, such as `{}` of a map. */
function isDestroyedByJson(body: unknown): boolean {
  if (typeof body === "bigint") return true;
  if (typeof body !== "object" || body === null) return false;
  return body instanceof ArrayBuffer || ArrayBuffer.isView(body) || body instanceof Map ||
    body instanceof Set || "then" in body && typeof body.then === "function";
}

function nameType(body: unknown): string {
  return typeof body === "object" && body !== null ? body.constructor?.name : typeof body;
}

/** A byte order mark is a character like any other: a body arrives as what was sent. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Makes of bytes what they were. */
export function decodeBody(kind: number, bytes: Uint8Array): unknown {
  if (kind === BodyKind.bytes) return bytes;
  const text = decoder.decode(bytes);
  return kind === BodyKind.json ? JSON.parse(text) : text;
}
