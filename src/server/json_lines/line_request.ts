import { Buffer } from "node:buffer";
import { type BindFields, BodyKind, BrokerError } from "../../../protocol.ts";
import { hasManyStrings, JSON_STRINGS_MAX } from "../../protocol/json_strings.ts";
import { findLabelMistake, REASON_BYTES_MAX } from "../../protocol/limits.ts";
import { JsonScanner } from "./json_scanner.ts";
import { type JsonBody, makeBody } from "./json_text.ts";

/** The checked request of a line, in the JSON of the original SimpleMQ. */
export type LineRequest =
  | {
    readonly type: "CREATE_STREAM" | "GET_STREAM" | "GET_PEL";
    /** The name of a stream, or of a follower. */
    readonly name: string;
  }
  | { readonly type: "GET_STREAMS" | "GET_PELS" }
  | CancelRequest
  | PublishRequest
  | FollowRequest
  | {
    readonly type: "ACK_MESSAGE";
    /** The `id` that came with the message. */
    readonly id: number;
  };

export interface CancelRequest {
  readonly type: "CANCEL_MESSAGE";
  readonly stream: string;
  /** The id of the message in its stream. */
  readonly id: number;
  readonly reason: string | undefined;
  readonly isDeadLetter: boolean | undefined;
}

export interface PublishRequest {
  readonly type: "NEW_MESSAGE";
  readonly bind: BindFields;
  readonly body: JsonBody;
}

export interface FollowRequest {
  readonly type: "GIVE_ME_NEW_MESSAGE";
  readonly name: string;
  readonly bind: BindFields;
}

/** The parsed object of a line, and the text that it was parsed from. */
interface Line {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The body, if it is an object or a list with many strings: it is not parsed. */
  readonly largeBody?: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const BIND_TYPES: Readonly<Record<string, BindFields["bindType"]>> = {
  DIRECT: "direct",
  REGEX_BASED: "regex",
};

/** The readers of requests, by sender and request type. */
const READERS: Readonly<Record<string, Readonly<Record<string, (line: Line) => LineRequest>>>> = {
  CURSOR: {
    CREATE_STREAM: (line) => ({ type: "CREATE_STREAM", name: readName(line, "stream") }),
    GET_STREAMS: () => ({ type: "GET_STREAMS" }),
    GET_STREAM: (line) => ({ type: "GET_STREAM", name: readName(line, "stream") }),
    GET_PELS: () => ({ type: "GET_PELS" }),
    GET_PEL: (line) => ({ type: "GET_PEL", name: readName(line, "follower") }),
    CANCEL_MESSAGE: (line) => ({ type: "CANCEL_MESSAGE", ...readCancelled(line) }),
  },
  PUBLISHER: {
    NEW_MESSAGE: (line) => ({ type: "NEW_MESSAGE", bind: readBind(line), body: readBody(line) }),
  },
  FOLLOWER: {
    GIVE_ME_NEW_MESSAGE: (line) => ({
      type: "GIVE_ME_NEW_MESSAGE",
      name: readMemberName(line),
      bind: readBind(line),
    }),
    ACK_MESSAGE: (line) => ({ type: "ACK_MESSAGE", id: readId(line) }),
  },
};

/**
 * Reads a line without its end; returns `undefined` if it is empty. Unknown keys are ignored, and the order
 * of keys has no meaning.
 *
 * @throws {BrokerError} With code `BAD_FRAME` if it is no JSON object, `BAD_REQUEST` if the object is no
 * known request.
 */
export function readLineRequest(bytes: Uint8Array): LineRequest | undefined {
  const text = decode(bytes);
  if (text.trim() === "") return undefined;
  const line = hasManyStrings(text) ? parseLarge(text) : { fields: parse(text), text };
  const sender = pick(line, "sender_type", Object.keys(READERS));
  const readers = READERS[sender]!;
  return readers[pick(line, "request_type", Object.keys(readers), ` of a ${sender}`)]!(line);
}

/** The credential in a session's first line. */
export interface LineToken {
  readonly token: string | undefined;
  /** Whether the line says nothing else. */
  readonly isAlone: boolean;
}

/** Reads the token of a line; a line that is none, and makes no sense, has none. */
export function readLineToken(bytes: Uint8Array): LineToken {
  let fields: unknown;
  // Most clients have no token: their line is parsed once.
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!view.includes('"token"')) return { token: undefined, isAlone: false };
  try {
    const text = decoder.decode(bytes);
    if (hasManyStrings(text)) return findToken(text);
    fields = JSON.parse(text);
  } catch {
    // A client that is let in is told of the mistake when the line is carried out.
  }
  if (!isObject(fields) || !Object.hasOwn(fields, "token")) {
    return { token: undefined, isAlone: false };
  }
  const { token } = fields;
  // What is no text is no valid token either.
  return {
    token: typeof token === "string" ? token : "",
    isAlone: Object.keys(fields).length === 1,
  };
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new BrokerError("BAD_FRAME", "Cannot read a line: it is not UTF-8", { cause });
  }
}

/** Finds the token of a line with many strings. */
function findToken(text: string): LineToken {
  const scanner = new JsonScanner(text, "token");
  const part = scanner.scan() ? scanner.value : undefined;
  if (part === undefined) return { token: undefined, isAlone: false };
  const value = text.slice(part.start, part.end);
  return { token: value.startsWith('"') ? JSON.parse(value) : "", isAlone: false };
}

