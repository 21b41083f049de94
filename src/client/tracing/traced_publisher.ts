import { BATCH_COUNT_MAX } from "../../protocol/limits.ts";
import type { Bind } from "../member/bind.ts";
import type { CallOptions, CloseOptions } from "../member/call_options.ts";
import {
  type EncodedOptions,
  encodeOptions,
  type SendBatchOptions,
  type SendOptions,
} from "../outgoing/send_options.ts";
import type { ClientPublisher } from "../publishing/client_publisher.ts";
import type { Confirmation } from "../publishing/confirmation.ts";
import type { Publisher } from "../publishing/publisher.ts";
import type { BatchReceipt, Receipt } from "../publishing/receipt.ts";
import type { Reply } from "../requesting/reply.ts";
import type { RequestOptions } from "../requesting/request_options.ts";
import { addHeaders, hasOwnParent } from "./carrier.ts";
import { readSpanContext, spanOf, writeSpanContext } from "./span_context.ts";
import type { Span } from "./telemetry.ts";
import { failSpan, type Tracing } from "./tracing.ts";

/**
 * A publisher whose calls are spans, which the messages carry. Calls that go into one frame share a span: a call
 * that is awaited has its own, and a burst has few.
 */
export class TracedPublisher implements Publisher<never> {
  readonly #inner: ClientPublisher;
  readonly #tracing: Tracing;
  /** The span that further calls may share. */
  #shared: SendSpan | undefined;

  constructor(inner: ClientPublisher, tracing: Tracing) {
    this.#inner = inner;
    this.#tracing = tracing;
  }

  get bind(): Bind {
    return this.#inner.bind;
  }

  sendMessage(body: unknown, options?: SendOptions): Promise<Receipt> {
    const headers: unknown = options?.headers;
    const isOwn = hasOwnParent(headers);
    const span = isOwn ? this.#begin("send", headers) : this.#join();
    const sent = isOwn || options === undefined ? options : addHeaders(options, span.headers);
    const confirmation = this.#inner.sendMessage(body, sent, span.extras) as Confirmation<Receipt>;
    span.frame ??= this.#inner.filling;
    span.add(confirmation, 1);
    return confirmation;
  }

  sendMessages(
    bodies: Iterable<unknown>,
    options?: SendBatchOptions<never>,
  ): Promise<BatchReceipt> {
    const headers: unknown = options?.headers;
    const isOwn = hasOwnParent(headers);
    const span = this.#begin("send", headers);
    const sent = isOwn ? options : addHeaders(options, span.headers);
    const confirmation = this.#inner.sendMessages(bodies, sent) as Confirmation<BatchReceipt>;
    span.add(confirmation, Array.isArray(bodies) ? bodies.length : 0);
    return confirmation;
  }

  async request<Body = unknown>(body: unknown, options?: RequestOptions): Promise<Reply<Body>> {
    const headers: unknown = options?.headers;
    const { span, headers: added } = this.#begin("request", headers);
    try {
      const sent = hasOwnParent(headers) ? options : addHeaders(options, added);
      return await this.#inner.request<Body>(body, sent);
    } catch (error) {
      failSpan(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  flush(options?: CallOptions): Promise<void> {
    return this.#inner.flush(options);
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#inner.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin(operation: "send" | "request", headers: unknown): SendSpan {
    const own = hasOwnParent(headers) ? readSpanContext(headers) : undefined;
    const parent = spanOf(this.#tracing.context);
    return new SendSpan(this.#tracing.beginSend(operation, this.#inner.bind, own), parent);
  }

  /** The span of the frame that is being filled, if it belongs to the same code; otherwise a new one. */
  #join(): SendSpan {
    const shared = this.#shared;
    const isSame = shared !== undefined && shared.isOpen && shared.frame === this.#inner.filling &&
      shared.parent === spanOf(this.#tracing.context) && shared.count < BATCH_COUNT_MAX;
    return isSame ? shared : this.#shared = this.#begin("send", undefined);
  }
}

/** The span of calls that wait for their confirms. */
class SendSpan {
  readonly span: Span;
  readonly parent: Span | undefined;
  /** What messages carry. */
  readonly headers: Readonly<Record<string, string>>;
  #extras: EncodedOptions | undefined;
  /** The frame that the calls go into; none while they wait in the queue. */
  frame: number | undefined;
  /** The number of messages. */
  count = 0;
  #openCount = 0;
  #hasFailed = false;

  constructor(span: Span, parent: Span | undefined) {
    this.span = span;
    this.parent = parent;
    this.headers = writeSpanContext(span.spanContext());
  }

  /** The same, encoded once for all calls without options. */
  get extras(): EncodedOptions {
    return this.#extras ??= encodeOptions({ headers: this.headers }, "Cannot publish");
  }

  /** Whether a call has no outcome yet. */
  get isOpen(): boolean {
    return this.#openCount > 0;
  }

  /** Adds a call; the span ends with the outcome of the last one. */
  add<T>(confirmation: Confirmation<T>, count: number): void {
    this.#openCount++;
    this.count += count;
    confirmation.onOutcome((error) => this.#settle(error));
  }

  #settle(error: unknown): void {
    if (error !== undefined && !this.#hasFailed) failSpan(this.span, error);
    this.#hasFailed ||= error !== undefined;
    if (--this.#openCount > 0) return;
    if (this.count > 1) this.span.setAttribute("messaging.batch.message_count", this.count);
    this.span.end();
  }
}
