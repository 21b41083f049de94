/**
 * A follower of a session: deliveries of the engine out as frames, credit and acknowledgements in.
 *
 * @module
 */

import {
  BrokerError,
  type FrameDecoder,
  type OpenFollower,
  readCredit,
  readTags,
  type TagFields,
  writeDeliver,
} from "../../protocol.ts";
import type { Delivery, EngineFollower, FollowerSink } from "../broker/engine.ts";
import type { Session } from "./session.ts";

/** One follower of one session. */
export class SessionFollower implements FollowerSink {
  readonly #session: Session;
  readonly #number: number;
  /** What the engine holds of it; none if its bind was refused. */
  readonly #follower: EngineFollower | undefined;

  constructor(session: Session, options: OpenFollower) {
    this.#session = session;
    this.#number = options.follower;
    const { messages, bytes } = capCredit(session, options);
    try {
      this.#follower = session.context.engine.openFollower({ ...options, messages, bytes }, this);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      session.report(error, { follower: options.follower });
    }
  }

  /** Handles a `credit` frame of a session. */
  static handleCredit(session: Session, frame: FrameDecoder): void {
    const fields = readCredit(frame);
    const { messages, bytes } = capCredit(session, fields);
    requireFollower(session, fields.follower).#follower?.setCredit(messages, bytes);
  }

  /** Handles an `ack`, `release` or `begin` frame of a session. */
  static handleTags(
    session: Session,
    frame: FrameDecoder,
    verb: "ack" | "release" | "begin",
  ): void {
    const fields = readTags(frame);
    requireFollower(session, fields.follower).#handleTags(fields, verb);
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

  #handleTags(fields: TagFields, verb: "ack" | "release" | "begin"): void {
    const session = this.#session;
    const { request, follower } = fields;
    const about = request === 0 ? { follower } : { follower, request };
    const answer = () => request !== 0 && session.respond(request, null);
    try {
      const durable = this.#follower?.[verb](fields.ranges);
      if (durable === undefined) answer();
      else durable.then(answer, (error) => session.fail(error, about));
    } catch (error) {
      session.fail(error, about);
    }
  }
}

/** Credit as far as the broker's limits allow. */
function capCredit(session: Session, wish: { messages: number; bytes: number }) {
  const { unacknowledgedMessages, unacknowledgedBytes } = session.context.limits;
  return {
    messages: Math.min(wish.messages, unacknowledgedMessages),
    bytes: Math.min(wish.bytes, unacknowledgedBytes),
  };
}

/** The follower of that number; a client that never opened it is not one of ours. */
function requireFollower(session: Session, number: number): SessionFollower {
  const follower = session.followers.get(number);
  if (follower !== undefined) return follower;
  throw new BrokerError("BAD_FRAME", `Cannot find follower ${number}: it is not open`);
}
