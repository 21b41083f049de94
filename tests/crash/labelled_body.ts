/**
 * Bodies that tell which message they are, so that one that is mixed up, cut short or changed is
 * found.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import type { Label } from "../support/checking/history.ts";
import { Random } from "../support/random.ts";

/** What bodies are filled with, from different places on. */
const FILLER = makeFiller(256 * 1024);

/** The longest body. */
export const BODY_BYTES_MAX: number = FILLER.length / 2;

/** Makes the body of a message, of so many bytes if that is enough for its label. */
export function makeBody({ publisher, number }: Label, bytes: number): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(`${publisher} ${number} `);
  const body = new Uint8Array(Math.max(head.length, Math.min(bytes, BODY_BYTES_MAX)));
  body.set(head);
  const from = (number * 97) % BODY_BYTES_MAX;
  body.set(FILLER.subarray(from, from + body.length - head.length), head.length);
  return body;
}

/** Reads which message a body is of, if that can be read. */
export function readLabel(body: Uint8Array): Label | undefined {
  const head = new TextDecoder().decode(body.subarray(0, 64));
  const [, publisher, number] = /^(\S+) (\d+) /.exec(head) ?? [];
  if (publisher === undefined) return undefined;
  return { publisher, number: Number(number) };
}

/** Hashes a body. */
export function hashBody(body: Uint8Array): number {
  return crc32(body);
}

/** Makes text, so that bodies can be sent as strings, too. */
function makeFiller(bytes: number): Uint8Array {
  const random = new Random(1);
  return Uint8Array.from({ length: bytes }, () => 0x61 + random.below(26));
}
