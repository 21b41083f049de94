/**
 * A follower of a session: deliveries of the engine out as frames, credit and acknowledgements in.
 *
 * @module
 */

import { BrokerError, type OpenFollower, type TagFields, writeDeliver } from "../../protocol.ts";
import type { Delivery, EngineFollower, FollowerSink } from "../broker/engine.ts";
import type { SessionHost } from "./session_host.ts";

/** How much a follower may hold. */
export interface Credit {
  /** Messages. */
  readonly messages: number;
  /** Bytes. */
  readonly bytes: number;
}

/** One follower of one session. */
export class SessionFollower implements FollowerSink {
  readonly #session: SessionHost;
  readonly #number: number;
  /** What the engine holds of it; none if its bind was refused. */
  readonly #follower: EngineFollower | undefined;

  constructor(session: SessionHost, options: OpenFollower) {
    this.#session = session;
    this.#number = options.follower;
    try {
      this.#follower = session.engine.openFollower(options, this);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      session.report(error, { follower: options.follower });
    }
  }

  /** Handles a `credit` frame. */
  handleCredit({ messages, bytes }: Credit): void {
    this.#follower?.setCredit(messages, bytes);
  }

  get isFull(): boolean {
    return this.#session.isFull;
  }

  deliver(delivery: Delivery): void {
    const session = this.#session;
    const { firstTag, firstId, attempts } = delivery;
    writeDeliver(session.link.writer, {
      follower: this.#number,
      stream: session.numberOf(delivery.stream),
      firstTag,
      firstId,
      attempts,
    }, delivery.batch);
    session.link.flush();
  }

  /** There is room for deliveries again. */
  resume(): void {
    this.#follower?.resume();
  }

  /** Ends it: what it holds is ready again. Without `lastTag`, it is lost. */
  close(lastTag?: number): void {
    this.#follower?.close(lastTag);
  }

  /** Handles an `ack`, `release` or `begin` frame. */
  handleTags(fields: TagFields, verb: "ack" | "release" | "begin"): void {
    const session = this.#session;
    const { request, follower } = fields;
    const about = request === 0 ? { follower } : { follower, request };
    const answer = () => request !== 0 && session.respond(request, null);
    try {
      const durable = this.#requireOpen()[verb](fields.ranges, request !== 0);
      if (durable === undefined) answer();
      else {
        durable.then(answer, (error) => session.fail(error, about))
          .catch((error) => session.endWith(error));
      }
    } catch (error) {
      session.fail(error, about);
    }
  }

  #requireOpen(): EngineFollower {
    if (this.#follower !== undefined) return this.#follower;
    throw new BrokerError(
      "UNKNOWN_DELIVERY",
      `Cannot find deliveries of follower ${this.#number}: it could not be opened`,
    );
  }
}
