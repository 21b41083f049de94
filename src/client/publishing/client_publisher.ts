import { type BrokerError, FrameType, type Refusal, writeControlFrame } from "../../../protocol.ts";
import type { Link } from "../../transport/link.ts";
import type { Bind } from "../member/bind.ts";
import { type CallOptions, checkCloseOptions, type CloseOptions } from "../member/call_options.ts";
import { errorOfCall } from "../member/caller_trace.ts";
import { ClosingLimit } from "../member/closing_limit.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";
import { checkOptionNames } from "../member/option_check.ts";
import { encodeBodies, encodeBody, listBodies } from "../outgoing/body.ts";
import type { BatchOutcome } from "../outgoing/outgoing_batch.ts";
import {
  encodeBatchOptions,
  type EncodedOptions,
  encodeSendOptions,
  type SendBatchOptions,
  type SendOptions,
} from "../outgoing/send_options.ts";
import type { SpareBuffers } from "../outgoing/spare_buffers.ts";
import type { PendingRequests } from "../requesting/pending_requests.ts";
import type { Reply } from "../requesting/reply.ts";
import type { RequestOptions } from "../requesting/request_options.ts";
import type { PublishingMember } from "../uplink/member.ts";
import type { Uplink } from "../uplink/uplink.ts";
import { Confirmation } from "./confirmation.ts";
import { type CallLimits, MessagePipeline } from "./message_pipeline.ts";
import type { Publisher, ResolvedPublisherOptions } from "./publisher.ts";
import {
  describeBind,
  explainDrained,
  explainGivenUp,
  explainPublisherEnd,
} from "./publishing_mistake.ts";
import { type BatchReceipt, MessageConfirmation, type Receipt } from "./receipt.ts";

/** What the publishers of a connection share. */
export interface PublishingWay {
  readonly uplink: Uplink;
  readonly requests: PendingRequests;
  /** Buffers for its batches. */
  readonly spare: SpareBuffers;
}

export class ClientPublisher implements Publisher, PublishingMember {
  readonly bind: Bind;
  readonly number: number;
  readonly #uplink: Uplink;
  readonly #requests: PendingRequests;
  readonly #pipeline: MessagePipeline;
  readonly #identity = crypto.randomUUID();
  /** The limits of calls that have none of their own. */
  readonly #limits: CallLimits | undefined;
  /** Whether the publisher is open on this link, or closed for good. */
  #state: "unknown" | "open" | "over" = "unknown";
  /** The reason why it accepts nothing more. */
  #error: Error | undefined;
  #closeCall: Promise<void> | undefined;

  constructor(way: PublishingWay, bind: Bind, options: ResolvedPublisherOptions) {
    const { uplink, requests } = way;
    this.bind = bind;
    this.number = uplink.members.nextNumber();
    this.#uplink = uplink;
    this.#requests = requests;
    const action = `Cannot publish to ${describeBind(bind)}`;
    this.#pipeline = new MessagePipeline(this, way, { ...options, action });
    if (options.timeoutMs !== undefined) this.#limits = { timeoutMs: options.timeoutMs };
    uplink.members.publishers.set(this.number, this);
    uplink.schedule(this);
  }

