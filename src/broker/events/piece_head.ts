/** How pieces begin that are about a stream or a publisher; its number follows. */
const BEGINS = [
  ...["stream", "publisher"].map((piece) => beginOf(piece, "number")),
  ...["gaps", "places", "outcomes"].map((piece) => beginOf(piece, "publisher")),
  ...["messageIds", "sameIds", "breakers", "heldLanes"].map((piece) => beginOf(piece, "stream")),
];

/** What stands behind the number of a stream, in front of its name, and behind that. */
const NAME = encode(',"name":"');
const NEXT_ID = encode('","nextId":');

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const NINE = 0x39;
const COMMA = 0x2c;
const BRACE = 0x7d;

/** The most digits of a whole number below 2^53. */
const DIGITS_MAX = 16;

/**
 * The beginning of a piece of a snapshot. Each segment of a journal repeats what there is to say of all streams and
 * publishers: most of it is known by then, and need not be read.
 */
export interface PieceHead {
  readonly piece: string;
  /** The number of the stream or the publisher that it is about. */
  readonly number: number;
  /** Of a stream: the next id; undefined for other pieces. */
  readonly nextId?: number;
  /** The bytes of the piece; they are valid during the call only. */
  readonly bytes: Uint8Array;
  readonly read: (bytes: Uint8Array) => unknown;
}

/**
 * Reads the beginning of a piece, as it is written; undefined for pieces about anything else, and for those that
 * begin in another way: they are read as a whole.
 */
export function readPieceHead(
  bytes: Uint8Array,
  read: (bytes: Uint8Array) => unknown,
): PieceHead | undefined {
  for (const { piece, begin } of BEGINS) {
    if (!isAt(bytes, begin, 0)) continue;
    const end = findNumberEnd(bytes, begin.length);
    const number = readNumber(bytes, begin.length, end);
    if (number === undefined) return undefined;
    if (piece !== "stream") return { piece, number, bytes, read };
    const nextId = findNextId(bytes, end);
    return nextId === undefined ? undefined : { piece, number, nextId, bytes, read };
  }
  return undefined;
}

/** The next id of a stream whose number ends at `at`. */
function findNextId(bytes: Uint8Array, at: number): number | undefined {
  if (!isAt(bytes, NAME, at)) return undefined;
  let end = at + NAME.length;
  while (end < bytes.length && bytes[end] !== QUOTE) end += bytes[end] === BACKSLASH ? 2 : 1;
  if (!isAt(bytes, NEXT_ID, end)) return undefined;
  const start = end + NEXT_ID.length;
  return readNumber(bytes, start, findNumberEnd(bytes, start));
}

function findNumberEnd(bytes: Uint8Array, start: number): number {
  let end = start;
  while (bytes[end]! >= ZERO && bytes[end]! <= NINE) end++;
  return end;
}

/** Reads a whole number without a sign. */
function readNumber(bytes: Uint8Array, start: number, end: number): number | undefined {
  let number = 0;
  for (let at = start; at < end; at++) number = number * 10 + (bytes[at]! - ZERO);
  // A fraction or an exponent may follow.
  const isWhole = end > start && end - start <= DIGITS_MAX && Number.isSafeInteger(number) &&
    (bytes[end] === COMMA || bytes[end] === BRACE);
  return isWhole ? number : undefined;
}

function isAt(bytes: Uint8Array, text: Uint8Array, at: number): boolean {
  // From its end: all begin alike.
  for (let index = text.length - 1; index >= 0; index--) {
    if (bytes[at + index] !== text[index]) return false;
  }
  return true;
}

interface Begin {
  readonly piece: string;
  readonly begin: Uint8Array;
}

function beginOf(piece: string, subject: string): Begin {
  return { piece, begin: encode(`{"piece":"${piece}","${subject}":`) };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
