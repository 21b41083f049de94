import type { BrokerError, Refusal } from "../../../protocol.ts";
import type { Link } from "../../transport/link.ts";
import { whenAborted } from "../member/abort_listener.ts";
import { CallTimeouts } from "../member/call_timeouts.ts";
import { traceCaller } from "../member/caller_trace.ts";
import { copyBody, type EncodedBody } from "../outgoing/body.ts";
import { Outbox } from "../outgoing/outbox.ts";
import type { BatchOutcome } from "../outgoing/outgoing_batch.ts";
import type { BatchExtras, EncodedOptions, SendOptions } from "../outgoing/send_options.ts";
import type { SpareBuffers } from "../outgoing/spare_buffers.ts";
import type { PendingRequest } from "../requesting/pending_request.ts";
import type { Uplink } from "../uplink/uplink.ts";
import { BatchFiller } from "./batch_filler.ts";
import { CallQueue, type QueuedCall } from "./call_queue.ts";
import type { Confirmation } from "./confirmation.ts";
import { Failures } from "./failures.ts";
import type { ResolvedPublisherOptions } from "./publisher.ts";
import { explainTimeout } from "./publishing_mistake.ts";
import type { BatchReceipt, MessageConfirmation, Receipt } from "./receipt.ts";

/** The timeout and the signal of a call. */
export type CallLimits = {
  readonly [Name in "signal" | "timeoutMs"]?: SendOptions[Name] | undefined;
};

/** The publisher whose messages go through the pipeline. */
export interface PipelineOwner {
  readonly number: number;
  write(link: Link): void;
}

/**
 * The messages of one publisher from the call to the outcome, in order: calls that wait in the queue, the
 * batch that is being filled, and batches without an outcome. Ordinals count messages in the order of the
 * calls; sequence numbers are given to batches when they are sent.
 */
export class MessagePipeline {
  /** The beginning of error messages: `Cannot publish to "orders"`. */
  readonly action: string;
  readonly failures: Failures = new Failures();
  readonly #uplink: Uplink;
  readonly #schedule: () => void;
  readonly #queue: CallQueue;
  readonly #filler: BatchFiller;
  readonly outbox: Outbox;
  readonly #timeouts: CallTimeouts;
  /** Whether unsent calls may have been given up. */
  #mayHaveAbandoned = false;
  /** Set while the broker stops: resolves when every sent batch has its answer. */
  #finished: PromiseWithResolvers<void> | undefined;