  /** @param usual What a call without options has in their place. */
  sendMessage(
    body: unknown,
    options?: SendOptions,
    usual?: EncodedOptions,
  ): Promise<Receipt> {
    const pipeline = this.#pipeline;
    const confirmation = new MessageConfirmation(pipeline.failures);
    try {
      this.#requireOpen();
      const encoded = encodeBody(body, this.#uplink.limits.bodyBytes, pipeline.action);
      const extras = options === undefined ? usual : encodeSendOptions(options, pipeline.action);
      pipeline.send(encoded, extras, confirmation, this.#limitsOf(options));
    } catch (error) {
      confirmation.refuse(error as Error);
    }
    return confirmation;
  }

  sendMessages(
    bodies: Iterable<unknown>,
    options?: SendBatchOptions<never>,
  ): Promise<BatchReceipt> {
    const pipeline = this.#pipeline;
    const confirmation = new Confirmation<BatchReceipt>(pipeline.failures);
    try {
      this.#requireOpen();
      const all = listBodies(bodies, pipeline.action);
      const encoded = encodeBodies(all, this.#uplink.limits.bodyBytes, pipeline.action);
      const extras = encodeBatchOptions(all, options, pipeline.action);
      pipeline.sendAll(encoded, extras, confirmation, this.#limitsOf(options));
    } catch (error) {
      confirmation.refuse(error as Error);
    }
    return confirmation;
  }

  request<Body = unknown>(body: unknown, options: RequestOptions = {}): Promise<Reply<Body>> {
    try {
      this.#requireOpen();
      const encoded = encodeBody(body, this.#uplink.limits.bodyBytes, this.#pipeline.action);
      const request = this.#requests.begin(this, options);
      this.#pipeline.request(encoded, request);
      return request.promise as Promise<Reply<Body>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async flush(options: CallOptions = {}): Promise<void> {
    checkOptionNames(options, ["signal"], "Cannot flush");
    const { signal } = options;
    signal?.throwIfAborted();
    await this.#pipeline.flush(signal);
  }

  async close(options: CloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    const { drainMs = this.#uplink.options.drainMs, signal } = options;
    const isAgain = this.#closeCall !== undefined;
    this.#closeCall ??= this.#finishAll();
    let isGivenUp = false;
    const giveUp = (isAborted: boolean) => {
      isGivenUp = isAborted;
      this.end(
        isAborted
          ? explainGivenUp(signal!.reason)
          : explainDrained(drainMs, this.#pipeline.outbox.obstacle),
      );
    };
    const limits = { drainMs, signal, progress: () => this.#progress };
    const limit = this.#state === "over" ? undefined : new ClosingLimit(limits, giveUp);
    try {
      await this.#closeCall;
    } catch (error) {
      // The first call reports the failures.
      if (!isAgain && !isGivenUp) throw error;
    } finally {
      limit?.end();
    }
    if (isGivenUp) throw signal!.reason;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What the frame that is being filled is known by, if there is one. */
  get filling(): number | undefined {
    return this.#pipeline.filling;
  }

  get largestSent(): number {
    return this.#pipeline.outbox.largestSent?.bytes ?? 0;
  }

  giveUpLargest(cause: BrokerError): void {
    this.#pipeline.giveUpLargest(cause);
  }

  expectClose(): void {
    const { failures } = this.#pipeline;
    failures.isExpected = true;
    failures.hear();
  }

  open(link: Link): void {
    if (this.#state === "over") return;
    this.#state = "open";
    const { routeString, bindType, ignoreCase } = this.bind;
    writeControlFrame(link.writer, "openPublisher", {
      publisher: this.number,
      identity: this.#identity,
      bind: { routeString, bindType, ignoreCase },
      ...this.#pipeline.restart(),
    });
    this.write(link);
  }

  write(link: Link): void {
    if (this.#state === "open") this.#pipeline.write(link);
    else this.open(link);
  }

  lose(): void {
    if (this.#state === "open") this.#state = "unknown";
    this.#pipeline.lose();
  }

  finish(): Promise<void> {
    return this.#pipeline.finish();
  }

  end(error: Error | undefined): void {
    if (this.#state === "over") return;
    const reason = explainPublisherEnd(error);
    this.#error ??= reason;
    this.#closeOnBroker();
    this.#state = "over";
    this.#requests.endOf(this, reason);
    this.#pipeline.end(reason);
  }

  handleConfirm(sequence: number, outcome: BatchOutcome): void {
    this.#pipeline.confirm(sequence, outcome);
  }

  handleRefusal(refusal: Refusal): void {
    this.#pipeline.refuse(refusal);
  }

  async #finishAll(): Promise<void> {
    this.#error ??= new ConnectionClosedError("Cannot publish: the publisher is closed");
    this.expectClose();
    try {
      await this.#requests.answered(this);
      await this.flush();
    } finally {
      this.end(undefined);
      this.#pipeline.failures.isExpected = false;
    }
  }

  /** A value that changes with every progress. */
  get #progress(): string {
    const { link } = this.#uplink;
    const { outcomeCount } = this.#pipeline.outbox;
    return [outcomeCount, this.#requests.outcomeCount, link?.outboundBytes, link?.takenBytes]
      .join();
  }

  #closeOnBroker(): void {
    this.#uplink.forget(this);
    const { link } = this.#uplink;
    if (link === undefined || this.#state !== "open") return;
    link.writer.begin(FrameType.closePublisher);
    link.writer.u32(this.number);
    link.writer.end();
    link.flush();
  }

  #requireOpen(): void {
    if (this.#error !== undefined) throw errorOfCall(this.#error);
  }

  /** How long a call may wait: by its own options, or by the publisher's. */
  #limitsOf(options: CallLimits | undefined): CallLimits | undefined {
    if (options === undefined) return this.#limits;
    const { signal, timeoutMs = this.#limits?.timeoutMs } = options;
    return signal === undefined && timeoutMs === undefined ? undefined : { signal, timeoutMs };
  }
}
