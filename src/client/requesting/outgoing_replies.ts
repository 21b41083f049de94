import { type ReplyAddress, writeReply } from "../../../protocol.ts";
import { BATCH_COUNT_MAX } from "../../protocol/limits.ts";
import { findEntries } from "../../protocol/messages/batch.ts";
import {
  ENTRY_HEAD_BYTES,
  readEntryHeaderBytes,
  readEntrySize,
} from "../../protocol/messages/entry.ts";
import type { Link } from "../../transport/link.ts";
import { encodeBody, type EncodedBody, type MessageBody } from "../outgoing/body.ts";
import {
  batchBytesMax,
  EntryBuffer,
  entryBytesMax,
  FIELD_BYTES,
} from "../outgoing/entry_buffer.ts";
import { type EncodedOptions, encodeOptions } from "../outgoing/send_options.ts";
import type { SpareBuffers } from "../outgoing/spare_buffers.ts";
import type { LinkUser, Uplink } from "../uplink/uplink.ts";
import type { ReplyOptions } from "./reply.ts";

/**
 * Replies on their way to the broker. Replies of one turn of the event loop to one requester share a frame.
 * They are written before acknowledgements, so that a request is not acknowledged before its reply.
 */
export class OutgoingReplies implements LinkUser {
  readonly #uplink: Uplink;
  readonly #spare: SpareBuffers;
  /** Unsent replies, by the stream they go to. */
  readonly #batches = new Map<string, EntryBuffer[]>();

  constructor(uplink: Uplink, spare: SpareBuffers) {
    this.#uplink = uplink;
    this.#spare = spare;
  }

  /** Sends a reply; see {@linkcode Message.reply}. */
  async send(address: ReplyAddress, body: MessageBody, options: ReplyOptions = {}): Promise<void> {
    const { headers, confirm, signal } = options;
    const uplink = this.#uplink;
    signal?.throwIfAborted();
    const encoded = encodeBody(body, uplink.limits.bodyBytes, "Cannot reply");
    const extras = encodeOptions(headers === undefined ? {} : { headers }, "Cannot reply", address);
    if (confirm) return await this.#confirm(address.stream, encoded, extras, options);
    // Without `confirm` a reply that comes too late is dropped, like an acknowledgement.
    if (uplink.isClosed) return;
    this.#add(address.stream, encoded, extras);
    uplink.schedule(this);
  }

  write(link: Link): void {
    // Called with every write of the connection.
    if (this.#batches.size === 0) return;
    for (const [stream, batches] of this.#batches) {
      for (const batch of batches) {
        this.#write(link, stream, batch);
        batch.discard();
      }
    }
    this.#batches.clear();
  }

  end(): void {
    this.#batches.clear();
  }

  /** Writes a batch; replies that are too large for the present broker are dropped. */
  #write(link: Link, stream: string, batch: EntryBuffer): void {
    const { frameBytes, bodyBytes } = this.#uplink.limits;
    const fields = { stream, query: 0 };
    const bytesMax = frameBytes - FIELD_BYTES;
    const { messages } = batch;
    const isSmall = batch.bytes <= Math.min(bytesMax, bodyBytes);
    if (isSmall || batch.bytes <= bytesMax && batch.largestBody <= bodyBytes) {
      return writeReply(link.writer, fields, messages);
    }
    const { buffer } = messages;
    for (const start of findEntries(messages)) {
      const size = readEntrySize(buffer, start);
      const bytes = size - ENTRY_HEAD_BYTES - readEntryHeaderBytes(buffer, start);
      if (bytes > bodyBytes || size > bytesMax) continue;
      writeReply(link.writer, fields, { count: 1, buffer, start, end: start + size });
    }
  }

  #add(stream: string, encoded: EncodedBody, extras: EncodedOptions): void {
    const batches = this.#batches.get(stream) ?? [];
    if (batches.length === 0) this.#batches.set(stream, batches);
    const bytes = entryBytesMax(encoded.content, extras);
    let batch = batches.at(-1);
    const hasRoom = batch !== undefined && batch.count < BATCH_COUNT_MAX &&
      batch.bytes + bytes <= batchBytesMax(this.#uplink.limits.frameBytes);
    if (batch === undefined || !hasRoom) {
      batch = new EntryBuffer(this.#spare);
      batches.push(batch);
    }
    batch.add(encoded.kind, encoded.content, extras);
  }

  /** A reply with `confirm` has a frame of its own. */
  async #confirm(
    stream: string,
    { kind, content }: EncodedBody,
    { bytes, flags }: EncodedOptions,
    options: ReplyOptions,
  ): Promise<void> {
    const batch = new EntryBuffer(this.#spare);
    batch.add(kind, content, { bytes, flags });
    const passed = this.#uplink.queries.send((writer, query) => {
      writeReply(writer, { stream, query }, batch.messages);
    }, options);
    batch.discard();
    await passed;
  }
}
