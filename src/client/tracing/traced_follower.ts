import type { ReplyAddress } from "../../../protocol.ts";
import type { FollowingWay } from "../following/client_follower.ts";
import type { DeliveredMessage } from "../deliveries/delivered_message.ts";
import { HeldMessages } from "../deliveries/held_messages.ts";
import type { ReplySender } from "../deliveries/delivery_verdicts.ts";
import type { Message } from "../deliveries/message.ts";
import type { MessageBody } from "../outgoing/body.ts";
import type { ReplyOptions } from "../requesting/reply.ts";
import { addHeaders, hasOwnParent } from "./carrier.ts";
import { writeSpanContext } from "./span_context.ts";
import { type Span, STATUS_ERROR } from "./telemetry.ts";
import { failSpan, type Tracing } from "./tracing.ts";

/** Makes spans of what followers get and reply. */
export function traceFollowing(tracing: Tracing, way: FollowingWay): FollowingWay {
  return {
    ...way,
    replies: new TracedReplies(way.replies, tracing),
    tracing: {
      makeHeld: () => new TracedHeldMessages(tracing),
      watch: (loop) => new TracedLoop(loop, tracing),
    },
  };
}

/** The messages of a follower; each is a span from the time on at which a handler gets it until it ends it. */
class TracedHeldMessages extends HeldMessages {
  readonly #tracing: Tracing;
  readonly #spans = new WeakMap<DeliveredMessage, Span>();

  constructor(tracing: Tracing) {
    super();
    this.#tracing = tracing;
  }

  override add(message: DeliveredMessage): number {
    this.#spans.set(message, this.#tracing.beginProcess(message));
    return super.add(message);
  }

  override remove(message: DeliveredMessage): boolean {
    const wasHeld = super.remove(message);
    const span = wasHeld ? this.#spans.get(message) : undefined;
    if (span !== undefined) endProcess(span, message.verdict ?? "lost");
    return wasHeld;
  }
}

/** Verdicts that somebody has to look at; a message that is given back comes again. */
const FAILURES: ReadonlySet<string> = new Set(["rejected", "lost"]);

function endProcess(span: Span, verdict: string): void {
  span.setAttribute("messaging.simplemq.verdict", verdict);
  if (FAILURES.has(verdict)) {
    span.setAttribute("error.type", verdict);
    span.setStatus({ code: STATUS_ERROR });
  }
  span.end();
}

/** A loop with `autoAck`: each message is a span until the loop takes the next one. */
class TracedLoop implements AsyncIterableIterator<Message> {
  readonly #inner: AsyncIterableIterator<Message>;
  readonly #tracing: Tracing;
  #span: Span | undefined;

  constructor(inner: AsyncIterableIterator<Message>, tracing: Tracing) {
    this.#inner = inner;
    this.#tracing = tracing;
  }

  async next(): Promise<IteratorResult<Message>> {
    this.#end();
    const result = await this.#inner.next();
    if (!result.done) this.#span = this.#tracing.beginProcess(result.value);
    return result;
  }

  return(): Promise<IteratorResult<Message>> {
    this.#end();
    return this.#inner.return!();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #end(): void {
    if (this.#span !== undefined) endProcess(this.#span, "acknowledged by autoAck");
    this.#span = undefined;
  }
}

/** Replies that are spans, and carry them. */
class TracedReplies implements ReplySender {
  readonly #inner: ReplySender;
  readonly #tracing: Tracing;

  constructor(inner: ReplySender, tracing: Tracing) {
    this.#inner = inner;
    this.#tracing = tracing;
  }

  async send(
    address: ReplyAddress,
    body: MessageBody,
    options: ReplyOptions | undefined,
    message: Message,
  ): Promise<void> {
    const span = this.#tracing.beginReply(message);
    try {
      const isOwn = hasOwnParent(options?.headers);
      const sent = isOwn ? options : addHeaders(options, writeSpanContext(span.spanContext()));
      await this.#inner.send(address, body, sent, message);
    } catch (error) {
      failSpan(span, error);
      throw error;
    } finally {
      span.end();
    }
  }
}
