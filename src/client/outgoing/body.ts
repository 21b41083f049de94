import { BodyKind } from "../../../protocol.ts";
import { findBodyFault, isAltered, nameKind } from "./body_fault.ts";

/**
 * A body that can be sent: a string, bytes, or any value that JSON can express. A follower receives the same
 * kind of value.
 */
export type MessageBody = string | number | boolean | null | Uint8Array | JsonObject;

/** An object or an array; not a function, a `Map`, a `Promise` or another object that JSON would lose. */
export type JsonObject =
  | { readonly [name: string]: unknown }
  | object & { readonly [Symbol.hasInstance]?: never; readonly [Symbol.toStringTag]?: never };

/**
 * A type in which everything that JSON would lose or change is `never`: methods (and so objects with
 * methods and no `toJSON`), `bigint`, bytes inside an object. Values that a type does not show, such as
 * `NaN`, are found when the message is sent.
 */
export type Sendable<Body> = Body extends Uint8Array ? Body : SendableJson<Body>;

/** {@linkcode Sendable} inside an object. */
export type SendableJson<Value> = unknown extends Value ? Value
  : Value extends string | number | boolean | null | { toJSON(key?: string): unknown } ? Value
  : Value extends ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown)
    ? never
  : Value extends ArrayBufferView | bigint | symbol | undefined ? never
  : Value extends readonly unknown[] ? SendableList<Value>
  : Value extends object ? {
      readonly [Key in keyof Value]:
        | SendableJson<Exclude<Value[Key], undefined>>
        | Extract<Value[Key], undefined>;
    }
  : never;

/** {@linkcode Sendable} of an array. (Written so that a type may contain arrays of itself.) */
export type SendableList<List extends readonly unknown[]> = number extends List["length"]
  ? readonly SendableJson<List[number]>[]
  : { readonly [Index in keyof List]: SendableJson<Exclude<List[Index], undefined>> };

/** The bodies that a publisher accepts: its type, or everything sendable if it has none. */
export type Accepted<Body, Sent> = MessageBody extends Body ? Sent & Sendable<Sent>
  : Body & Sendable<Body>;

/** Several bodies: an iterable, but not a string or bytes, which are one body. */
export type BodyList = object & { readonly BYTES_PER_ELEMENT?: never };

/** A body, ready to be written. */
export interface EncodedBody {
  readonly kind: BodyKind;
  /** The bytes, or the text to encode. */
  readonly content: Uint8Array | string;
}

const encoder = new TextEncoder();

/** A UTF-16 unit becomes three bytes of UTF-8 at most. */
const BYTES_PER_UNIT_MAX = 3;

/** Text up to this length may briefly take three times its room. */
const TEXT_LENGTH_SHORT = 16 * 1024;

/**
 * Encodes a body.
 *
 * @param bytesMax The largest allowed size, in bytes.
 * @param action The action that fails, such as `Cannot publish`.
 * @throws {TypeError} If JSON cannot express it.
 * @throws {RangeError} If it has more bytes.
 */
export function encodeBody(body: unknown, bytesMax: number, action: string): EncodedBody {
  const { kind, content } = chooseKind(body, action);
  const isShort = content.length <= Math.min(TEXT_LENGTH_SHORT, bytesMax / BYTES_PER_UNIT_MAX);
  if (isShort) return { kind, content };
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  if (bytes.length <= bytesMax) return { kind, content: bytes };
  throw new RangeError(`${action}: body is ${bytes.length} bytes, limit is ${bytesMax}`);
}

/** Encodes bodies; throws like {@linkcode encodeBody}. */
export function encodeBodies(
  bodies: Iterable<unknown>,
  bytesMax: number,
  action: string,
): EncodedBody[] {
  const encoded: EncodedBody[] = [];
  for (const body of bodies) encoded.push(encodeBody(body, bytesMax, action));
  return encoded;
}

/**
 * Makes a list of the bodies of a call.
 *
 * @throws {TypeError} If they are not a list, or most probably a single body.
 */
export function listBodies<Body>(bodies: Iterable<Body>, action: string): readonly Body[] {
  if (Array.isArray(bodies)) return bodies;
  const isList = typeof bodies === "object" && bodies !== null && Symbol.iterator in bodies &&
    !ArrayBuffer.isView(bodies);
  if (isList) return [...bodies];
  throw new TypeError(
    `${action}: sendMessages() takes several bodies, such as an array, found ${nameKind(bodies)}`,
  );
}

/** Copies bytes, since the caller may change them afterwards. */
export function copyBody(encoded: EncodedBody): EncodedBody {
  const { kind, content } = encoded;
  if (kind !== BodyKind.bytes || typeof content === "string") return encoded;
  return { kind, content: new Uint8Array(content) };
}

function chooseKind(body: unknown, action: string): EncodedBody {
  if (typeof body === "string") {
    // Half a surrogate pair is escaped in JSON, and cannot be expressed in UTF-8.
    if (!body.isWellFormed()) return { kind: BodyKind.json, content: JSON.stringify(body) };
    return { kind: BodyKind.text, content: body };
  }
  if (body instanceof Uint8Array) return { kind: BodyKind.bytes, content: body };
  return { kind: BodyKind.json, content: encodeJson(body, action) };
}

function encodeJson(body: unknown, action: string): string {
  let json: string | undefined;
  let cause: unknown;
  let isWrong = true;
  try {
    json = JSON.stringify(body);
    isWrong = json === undefined || isAltered(body);
  } catch (error) {
    cause = error;
  }
  if (!isWrong) return json!;
  const fault = lookInto(body);
  if (fault !== undefined) {
    throw new TypeError(`${action}: ${fault}, which JSON cannot express`, { cause });
  }
  if (cause === undefined && json !== undefined) return json;
  const why = cause instanceof Error ? cause.message : `its toJSON() gives ${json}`;
  throw new TypeError(`${action}: the body cannot become JSON: ${why}`, { cause });
}

/** Finds what JSON cannot express; undefined for bodies that are nested too deep or throw. */
function lookInto(body: unknown): string | undefined {
  try {
    return findBodyFault(body);
  } catch {
    return undefined;
  }
}
