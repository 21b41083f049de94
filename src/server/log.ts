import type { BrokerEvent } from "../../protocol.ts";
import { LOG_LEVELS, type LogLevel } from "../protocol/log_level.ts";
import { EventRing } from "./event_ring.ts";
import { hideWholeTokens } from "./token_text.ts";

export { LOG_LEVELS, type LogLevel };

/** The lowest level of the events that are kept. */
const KEPT_RANK = LOG_LEVELS.indexOf("info");

/** How lines are written: for people, or as objects of JSON. */
export type LogFormat = "text" | "json";

/** The formats, the default one first. */
export const LOG_FORMATS: readonly LogFormat[] = ["text", "json"];

/** The fields of an event, by name; `undefined` ones are left out. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Options for {@linkcode Log}. */
export interface LogOptions {
  /** Lines below this level are not written. */
  readonly level: LogLevel;
  /** How lines are written; `text` by default. */
  readonly format?: LogFormat;
  /** Takes a line with its end; by default it goes to standard error. */
  readonly write?: (line: string) => void;
  /** Returns the time in milliseconds since 1970; `Date.now` by default. */
  readonly now?: () => number;
}

/** The longest value that is written; a longer one is cut. In UTF-16 units, before escaping. */
const VALUE_LENGTH_MAX = 4096;

/** How many causes of an error are written. */
const CAUSES_MAX = 5;

/** Values that need no quotes, since nothing in them looks like their end. */
const BARE_RULE = /^[\p{L}\p{N}_.:/@,;#*?!()[\]{}<>|&%$~^+'-]+$/u;

/** Control, format and unassigned characters, and ends of lines other than these. */
const INVISIBLE_RULE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The same, and what would end the quotes. */
const QUOTED_RULE = /[\p{C}\p{Zl}\p{Zp}"\\]/gu;

/**
 * The log: the only place of the broker that prints. Writing to it never throws and is done when the
 * call returns. One line per event:
 *
 * ```text
 * 2026-11-23T05:49:00.000Z info listening host=localhost port=9090 name="worker \u001b[2J"
 * ```
 *
 * Names come from clients, so no value can end its line, forge another or move the cursor of a
 * terminal: control and other invisible characters are always escaped.
 */
export class Log {
  /** The last events at `info` or above, whatever the level of the log is. */
  readonly events: EventRing = new EventRing();
  #rank: number;
  readonly #format: (event: LogEvent) => string;
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  #lostCount = 0;

  constructor(options: LogOptions) {
    this.#rank = LOG_LEVELS.indexOf(options.level);
    this.#format = options.format === "json" ? formatJson : formatLine;
    this.#write = options.write ?? writeToStandardError;
    this.#now = options.now ?? Date.now;
  }

  /** Lines below this level are not written. */
  get level(): LogLevel {
    return LOG_LEVELS[this.#rank]!;
  }

  set level(level: LogLevel) {
    this.#rank = LOG_LEVELS.indexOf(level);
  }

  /** Writes an event that helps to find a fault in the broker or in a client. */
  debug(message: string, fields?: LogFields): void {
    this.#log("debug", message, fields);
  }

  /** Writes an event of normal operation. */
  info(message: string, fields?: LogFields): void {
    this.#log("info", message, fields);
  }

  /** Writes an event that an operator should look at; the broker goes on as before. */
  warning(message: string, fields?: LogFields): void {
    this.#log("warning", message, fields);
  }

  /** Writes an event that an operator must act upon. */
  error(message: string, fields?: LogFields): void {
    this.#log("error", message, fields);
  }

  #log(level: LogLevel, message: string, fields: LogFields = {}): void {
    const rank = LOG_LEVELS.indexOf(level);
    if (rank >= KEPT_RANK) this.#keep(level, message, fields);
    if (rank < this.#rank) return;
    // A broker must outlive its log: the output may be closed or its disk full. Lost lines are counted, and
    // reported when writing works again.
    try {
      const time = new Date(this.#now()).toISOString();
      if (this.#lostCount > 0) {
        const fields = { count: this.#lostCount };
        this.#write(this.#format({ time, level: "warning", message: "lines were lost", fields }));
        this.#lostCount = 0;
      }
      this.#write(this.#format({ time, level, message, fields }));
    } catch {
      this.#lostCount++;
    }
  }

  #keep(level: LogLevel, message: string, fields: LogFields): void {
    const text = cut(hideWholeTokens(message));
    this.events.add({ at: this.#now(), level, message: text, fields: toJsonValues(fields) });
  }
}

/** What a line tells. */
interface LogEvent {
  readonly time: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Formats a line, with its end; text from clients belongs into the fields. */
function formatLine({ time, level, message, fields }: LogEvent): string {
  const words = [time, level, escapeText(cut(hideWholeTokens(message)), INVISIBLE_RULE)];
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) words.push(`${name}=${formatValue(value)}`);
  }
  return words.join(" ") + "\n";
}

/** Formats a line as JSON, with its end; what could move the cursor of a terminal is escaped there, too. */
function formatJson({ time, level, message, fields }: LogEvent): string {
  const shown = toJsonValues(fields);
  const event = { time, level, message: cut(hideWholeTokens(message)), fields: shown };
  return escapeJson(JSON.stringify(event)) + "\n";
}

/** Numbers and truth values as they are, everything else as text. */
function toJsonValues(fields: LogFields): BrokerEvent["fields"] {
  const shown: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const isPlain = typeof value === "boolean" || (typeof value === "number" && isFinite(value));
    shown[name] = isPlain ? value : showValue(value);
  }
  return shown;
}

/** Escapes invisible characters, of which JSON itself leaves some as they are. */
function escapeJson(json: string): string {
  return json.replace(
    INVISIBLE_RULE,
    (character) =>
      [...Array(character.length).keys()].map((index) =>
        `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`
      ).join(""),
  );
}

/** A value as a text that may be shown: limited, and without tokens. */
function showValue(value: unknown): string {
  return cut(hideWholeTokens(toText(value)));
}

function formatValue(value: unknown): string {
  const text = showValue(value);
  return BARE_RULE.test(text) ? text : `"${escapeText(text, QUOTED_RULE)}"`;
}

function toText(value: unknown): string {
  if (typeof value === "string") return value;
  // One odd value must not cost the whole line.
  try {
    if (value instanceof Error) return describeError(value);
    const isOpaque = typeof value !== "object" || value === null;
    return isOpaque ? String(value) : JSON.stringify(value) ?? String(value);
  } catch {
    return "(cannot be shown)";
  }
}

/** An error on one line: its name, its message, and what caused it. */
function describeError(error: Error): string {
  const causes: string[] = [];
  let cause: unknown = error;
  while (cause !== undefined && causes.length < CAUSES_MAX) {
    causes.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes.join(" <- ");
}

function cut(text: string): string {
  return text.length <= VALUE_LENGTH_MAX ? text : `${text.slice(0, VALUE_LENGTH_MAX)}…`;
}

function escapeText(text: string, rule: RegExp): string {
  return text.replace(rule, (character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/**
 * Writes a line to standard error, at once: a line about a crash must be out before the process is.
 * All levels go there, so that they stay in order; standard output is for the results of commands.
 */
function writeToStandardError(line: string): void {
  const bytes = new TextEncoder().encode(line);
  let written = 0;
  while (written < bytes.length) written += Deno.stderr.writeSync(bytes.subarray(written));
}
