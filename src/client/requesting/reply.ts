/**
 * A reply as a requester gets it, and how to send one.
 *
 * @module
 */

import {
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntryKind,
  readEntrySize,
} from "../../protocol/messages/entry.ts";
import { decodeHeaders } from "../../protocol/messages/headers.ts";
import { readPropertyBytes } from "../../protocol/messages/properties.ts";
import { decodeBody } from "../outgoing/body.ts";
import type { CallOptions } from "../member/call_options.ts";

/** The reply to a request. */
export interface Reply<Body = unknown> {
  /** What was sent: a string, bytes or a JSON value. Decoded when it is first looked at. */
  readonly body: Body;
  /** The body's bytes. */
  readonly bytes: Uint8Array;
  /** The headers that were sent with it. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Options of {@linkcode Message.reply}. */
export interface ReplyOptions extends CallOptions {
  /**
   * Names and values that travel with the reply: 4 KiB at most, all together.
   *
   * @default {no headers}
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Wait until the broker has passed the reply on to the requester's connection. Without it the reply
   * is on its way when the call returns, and nobody tells whether the requester was still there.
   *
   * @default {false}
   */
  readonly confirm?: boolean;
}

/** A reply in the bytes that it came in. Nothing is decoded before it is looked at. */
export class ReceivedReply implements Reply {
  readonly #batch: Uint8Array;
  readonly #offset: number;
  #body: unknown;

  constructor(batch: Uint8Array, offset: number) {
    this.#batch = batch;
    this.#offset = offset;
  }

  get body(): unknown {
    this.#body ??= decodeBody(readEntryKind(this.#batch, this.#offset), this.bytes);
    return this.#body;
  }

  get bytes(): Uint8Array {
    const end = this.#offset + readEntrySize(this.#batch, this.#offset);
    return this.#batch.subarray(this.#headersEnd, end);
  }

  get headers(): Readonly<Record<string, string>> {
    const start = this.#offset + ENTRY_HEAD_BYTES + readPropertyBytes(this.#batch, this.#offset);
    return decodeHeaders(this.#batch.subarray(start, this.#headersEnd));
  }

  get #headersEnd(): number {
    return this.#offset + ENTRY_HEAD_BYTES + readEntryHeaderBytes(this.#batch, this.#offset);
  }
}

// What a person sees who prints a reply: what it is, not how it is kept.
Object.defineProperty(ReceivedReply.prototype, Symbol.for("Deno.customInspect"), {
  value(this: ReceivedReply, inspect: typeof Deno.inspect): string {
    return `Reply ${inspect({ headers: this.headers, body: this.body })}`;
  },
});
