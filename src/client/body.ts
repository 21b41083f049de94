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

function chooseKind(body: unknown): EncodedBody {
  if (typeof body === "string") return { kind: BodyKind.text, content: body };
  if (body instanceof Uint8Array) return { kind: BodyKind.bytes, content: body };
  const json = JSON.stringify(body);
  if (json !== undefined) return { kind: BodyKind.json, content: json };
  throw new TypeError(
    `Cannot publish a body of type ${typeof body}: a string, a Uint8Array or a JSON value is needed`,
  );
}

const decoder = new TextDecoder();

/** Makes of bytes what they were. */
export function decodeBody(kind: number, bytes: Uint8Array): unknown {
  if (kind === BodyKind.bytes) return bytes;
  const text = decoder.decode(bytes);
  return kind === BodyKind.json ? JSON.parse(text) : text;
}
