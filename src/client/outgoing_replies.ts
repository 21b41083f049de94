/**
 * Replies on their way to the broker: those of one turn of the event loop that go to one requester
 * travel in one frame. They leave before what is said of deliveries in that turn, so that a request is
 * not acknowledged before its reply is sent.
 *
 * @module
 */

import { BATCH_COUNT_MAX, type ReplyAddress, writeReply } from "../../protocol.ts";
import type { Link } from "../transport/link.ts";
import { encodeBody, type EncodedBody, type MessageBody } from "./body.ts";
import { batchBytesMax, entryBytesMax, OutgoingBatch } from "./outgoing_batch.ts";
import type { ReplyOptions } from "./reply.ts";
import { type EncodedOptions, encodeOptions } from "./send_options.ts";
import type { Uplink } from "./uplink.ts";

const settled: Promise<void> = Promise.resolve();

/** What a connection replies. */
export class OutgoingReplies {
  readonly #uplink: Uplink;
  /** What is not sent yet, by the stream that it goes to. */
  readonly #batches = new Map<string, OutgoingBatch[]>();

  constructor(uplink: Uplink) {
    this.#uplink = uplink;
  }

  /** Sends a reply; see {@linkcode Message.reply}. */
  send(address: ReplyAddress, body: MessageBody, options: ReplyOptions = {}): Promise<void> {
    const { headers, confirm, signal } = options;
    const uplink = this.#uplink;
    try {
      signal?.throwIfAborted();
      const encoded = encodeBody(body, uplink.limits.bodyBytes, "Cannot reply");
      const extras = encodeOptions(
        headers === undefined ? {} : { headers },
        "Cannot reply",
        address,
      );
      if (confirm) return this.#confirm(address.stream, encoded, extras, options);
      // Like an acknowledgement, what comes too late and is not waited for is let go.
      if (uplink.isClosed) return settled;
      this.#add(address.stream, encoded, extras);
      uplink.schedule(this);
      return settled;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Writes what there is. */
  write(link: Link): void {
    for (const [stream, batches] of this.#batches) {
      for (const batch of batches) {
        writeReply(link.writer, { stream, request: 0 }, batch.messages);
        batch.discard();
      }
    }
    this.#batches.clear();
    link.flush();
  }

  /** Nothing more is sent. */
  end(): void {
    this.#batches.clear();
  }

  #add(stream: string, encoded: EncodedBody, extras: EncodedOptions): void {
    const batches = this.#batches.get(stream) ?? [];
    if (batches.length === 0) this.#batches.set(stream, batches);
    const bytes = entryBytesMax(encoded.content, extras);
    let batch = batches.at(-1);
    const hasRoom = batch !== undefined && batch.count < BATCH_COUNT_MAX &&
      batch.bytes + bytes <= batchBytesMax(this.#uplink.limits.frameBytes);
    if (batch === undefined || !hasRoom) {
      batch = new OutgoingBatch(0, this.#uplink.spareBuffers);
      batches.push(batch);
    }
    batch.add(encoded.kind, encoded.content, extras);
  }

  /** A reply whose arrival somebody waits for has a frame of its own. */
  #confirm(
    stream: string,
    { kind, content }: EncodedBody,
    { bytes, flags }: EncodedOptions,
    options: ReplyOptions,
  ): Promise<void> {
    const batch = new OutgoingBatch(0, this.#uplink.spareBuffers);
    batch.add(kind, content, { bytes, flags });
    const passed = this.#uplink.sendRequest((writer, request) => {
      writeReply(writer, { stream, request }, batch.messages);
    }, options);
    batch.discard();
    return passed.then(() => {});
  }
}
