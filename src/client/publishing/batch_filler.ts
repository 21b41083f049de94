import { BATCH_COUNT_MAX } from "../../protocol/limits.ts";
import type { EncodedBody } from "../outgoing/body.ts";
import type { Confirmation } from "./confirmation.ts";
import { batchBytesMax, entryBytesMax } from "../outgoing/entry_buffer.ts";
import { type BatchWaiter, OutgoingBatch } from "../outgoing/outgoing_batch.ts";
import { BatchCollector, type BatchReceipt } from "./receipt.ts";
import { type BatchExtras, type EncodedOptions, extrasAt } from "../outgoing/send_options.ts";
import type { SpareBuffers } from "../outgoing/spare_buffers.ts";

/** The parts of a connection that filling batches needs. */
export interface FillingWay {
  /** The limits of the newest session. */
  readonly limits: { readonly frameBytes: number };
}

/** The receiver of batches. */
export interface FillingSink {
  /** A batch was begun, and is to be sent soon. */
  begin(): void;
  /** A batch is complete. */
  close(batch: OutgoingBatch): void;
  /** A full batch was closed: it can be sent at once. */
  hurry(): void;
}

/** Puts messages into batches, in the order of the calls. */
export class BatchFiller {
  readonly #way: FillingWay;
  readonly #spare: SpareBuffers;
  readonly #sink: FillingSink;
  #filling: OutgoingBatch | undefined;

  constructor(way: FillingWay, spare: SpareBuffers, sink: FillingSink) {
    this.#way = way;
    this.#spare = spare;
    this.#sink = sink;
  }

  /** The ordinal of the first message in the batch that is being filled, if there is one. */
  get ordinal(): number | undefined {
    return this.#filling?.ordinal;
  }

  place(
    ordinal: number,
    encoded: EncodedBody,
    extras: EncodedOptions | undefined,
    waiter: BatchWaiter,
  ): void {
    if (extras?.isAlone) this.seal();
    this.#roomFor(ordinal, encoded, extras).addWaiter(waiter);
    this.#add(encoded, extras);
    // The broker answers for a whole batch, but `duplicate` is about one message.
    if (extras?.isAlone) this.seal();
  }

  /** Puts the messages of a call into one batch, or several. */
  placeAll(
    ordinal: number,
    bodies: readonly EncodedBody[],
    extras: BatchExtras,
    confirmation: Confirmation<BatchReceipt>,
  ): void {
    this.#sealUnlessRoom(bodies, extras);
    const collector = new BatchCollector(confirmation);
    const each = Array.isArray(extras) ? extras : undefined;
    for (let index = 0; index < bodies.length; index++) {
      const body = bodies[index]!;
      const own = each === undefined ? extras : each[index];
      collector.countIn(this.#roomFor(ordinal++, body, own));
      this.#add(body, own);
    }
    collector.end();
  }

  /** Closes the batch that is being filled. */
  seal(): void {
    const filling = this.#filling;
    if (filling === undefined) return;
    this.#filling = undefined;
    this.#sink.close(filling);
  }

  /** Keeps messages that fit into one batch together: closes the present batch if they do not fit. */
  #sealUnlessRoom(bodies: readonly EncodedBody[], extras: BatchExtras): void {
    const filling = this.#filling;
    if (filling === undefined) return;
    let { bytes } = filling;
    for (let index = 0; index < bodies.length; index++) {
      bytes += entryBytesMax(bodies[index]!.content, extrasAt(extras, index));
    }
    const hasRoom = bytes <= this.#bytesMax && filling.count + bodies.length <= BATCH_COUNT_MAX;
    if (!hasRoom) this.#sealFull();
  }

  get #bytesMax(): number {
    return batchBytesMax(this.#way.limits.frameBytes);
  }

  /** The batch that a message goes into: the one being filled, or a new one. */
  #roomFor(
    ordinal: number,
    { content }: EncodedBody,
    extras: EncodedOptions | undefined,
  ): OutgoingBatch {
    const bytes = entryBytesMax(content, extras);
    if (this.#filling !== undefined && this.#filling.bytes + bytes > this.#bytesMax) {
      this.#sealFull();
    }
    if (this.#filling === undefined) {
      this.#filling = new OutgoingBatch(ordinal, this.#spare);
      this.#sink.begin();
    }
    return this.#filling;
  }

  #add({ kind, content }: EncodedBody, extras: EncodedOptions | undefined): void {
    const batch = this.#filling!;
    batch.add(kind, content, extras);
    if (batch.count === BATCH_COUNT_MAX) this.#sealFull();
  }

  #sealFull(): void {
    this.seal();
    this.#sink.hurry();
  }
}