function parse(text: string): Line["fields"] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BrokerError("BAD_FRAME", "Cannot read a line: its JSON cannot be parsed", { cause });
  }
  if (isObject(value)) return value;
  throw new BrokerError(
    "BAD_FRAME",
    `Cannot read a line: a JSON object is expected, found ${describe(value)}`,
  );
}

/** Parses all of a line but its body, which may have any number of strings. */
function parseLarge(text: string): Line {
  const scanner = new JsonScanner(text, "message_body");
  if (!scanner.scan()) {
    throw new BrokerError("BAD_FRAME", "Cannot read a line: its JSON cannot be parsed");
  }
  const { start, end } = scanner.value ?? { start: 0, end: 0 };
  const body = text.slice(start, end);
  // A long text is one string.
  const isLarge = body.startsWith("{") || body.startsWith("[");
  const rest = body === "" ? text : `${text.slice(0, start)}null${text.slice(end)}`;
  if (hasManyStrings(rest)) {
    throw new BrokerError(
      "BAD_FRAME",
      `Cannot read a line: it has more than ${JSON_STRINGS_MAX} strings beside its body`,
    );
  }
  if (isLarge) return { fields: { ...parse(rest), message_body: {} }, text: rest, largeBody: body };
  const fields = body === "" ? parse(rest) : { ...parse(rest), message_body: JSON.parse(body) };
  return { fields, text };
}

function readBind({ fields: { bind } }: Line): BindFields {
  if (!isObject(bind)) throw mistake(`"bind" must be an object, found ${describe(bind)}`);
  const line = { fields: bind, text: "" };
  const routeString = readText(line, "route_string");
  const bindType = BIND_TYPES[pick(line, "bind_type", Object.keys(BIND_TYPES))]!;
  return { routeString, bindType, ignoreCase: false };
}

function readBody({ fields, text, largeBody }: Line): JsonBody {
  if (largeBody !== undefined) {
    return { kind: BodyKind.json, bytes: encoder.encode(largeBody) };
  }
  if (!Object.hasOwn(fields, "message_body")) throw mistake('"message_body" is missing');
  return makeBody(fields, text, "message_body");
}

function readName({ fields }: Line, kind: "stream" | "follower"): string {
  const { message_body: name } = fields;
  if (typeof name === "string") return name;
  throw mistake(`"message_body" must be the name of a ${kind}, found ${describe(name)}`);
}

/** Reads which message is cancelled, and how. */
function readCancelled({ fields: { message_body: body } }: Line): Omit<CancelRequest, "type"> {
  if (!isObject(body)) {
    throw mistake(
      `"message_body" must be an object with a stream and an id, found ${describe(body)}`,
    );
  }
  const { stream, id, reason, dead_letter: isDeadLetter } = body;
  if (typeof stream !== "string") {
    throw mistake(`"stream" must be the name of a stream, found ${describe(stream)}`);
  }
  if (!Number.isSafeInteger(id) || Number(id) < 1) {
    throw mistake(`"id" must be the id of a message in its stream, found ${describe(id)}`);
  }
  const isText = typeof reason === "string" && encoder.encode(reason).length <= REASON_BYTES_MAX;
  if (reason !== undefined && !isText) {
    throw mistake(`"reason" must be a text of at most ${REASON_BYTES_MAX} bytes`);
  }
  if (isDeadLetter !== undefined && typeof isDeadLetter !== "boolean") {
    throw mistake(`"dead_letter" must be true or false, found ${describe(isDeadLetter)}`);
  }
  return { stream, id: Number(id), reason: reason as string | undefined, isDeadLetter };
}

function readMemberName(line: Line): string {
  const name = readText(line, "sender_member_name");
  const complaint = findLabelMistake(name);
  if (complaint === undefined) return name;
  throw mistake(`"sender_member_name": ${complaint}`);
}

function readId({ fields }: Line): number {
  const { message_body: id } = fields;
  if (Number.isInteger(id)) return id as number;
  throw mistake(
    `"message_body" must be the id of a message, a whole number, found ${describe(id)}`,
  );
}

function readText({ fields }: Line, key: string): string {
  const value = fields[key];
  if (typeof value === "string") return value;
  throw mistake(`"${key}" must be a string, found ${describe(value)}`);
}

/** Reads a text that must be one of `words`. */
function pick({ fields }: Line, key: string, words: readonly string[], whose = ""): string {
  const found = fields[key];
  const word = words.find((word) => word === found);
  if (word !== undefined) return word;
  const allowed = words.map((word) => `"${word}"`).join(", ");
  const among = words.length === 1 ? allowed : `one of ${allowed}`;
  throw mistake(`"${key}"${whose} must be ${among}, found ${describe(found)}`);
}

function mistake(why: string): BrokerError {
  return new BrokerError("BAD_REQUEST", `Cannot carry out a line: ${why}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Shows a value in an error message, shortened to one line. */
function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (isObject(value)) return "an object";
  const text = JSON.stringify(typeof value === "string" ? value.slice(0, 80) : value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}…"`;
}
