import { Buffer } from "node:buffer";
import type { DeadLetterCause, MessageState } from "../../../../../protocol.ts";
import { oneOf, optional, type Shape } from "../../../../protocol/frames/json_fields.ts";
import { shortText } from "../page_input.ts";
import type { PeekedEntry } from "./peeked_entry.ts";

/** The longest text to look for, in characters. */
const TEXT_LENGTH_MAX = 256;

/** What messages are looked for; what is undefined does not matter. */
export interface MessageWishes {
  /** A part of the body, in any case. */
  readonly text: string | undefined;
  readonly key: string | undefined;
  /** The name of a header, or `name=part of its value`. */
  readonly header: string | undefined;
  readonly cause: DeadLetterCause | undefined;
  /** A part of the reason of a failure, in any case. */
  readonly reason: string | undefined;
  readonly state: MessageState | undefined;
}

/** How the wishes are read. */
export const WISHES: Shape<MessageWishes> = {
  text: optional(shortText(TEXT_LENGTH_MAX)),
  key: optional(shortText(TEXT_LENGTH_MAX)),
  header: optional(shortText(TEXT_LENGTH_MAX)),
  cause: optional(oneOf("rejected", "maxDeliveries", "expired")),
  reason: optional(shortText(TEXT_LENGTH_MAX)),
  state: optional(oneOf("ready", "delayed", "pending")),
};

/** Selects messages. What is cheap to look at comes first. */
export class MessageFilter {
  readonly #wishes: MessageWishes;
  readonly #text: string | undefined;
  readonly #reason: string | undefined;
  readonly #header: readonly [name: string, part: string] | undefined;

  constructor(wishes: MessageWishes) {
    const { text, reason, header } = wishes;
    this.#wishes = wishes;
    this.#text = text === undefined || text === "" ? undefined : text.toLowerCase();
    this.#reason = reason === undefined || reason === "" ? undefined : reason.toLowerCase();
    if (header !== undefined && header !== "") {
      const at = header.indexOf("=");
      this.#header = at < 0 ? [header, ""] : [header.slice(0, at), header.slice(at + 1)];
    }
  }

  /** Whether it is one of the wanted ones. */
  matches(entry: PeekedEntry): boolean {
    const { state, key, cause } = this.#wishes;
    if (state !== undefined && entry.info.state !== state) return false;
    if (key !== undefined || cause !== undefined || this.#reason !== undefined) {
      const { key: found, deadLetter } = entry.properties;
      if (key !== undefined && found !== key) return false;
      if (cause !== undefined && deadLetter?.cause !== cause) return false;
      if (this.#reason !== undefined && !hasReason(deadLetter?.reasons, this.#reason)) return false;
    }
    return this.#matchesHeader(entry) && this.#matchesText(entry);
  }

  #matchesHeader(entry: PeekedEntry): boolean {
    if (this.#header === undefined) return true;
    const [name, part] = this.#header;
    const { headers } = entry;
    return Object.hasOwn(headers, name) && headers[name]!.includes(part);
  }

  #matchesText(entry: PeekedEntry): boolean {
    if (this.#text === undefined) return true;
    return Buffer.from(entry.body).toString("utf8").toLowerCase().includes(this.#text);
  }
}

function hasReason(reasons: readonly string[] | undefined, part: string): boolean {
  return reasons?.some((reason) => reason.toLowerCase().includes(part)) ?? false;
}
