import { findStreamNameMistake } from "../../../protocol/limits.ts";
import {
  findStreamOptionsMistake,
  type StreamOptionsInput,
} from "../../../protocol/messages/stream_options.ts";
import type { DeadLetter } from "../../../../protocol.ts";
import { findStoryMistake } from "../../../protocol/messages/dead_letter.ts";
import { describe } from "../../settings/found_value.ts";
import type { KindName } from "../messages/message_text.ts";
import { EXPORT_VERSION, LINE_FIELDS } from "./export_line.ts";

/** A stream to create. */
export interface StreamLine {
  readonly type: "stream";
  readonly stream: string;
  readonly options: StreamOptionsInput;
  readonly isPaused: boolean;
}

/** A message to publish. */
export interface MessageLine {
  readonly type: "message";
  readonly stream: string;
  /** Its id where it was exported; 0 if there is none. */
  readonly id: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly key: string | undefined;
  readonly priority: number | undefined;
  readonly dedupId: string | undefined;
  readonly deliverAt: number | undefined;
  readonly expiresAt: number | undefined;
  readonly deadLetter: DeadLetter | undefined;
}

/** A line that has been read. */
export type ImportLine =
  | StreamLine
  | MessageLine
  | { readonly type: "export"; readonly at: string }
  | { readonly type: "end" | "unknown" };

/** What a line comes to. */
export interface ReadLine {
  /** The line, or all mistakes in it. */
  readonly line: ImportLine | readonly string[];
  /** What this version does not know of: types, and fields as `type.field`. */
  readonly unknown: readonly string[];
}

/** Numbers in JSON that may have more digits than a number in JavaScript. */
const LONG_NUMBER_RULE = /\d{16}|\.\d{15}|[eE][+-]?\d{2}/;

/** Reads a line of an export. */
export function readImportLine(text: string): ReadLine {
  let fields: Record<string, unknown>;
  try {
    const value = parseExactly(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return { line: [`found ${describe(value)}, allowed is a JSON object`], unknown: [] };
    }
    fields = value as Record<string, unknown>;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { line: [`it is no JSON: ${why}`], unknown: [] };
  }
  const { type = "message" } = fields;
  const isKnown = typeof type === "string" && Object.hasOwn(LINE_FIELDS, type);
  const known = isKnown ? LINE_FIELDS[type] : undefined;
  if (known === undefined) {
    return { line: { type: "unknown" }, unknown: [`type ${describe(type)}`] };
  }
  const unknown = Object.keys(fields).filter((name) => name !== "type" && !known.includes(name))
    .map((name) => `${type}.${name}`);
  return { line: READERS[type as string]!(fields), unknown };
}

/** What TypeScript does not know of `JSON` yet. */
const exactJson = JSON as unknown as {
  parse(text: string, revive: Revive): unknown;
  rawJSON(source: string): unknown;
};

/** Parses JSON; a number that JavaScript would round keeps its digits when it is written again. */
function parseExactly(text: string): unknown {
  if (!LONG_NUMBER_RULE.test(text)) return JSON.parse(text);
  return exactJson.parse(text, (_key, value, { source }) => {
    const isExact = typeof value !== "number" || source === undefined || String(value) === source;
    return isExact ? value : exactJson.rawJSON(source);
  });
}

type Revive = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

type Fields = Readonly<Record<string, unknown>>;

const READERS: Readonly<Record<string, (fields: Fields) => ImportLine | string[]>> = {
  export: ({ version, at }) => {
    if (version === EXPORT_VERSION) return { type: "export", at: String(at) };
    return [
      `found version ${describe(version)} of exports, allowed is ${EXPORT_VERSION}; ` +
      "use the program that wrote it, or a later one",
    ];
  },
  stream: readStreamLine,
  message: readMessageLine,
  end: () => ({ type: "end" }),
};

function readStreamLine({ stream, options = {}, isPaused = false }: Fields): StreamLine | string[] {
  const mistakes = findNameMistakes(stream);
  const known = options as StreamOptionsInput;
  const mistake = findStreamOptionsMistake(known);
  if (mistake !== undefined) mistakes.push(`options: ${mistake}`);
  if (typeof isPaused !== "boolean") mistakes.push(`isPaused: found ${describe(isPaused)}`);
  if (mistakes.length > 0) return mistakes;
  return {
    type: "stream",
    stream: stream as string,
    options: known,
    isPaused: isPaused as boolean,
  };
}

function readMessageLine(fields: Fields): MessageLine | string[] {
  const mistakes = findNameMistakes(fields.stream);
  const optional = <Value>(name: string, is: (value: unknown) => boolean, allowed: string) => {
    const value = fields[name];
    if (value === undefined || is(value)) return value as Value | undefined;
    mistakes.push(`${name}: found ${describe(value)}, allowed ${allowed}`);
    return undefined;
  };
  const isText = (value: unknown) => typeof value === "string";
  const isTime = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
  const areHeaders = (value: unknown) =>
    typeof value === "object" && value !== null && Object.values(value).every(isText);
  const { deadLetter } = fields;
  const storyMistake = deadLetter === undefined ? undefined : findStoryMistake(deadLetter);
  const time = "a time in milliseconds since 1970";
  const body = readBody(fields, mistakes);
  const line: MessageLine = {
    type: "message",
    stream: fields.stream as string,
    id: optional<number>("id", isTime, "a whole number") ?? 0,
    body,
    headers: optional("headers", areHeaders, "names with texts"),
    key: optional("key", isText, "a text"),
    priority: optional("priority", Number.isInteger, "a whole number"),
    dedupId: optional("dedupId", isText, "a text"),
    deliverAt: optional("deliverAt", isTime, time),
    expiresAt: optional("expiresAt", isTime, time),
    deadLetter: optional("deadLetter", () => storyMistake === undefined, storyMistake ?? ""),
  };
  const dueAt = optional<number>("dueAt", isTime, time);
  if (mistakes.length > 0) return mistakes;
  // What waits after a failure goes on waiting.
  return { ...line, deliverAt: dueAt ?? line.deliverAt };
}

/** Reads the body; without a kind, a string is text and everything else JSON. */
function readBody({ kind, body }: Fields, mistakes: string[]): unknown {
  const found: unknown = kind ?? (typeof body === "string" ? "text" : "json");
  switch (found as KindName) {
    case "json":
      // As it is, a string would be sent as text.
      if (typeof body === "string") return exactJson.rawJSON(JSON.stringify(body));
      if (body !== undefined) return body;
      mistakes.push("body: found none, allowed a JSON value");
      return undefined;
    case "text":
      if (typeof body === "string") return body;
      break;
    case "bytes":
      try {
        if (typeof body === "string") return Uint8Array.fromBase64(body);
      } catch {
        // It is told below.
      }
      break;
    default:
      mistakes.push(`kind: found ${describe(found)}, allowed json, text, bytes`);
      return undefined;
  }
  mistakes.push(`body: found ${describe(body)}, allowed ${kind === "bytes" ? "base64" : "a text"}`);
  return undefined;
}

function findNameMistakes(stream: unknown): string[] {
  if (typeof stream !== "string") return [`stream: found ${describe(stream)}, allowed a name`];
  const mistake = findStreamNameMistake(stream);
  return mistake === undefined ? [] : [`stream: ${mistake}`];
}
