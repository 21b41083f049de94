import {
  BrokerError,
  type FrameDecoder,
  readBatch,
  type ReplyAddress,
  writeControlFrame,
} from "../../../protocol.ts";
import { findEntries } from "../../protocol/messages/batch.ts";
import { readProperties } from "../../protocol/messages/properties.ts";
import type { Clock } from "../../transport/clock.ts";
import type { Link } from "../../transport/link.ts";
import { whenAborted } from "../member/abort_listener.ts";
import { CallTimeouts } from "../member/call_timeouts.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";
import { type EncodedOptions, encodeOptions, type SendOptions } from "../outgoing/send_options.ts";
import type { LinkUser } from "../uplink/uplink.ts";
import { PendingRequest } from "./pending_request.ts";
import { ReceivedReply } from "./reply.ts";
import { type RequestOptions, resolveRequestOptions } from "./request_options.ts";

/**
 * The requests of a connection that wait for their replies, by number. Replies come over a stream that
 * belongs to this connection alone and ends with the link; the next link has another one.
 */
export class PendingRequests implements LinkUser {
  readonly #way: { readonly link: Link | undefined };
  readonly #timeouts: CallTimeouts;
  readonly #requests = new Map<number, PendingRequest>();
  /** The number of requests that have had an outcome. */
  outcomeCount = 0;
  readonly #numbers = new RandomNumbers();
  /** The stream for replies, once a request needs it on this link or the next one. */
  #stream: string | undefined;

  constructor(way: { readonly link: Link | undefined }, clock: Clock) {
    this.#way = way;
    this.#timeouts = new CallTimeouts(clock);
  }

  /**
   * Begins a request.
   *
   * @param owner The publisher that makes it.
   * @throws The error of a wrong option, or the reason of a signal that is aborted already.
   */
  begin(owner: object, options: RequestOptions): PendingRequest {
    const { signal } = options;
    const { timeoutMs, send } = resolveRequestOptions(options);
    signal?.throwIfAborted();
    const number = this.#nextNumber();
    const request = new PendingRequest(owner, this.#makePlace(number, send));
    request.onOutcome(() => {
      this.#requests.delete(number);
      this.outcomeCount++;
    });
    request.onOutcome(
      this.#timeouts.begin(timeoutMs, () => request.abandon(explainTimeout(timeoutMs))),
    );
    if (signal !== undefined) {
      request.onOutcome(whenAborted(signal, () => request.abandon(signal.reason)));
    }
    this.#requests.set(number, request);
    return request;
  }

  /** Opens the stream for requests that were made since the last link was lost. */
  attach(link: Link): void {
    if (this.#stream === undefined) return;
    writeControlFrame(link.writer, "openReplies", { stream: this.#stream });
  }

  /** The stream is lost with the link: requests with its address get no reply. */
  lose(): void {
    this.#stream = undefined;
    const message = "Cannot tell whether it was answered: the connection was lost";
    this.#abandon(({ isPlaced }) => isPlaced, () => new ConnectionClosedError(message));
  }

  end(cause: Error | undefined): void {
    const message = "Cannot get a reply: the connection is closed";
    this.#abandon(() => true, () => new ConnectionClosedError(message, { cause }));
    this.#timeouts.end();
  }

  /** Ends the requests of one publisher. */
  endOf(owner: object, reason: Error): void {
    this.#abandon((request) => request.owner === owner, () => reason);
  }

  /** Resolves when the present requests of a publisher have their outcome. */
  async answered(owner: object): Promise<void> {
    const own = [...this.#requests.values()].filter((request) => request.owner === owner);
    await Promise.allSettled(own.map(({ promise }) => promise));
  }

  handleReplies(frame: FrameDecoder): void {
    const { count, buffer, start, end } = readBatch(frame);
    // One copy for all: the decoder's buffer is used again.
    const bytes = buffer.slice(start, end);
    for (const offset of findEntries({ count, buffer: bytes, start: 0, end: bytes.length })) {
      const number = readProperties(bytes, offset).request?.number;
      // A second or late reply has no request any more.
      if (number !== undefined) {
        this.#requests.get(number)?.resolve(new ReceivedReply(bytes, offset));
      }
    }
  }

  /** Encodes the options; again if the reply address has changed before the request is placed. */
  #makePlace(number: number, send: SendOptions): () => EncodedOptions {
    const address = this.#addressOf(number);
    const encoded = encodeOptions(send, "Cannot request", address);
    const { headers } = send;
    const kept = headers === undefined ? send : { ...send, headers: { ...headers } };
    return () => {
      const current = this.#addressOf(number);
      return current.stream === address.stream
        ? encoded
        : encodeOptions(kept, "Cannot request", current);
    };
  }

  /** The reply address of a request; opens the stream if necessary. */
  #addressOf(number: number): ReplyAddress {
    if (this.#stream === undefined) {
      this.#stream = `$reply.${crypto.randomUUID()}`;
      const { link } = this.#way;
      if (link !== undefined) this.attach(link);
    }
    return { stream: this.#stream, number };
  }

  /**
   * Returns a number that no request under way has. It cannot be guessed: a follower of one request knows
   * the stream for the replies to all of them.
   */
  #nextNumber(): number {
    let number: number;
    do number = this.#numbers.next(); while (this.#requests.has(number));
    return number;
  }

  #abandon(isMeant: (request: PendingRequest) => boolean, makeReason: () => Error): void {
    for (const request of [...this.#requests.values()].filter(isMeant)) {
      request.abandon(makeReason());
    }
  }
}

function explainTimeout(timeoutMs: number): BrokerError {
  return new BrokerError("REPLY_TIMEOUT", `Cannot get a reply: none came within ${timeoutMs} ms`);
}

/** Numbers of 32 bits that cannot be guessed; many are made at once. */
class RandomNumbers {
  readonly #numbers = new Uint32Array(64);
  #index = this.#numbers.length;

  next(): number {
    if (this.#index === this.#numbers.length) {
      crypto.getRandomValues(this.#numbers);
      this.#index = 0;
    }
    return this.#numbers[this.#index++]!;
  }
}