  constructor(
    owner: PipelineOwner,
    way: { readonly uplink: Uplink; readonly spare: SpareBuffers },
    options: ResolvedPublisherOptions & { readonly action: string },
  ) {
    const { uplink, spare } = way;
    const { clock } = uplink.options;
    this.action = options.action;
    this.#uplink = uplink;
    this.#schedule = () => uplink.schedule(owner);
    this.#queue = new CallQueue(options.maxUnconfirmed);
    this.#timeouts = new CallTimeouts(clock);
    this.outbox = new Outbox({
      number: owner.number,
      whenFull: options.whenFull,
      clock,
      schedule: this.#schedule,
      dropSoon: () => this.#dropSoon(),
    });
    this.#filler = new BatchFiller(uplink, spare, {
      begin: this.#schedule,
      close: (batch) => this.outbox.add(batch),
      hurry: () => uplink.link && owner.write(uplink.link),
    });
  }

  /** The ordinal of the first message in the batch that is being filled, if there is one. */
  get filling(): number | undefined {
    return this.#filler.ordinal;
  }

  /** Takes a message. */
  send(
    encoded: EncodedBody,
    extras: EncodedOptions | undefined,
    confirmation: MessageConfirmation,
    limits: CallLimits | undefined,
  ): void {
    if (limits === undefined && this.#queue.isOpen) {
      this.#filler.place(this.#queue.nextOrdinal++, encoded, extras, confirmation);
    } else this.#putOff(encoded, extras, confirmation, limits);
  }

  /** Takes the messages of a call. */
  sendAll(
    encoded: EncodedBody[],
    extras: BatchExtras,
    confirmation: Confirmation<BatchReceipt>,
    limits: CallLimits | undefined,
  ): void {
    if (limits === undefined && (encoded.length === 0 || this.#queue.isOpen)) {
      this.#filler.placeAll(this.#queue.nextOrdinal, encoded, extras, confirmation);
      this.#queue.nextOrdinal += encoded.length;
      return;
    }
    const kept = encoded.map(copyBody);
    this.#enter(kept.length, confirmation, limits, (ordinal) => {
      this.#filler.placeAll(ordinal, kept, extras, confirmation);
    });
  }

  /** Takes a request. */
  request(encoded: EncodedBody, request: PendingRequest): void {
    const kept = this.#queue.isOpen ? encoded : copyBody(encoded);
    const place = (ordinal: number) => this.#filler.place(ordinal, kept, request.place(), request);
    const call = this.#queue.enter(1, place, (error) => request.refuse(error));
    request.onAbandon(() => this.#abandon(call));
  }

  /** Waits until everything taken so far has its outcome. */
  async flush(signal: AbortSignal | undefined): Promise<void> {
    this.failures.hear();
    if (this.#oldestAwaited !== undefined) {
      return await this.failures.flush(this.#queue.nextOrdinal, signal);
    }
    const error = this.failures.take();
    if (error !== undefined) await traceCaller(error);
  }

  /** Begins on a new link; returns which messages were sent before and have no answer. */
  restart(): Outbox["sentBefore"] {
    const { sentBefore } = this.outbox;
    this.#finished = undefined;
    this.outbox.restart();
    return sentBefore;
  }

  write(link: Link): void {
    this.#filler.seal();
    this.#dropAbandoned();
    if (this.outbox.send(link, this.#uplink.limits)) this.#goOn();
  }

  /** The link is lost. */
  lose(): void {
    this.outbox.lose();
    this.#finished?.resolve();
  }

  /** The broker stops: resolves when every sent batch has its answer. */
  finish(): Promise<void> {
    this.#finished ??= Promise.withResolvers();
    this.outbox.isStopping = true;
    if (this.outbox.isIdle) this.#finished.resolve();
    return this.#finished.promise;
  }

  /** Everything without an outcome fails. */
  end(reason: Error): void {
    this.#filler.seal();
    this.outbox.end(reason);
    this.#timeouts.end();
    for (const call of this.#queue.takeAll()) call.refuse(reason);
    this.#finished?.resolve();
    this.#endFlushes();
  }

  confirm(sequence: number, outcome: BatchOutcome): void {
    this.outbox.confirm(sequence, outcome);
    this.#goOn();
  }

  refuse(refusal: Refusal): void {
    this.outbox.refuse(refusal, this.#uplink.limits);
    this.#goOn();
  }

  giveUpLargest(cause: BrokerError): void {
    this.outbox.giveUpLargest(cause);
    this.#goOn();
  }

  /** Takes a message that may have to wait; separate from `send`, which then needs no closure. */
  #putOff(
    encoded: EncodedBody,
    extras: EncodedOptions | undefined,
    confirmation: MessageConfirmation,
    limits: CallLimits | undefined,
  ): void {
    const kept = copyBody(encoded);
    this.#enter(1, confirmation, limits, (ordinal) => {
      this.#filler.place(ordinal, kept, extras, confirmation);
    });
  }

  /** Takes a call that may have to wait, or may be given up. */
  #enter(
    count: number,
    confirmation: Confirmation<Receipt> | Confirmation<BatchReceipt>,
    limits: CallLimits | undefined,
    place: (ordinal: number) => void,
  ): void {
    const { signal, timeoutMs } = limits ?? {};
    if (signal?.aborted) return confirmation.abandon(signal.reason);
    const call = this.#queue.enter(count, place, (error) => confirmation.refuse(error));
    if (signal !== undefined) {
      confirmation.onOutcome(whenAborted(signal, () => {
        confirmation.abandon(signal.reason);
        this.#abandon(call);
      }));
    }
    if (timeoutMs !== undefined) {
      confirmation.onOutcome(this.#timeouts.begin(timeoutMs, () => {
        const isSent = this.outbox.wasSent(call.ordinal);
        confirmation.expire(explainTimeout(this.action, timeoutMs, isSent));
        this.#abandon(call);
      }));
    }
  }

  /** Gives a call up: its unsent messages are never sent. */
  #abandon(call: QueuedCall): void {
    this.#queue.remove(call);
    this.#dropSoon();
  }

  /** Drops given-up calls, once for all that are given up together. */
  #dropSoon(): void {
    if (this.#mayHaveAbandoned) return;
    this.#mayHaveAbandoned = true;
    queueMicrotask(() => this.#dropAbandoned());
  }

  #dropAbandoned(): void {
    if (!this.#mayHaveAbandoned) return;
    this.#mayHaveAbandoned = false;
    this.#filler.seal();
    this.outbox.dropAbandoned();
    this.#moveQueue();
  }

  /** An answer has come. */
  #goOn(): void {
    this.outbox.decide();
    if (this.outbox.isIdle) this.#finished?.resolve();
    this.#moveQueue();
    if (this.outbox.hasUnsent) this.#schedule();
  }

  #moveQueue(): void {
    this.#queue.move(() =>
      this.outbox.ordinal ?? this.#filler.ordinal ?? this.#queue.first?.ordinal
    );
    this.#endFlushes();
  }

  /** The ordinal of the oldest message that is not given up, if there is one. */
  get #oldestAwaited(): number | undefined {
    return this.outbox.awaitedOrdinal ?? this.#filler.ordinal ?? this.#queue.first?.ordinal;
  }

  #endFlushes(): void {
    if (this.failures.isFlushing) this.failures.endFlushes(this.#oldestAwaited);
  }
}
