import type { Failed, Postponed } from "../event.ts";
import type { EncodedRecord } from "./record.ts";

/** How many reasons with their followers are remembered, and the longest one, in bytes. */
const TELLINGS = 1024;
const TELLING_BYTES_MAX = 512;

/** How the events begin, and what stands in front of their numbers. */
const FAILED = encode('{"type":"failed","number":');
const POSTPONED = encode('{"type":"postponed","number":');
const FIRST_ID = encode(',"firstId":');
const COUNT = encode(',"count":');
const ATTEMPTS = encode(',"attempts":');
const DUE_AT = encode(',"dueAt":');
const FIRST_AT = encode(',"failure":{"firstAt":');
const LAST_AT = encode(',"lastAt":');
const REASONS = encode(',"reasons":');
const NEW_REASONS = encode(',"newReasons":');

const COMMA = 0x2c;
const ZERO = 0x30;
const BRACE = 0x7d;

/** The most digits of a whole number that is surely below 2^53. */
const DIGITS_MAX = 15;

/** What a failure may have beside its times. */
const FIELDS: ReadonlySet<string> = new Set(["reasons", "follower", "losses", "postponements"]);

/** What an event tells of a failure beside its times. */
type Told = Omit<Failed["failure"], "firstAt" | "lastAt">;

/** Such a part of an event, and its bytes. */
interface Telling {
  readonly bytes: DataView;
  readonly told: Told;
}

const decoder = new TextDecoder();

/**
 * Reads events of failed and postponed messages, of which a journal may have one for each message: most reasons
 * are those of another one just before, and are not read again.
 */
export class FailedReader {
  /** By a hash of the bytes: a newer one takes the place of an older one. */
  readonly #tellings = new Array<Telling | undefined>(TELLINGS).fill(undefined);
  /** Where the number that was read last ends in the buffer; -1 if something was not as it is written. */
  #end = 0;

  /** Reads an event as it is written; undefined if it is another one, or written in another way. */
  read({ meta, buffer }: EncodedRecord): Failed | Postponed | undefined {
    const start = meta.byteOffset - buffer.byteOffset;
    const end = start + meta.byteLength;
    const isFailed = isAt(buffer, FAILED, start);
    if (!isFailed && !isAt(buffer, POSTPONED, start)) return undefined;
    this.#end = start;
    const number = this.#readNumber(buffer, isFailed ? FAILED : POSTPONED);
    const firstId = this.#readNumber(buffer, FIRST_ID);
    const count = this.#readNumber(buffer, COUNT);
    const attempts = this.#readNumber(buffer, ATTEMPTS);
    const dueAt = this.#readNumber(buffer, DUE_AT);
    const firstAt = this.#readNumber(buffer, FIRST_AT);
    const lastAt = this.#readNumber(buffer, LAST_AT);
    if (this.#end < 0 || this.#end >= end) return undefined;
    // A brace in a text is found out below: then nothing is remembered, and the event is left to JSON.
    const toldEnd = buffer.indexOf(BRACE, this.#end);
    if (toldEnd < 0 || toldEnd >= end) return undefined;
    const told = this.#readTold(meta, this.#end - start, toldEnd - start);
    if (told === undefined) return undefined;
    const failure = withTimes(told, firstAt, lastAt);
    const type = isFailed ? "failed" as const : "postponed" as const;
    this.#end = toldEnd + 1;
    const isAll = this.#end === end - 1;
    const newReasons = isAll ? 0 : this.#readNumber(buffer, NEW_REASONS);
    if (this.#end !== end - 1 || buffer[this.#end] !== BRACE) return undefined;
    // Without copies of objects: there may be a million of these.
    if (isAll) return { type, number, firstId, count, attempts, dueAt, failure };
    return { type, number, firstId, count, attempts, dueAt, failure, newReasons };
  }

  /** Reads a whole number behind its name, which follows the last one. */
  #readNumber(buffer: Uint8Array, name: Uint8Array): number {
    if (this.#end < 0) return 0;
    const start = this.#end + name.length;
    let end = start;
    let number = 0;
    for (let digit = buffer[end]! - ZERO; digit >= 0 && digit <= 9; digit = buffer[end]! - ZERO) {
      number = number * 10 + digit;
      if (++end - start > DIGITS_MAX) break;
    }
    // A fraction or an exponent may follow.
    const isNumber = end > start && end - start <= DIGITS_MAX &&
      (end === start + 1 || buffer[start] !== ZERO) &&
      (buffer[end] === COMMA || buffer[end] === BRACE) && isAt(buffer, name, this.#end);
    this.#end = isNumber ? end : -1;
    return number;
  }

  /** Reads reasons and all behind them up to the end of the failure; undefined if that cannot be read. */
  #readTold(meta: DataView, start: number, end: number): Told | undefined {
    const slot = hashOf(meta, start, end) & (TELLINGS - 1);
    const known = this.#tellings[slot];
    if (known !== undefined && isEqual(known.bytes, meta, start, end)) return known.told;
    const bytes = new Uint8Array(meta.buffer, meta.byteOffset + start, end - start).slice();
    const told = parse(bytes);
    if (told !== undefined && bytes.length <= TELLING_BYTES_MAX) {
      this.#tellings[slot] = { bytes: new DataView(bytes.buffer), told };
    }
    return told;
  }
}

function withTimes(told: Told, firstAt: number, lastAt: number): Failed["failure"] {
  const { reasons, follower } = told;
  const others = told.losses !== undefined || told.postponements !== undefined;
  return others ? { firstAt, lastAt, ...told } : { firstAt, lastAt, reasons, follower };
}

/** Reads reasons and what is behind them; undefined if it is not as it is written. */
function parse(bytes: Uint8Array): Told | undefined {
  if (!isAt(bytes, REASONS, 0)) return undefined;
  try {
    const told = JSON.parse(`{${decoder.decode(bytes.subarray(1))}}`) as Told;
    const isKnown = told.follower !== undefined && told.reasons !== undefined &&
      Object.keys(told).every((name) => FIELDS.has(name));
    return isKnown ? told : undefined;
  } catch {
    // What is wrong is told of the whole event.
    return undefined;
  }
}

/** A hash of bytes, except the last three at most. */
function hashOf(bytes: DataView, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at + 4 <= end; at += 4) {
    hash = Math.imul(hash ^ bytes.getInt32(at), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  return hash;
}

/** Whether these are all bytes of a part of others. */
function isEqual(all: DataView, bytes: DataView, start: number, end: number): boolean {
  const { byteLength } = all;
  if (byteLength !== end - start) return false;
  let at = 0;
  for (; at + 4 <= byteLength; at += 4) {
    if (all.getInt32(at) !== bytes.getInt32(start + at)) return false;
  }
  for (; at < byteLength; at++) {
    if (all.getUint8(at) !== bytes.getUint8(start + at)) return false;
  }
  return true;
}

function isAt(bytes: Uint8Array, text: Uint8Array, at: number): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[at + index] !== text[index]) return false;
  }
  return true;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
