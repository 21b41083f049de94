/**
 * The few kinds of DER that a certificate is made of, written and read.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { formatDate } from "../date_text.ts";

/** The first byte of each kind of element. */
export const DerTag = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  objectId: 0x06,
  text: 0x0c,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** Fields of a certificate that have tags of their own. */
  version: 0xa0,
  extensions: 0xa3,
} as const;

/** Writes an element from the bytes of its parts. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80
    ? [length]
    : length < 0x100
    ? [0x81, length]
    : [0x82, length >> 8, length & 0xff];
  if (length > 0xffff) throw new RangeError(`Cannot write ${length} bytes of DER, allowed 65535`);
  return Buffer.concat([Uint8Array.of(tag, ...head), content]);
}

/** Writes elements in their order. */
export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(DerTag.sequence, ...parts);
}

/** Writes the number of an algorithm, an attribute or an extension: `2.5.4.3`. */
export function objectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const digits = [part & 0x7f];
    for (let more = part >>> 7; more > 0; more >>>= 7) digits.unshift(more & 0x7f | 0x80);
    bytes.push(...digits);
  }
  return element(DerTag.objectId, Uint8Array.from(bytes));
}

/** Writes bits that fill their bytes, except for the last `unused` ones. */
export function bits(bytes: Uint8Array, unused = 0): Buffer {
  return element(DerTag.bits, Uint8Array.of(unused), bytes);
}

/** Writes a time to the second, in the shorter of two forms as long as certificates must have it. */
export function time(date: Date): Buffer {
  const digits = formatDate(date.getTime()).replaceAll(/[-:T]/g, "");
  const isShort = date.getUTCFullYear() < 2050;
  return element(
    isShort ? DerTag.utcTime : DerTag.time,
    Buffer.from(isShort ? digits.slice(2) : digits),
  );
}

/** An element that was read. */
export interface DerElement {
  readonly tag: number;
  /** What is in it. */
  readonly content: Uint8Array;
  /** The whole of it, head included. */
  readonly bytes: Uint8Array;
}

/** Reads the elements that stand in some bytes, without looking into them. */
export function readElements(bytes: Uint8Array): DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length;) {
    const short = bytes[at + 1] ?? 0;
    const size = short < 0x80 ? 0 : short & 0x7f;
    const start = at + 2 + size;
    const length = size === 0
      ? short
      : bytes.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0);
    const end = start + length;
    if (size > 4 || end > bytes.length) throw new RangeError("Cannot read DER: it ends too early");
    const [content, whole] = [bytes.subarray(start, end), bytes.subarray(at, end)];
    elements.push({ tag: bytes[at]!, content, bytes: whole });
    at = end;
  }
  return elements;
}
