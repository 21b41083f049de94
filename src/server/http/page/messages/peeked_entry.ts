import { Buffer } from "node:buffer";
import { BodyKind, type MessageInfo, type PeekedMessages } from "../../../../../protocol.ts";
import { findEntries } from "../../../../protocol/messages/batch.ts";
import {
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntryKind,
  readEntryPriority,
  readEntrySize,
} from "../../../../protocol/messages/entry.ts";
import { decodeHeaders } from "../../../../protocol/messages/headers.ts";
import {
  type MessageProperties,
  readProperties,
  readPropertyBytes,
} from "../../../../protocol/messages/properties.ts";
import { decodeUtf8, isUtf8 } from "../../../../protocol/utf8.ts";

/** How the kinds of bodies are called. */
const KINDS: Readonly<Record<number, "bytes" | "text" | "json">> = {
  [BodyKind.bytes]: "bytes",
  [BodyKind.text]: "text",
  [BodyKind.json]: "json",
};

/** A message that was peeked at, as it lies in its buffer. */
export class PeekedEntry {
  readonly info: MessageInfo;
  readonly #buffer: Uint8Array;
  readonly #offset: number;

  constructor(info: MessageInfo, buffer: Uint8Array, offset: number) {
    this.info = info;
    this.#buffer = buffer;
    this.#offset = offset;
  }

  /** The entries of an answer. */
  static list({ infos, entries }: PeekedMessages): PeekedEntry[] {
    const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
    return findEntries(batch).map((offset, index) =>
      new PeekedEntry(infos[index]!, entries, offset)
    );
  }

  get body(): Uint8Array {
    return this.#buffer.subarray(
      this.#bodyAt,
      this.#offset + readEntrySize(this.#buffer, this.#offset),
    );
  }

  get kind(): "bytes" | "text" | "json" {
    return KINDS[readEntryKind(this.#buffer, this.#offset)] ?? "bytes";
  }

  get headers(): Record<string, string> {
    const start = this.#offset + ENTRY_HEAD_BYTES + readPropertyBytes(this.#buffer, this.#offset);
    return decodeHeaders(this.#buffer.subarray(start, this.#bodyAt));
  }

  /** Its properties; the address of a reply concerns only the requester and the follower. */
  get properties(): Omit<MessageProperties, "request"> {
    const { request: _request, ...properties } = readProperties(this.#buffer, this.#offset);
    return properties;
  }

  /**
   * Describes it for the page.
   *
   * @param bytesMax How much of the body is shown.
   */
  tell(bytesMax: number): Record<string, unknown> {
    const { body, kind } = this;
    const shown = body.subarray(0, bytesMax);
    return {
      ...this.info,
      priority: readEntryPriority(this.#buffer, this.#offset),
      ...this.properties,
      headers: this.headers,
      kind,
      size: body.length,
      body: kind === "bytes" ? Buffer.from(shown).toString("base64") : decodeWhole(shown),
      isCut: shown.length < body.length,
    };
  }

  get #bodyAt(): number {
    return this.#offset + ENTRY_HEAD_BYTES + readEntryHeaderBytes(this.#buffer, this.#offset);
  }
}

/** Decodes a text without the part of a character at its end. */
function decodeWhole(bytes: Uint8Array): string {
  let end = bytes.length;
  // A character has at most four bytes.
  while (end > 0 && end > bytes.length - 4 && !isUtf8(bytes, 0, end)) end--;
  return decodeUtf8(bytes.subarray(0, end));
}
