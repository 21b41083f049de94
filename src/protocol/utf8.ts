// Texts that UTF-8 can express, and bytes that are UTF-8. Half a surrogate pair is allowed in a string,
// but has no bytes: an encoder writes a replacement character, and two texts may become the same one.

const encoder = new TextEncoder();
// A byte order mark in front belongs to the text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Decodes bytes that were checked. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Decodes bytes that may be anything; throws a `TypeError` if they are not UTF-8. */
export function decodeStrictUtf8(bytes: Uint8Array): string {
  return strictDecoder.decode(bytes);
}

/** Whether bytes are UTF-8. */
export function isUtf8(buffer: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (buffer[at]! >= 0x80) return isDecoded(buffer.subarray(at, end));
  }
  return true;
}

function isDecoded(bytes: Uint8Array): boolean {
  try {
    strictDecoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** A surrogate without the other one of its pair. */
const HALF_PAIR = /\p{Surrogate}/u;

/** Describes why UTF-8 cannot express a text; undefined if it can. */
export function findTextMistake(text: string): string | undefined {
  if (text.isWellFormed()) return undefined;
  return `has half a surrogate pair at index ${text.search(HALF_PAIR)}, which UTF-8 cannot express`;
}
