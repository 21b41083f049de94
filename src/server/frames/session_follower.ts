/**
 * A follower of a session: deliveries of the engine out as frames, credit and acknowledgements in.
 *
 * @module
 */

import {
  BrokerError,
  FrameType,
  type OpenFollower,
  type TagFields,
  type TagRange,
  type VerdictFields,
  writeControlFrame,
  writeVerdict,
} from "../../../protocol.ts";
import { writeDeliver } from "../../protocol/frames/message_frame.ts";
import type { Delivery, EngineFollower, FollowerSink } from "../../broker/engine.ts";
import type { SessionHost } from "./answers.ts";
import { SLICE_STEPS } from "../flow/work_turn.ts";

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
      const gradual = { ...options, reportsBegin: true, attachMax: SLICE_STEPS };
      this.#follower = session.engine.openFollower(gradual, this);
      this.#noteMissing(this.#follower.missing);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      session.report(error, { follower: options.follower });
    }
  }

  /** Attaches it to some more of its streams; tells whether that was all. */
  attach(): boolean {
    return this.#follower?.attach(SLICE_STEPS) ?? true;
  }

  /** Handles a `credit` frame. */
  handleCredit({ messages, bytes }: Credit): void {
    this.#follower?.setCredit(messages, bytes);
  }

  get isFull(): boolean {
    return this.#session.isFull;
  }

  get isUnread(): boolean {
    return this.#session.link.isHeldBack;
  }

  deliver(delivery: Delivery): void {
    const session = this.#session;
    const { firstTag, firstId, attempts, isDoubtful, batch } = delivery;
    writeDeliver(session.link.writer, {
      follower: this.#number,
      stream: session.numberOf(delivery.stream),
      firstTag,
      firstId,
      attempts,
      isDoubtful,
    }, batch);
    session.notePushed(batch.end - batch.start);
    session.link.flush();
  }

  /** There is room for deliveries again. */
  resume(): void {
    this.#follower?.resume();
  }

  /** Takes back what it holds, since nothing is heard; returns how much it may acknowledge yet. */
  silence(): number {
    return this.#follower?.silence() ?? 0;
  }

  /** Ends it: what it holds is ready again. Without `lastTag`, it is lost. */
  close(lastTag?: number): void {
    this.#follower?.close(lastTag);
  }

  revoke(ranges: readonly TagRange[], reason: string): void {
    const session = this.#session;
    if (session.isOver) return;
    const fields = { follower: this.#number, query: 0, ranges, reason };
    writeVerdict(session.link.writer, FrameType.revoke, fields);
    session.link.flush();
  }

  noteDeleted(stream: string): void {
    const session = this.#session;
    if (session.isOver) return;
    writeControlFrame(session.link.writer, "streamDeleted", { follower: this.#number, stream });
    session.link.flush();
  }

  #noteMissing(stream: string | undefined): void {
    const session = this.#session;
    if (stream === undefined) return;
    writeControlFrame(session.link.writer, "streamMissing", { follower: this.#number, stream });
    session.link.flush();
  }

  /** Handles an `ack`, `release` or `begin` frame. */
  handleTags(fields: TagFields, verb: "ack" | "release" | "begin"): void {
    this.#do(fields, (follower, isConfirmed) => follower[verb](fields.ranges, isConfirmed));
  }

  /** Handles a `nack`, `reject` or `extend` frame. */
  handleVerdict(fields: VerdictFields, verb: "nack" | "reject" | "extend"): void {
    const { ranges, ms, reason } = fields;
    this.#do(fields, (follower, isConfirmed) => {
      if (verb === "nack") return follower.nack(ranges, { delayMs: ms, reason }, isConfirmed);
      if (verb === "reject") return follower.reject(ranges, reason, isConfirmed);
      return follower.extend(ranges, ms ?? 0);
    });
  }

  /** Does something with deliveries, and answers if that is wanted. */
  #do(
    { query, follower }: TagFields,
    act: (follower: EngineFollower, isConfirmed: boolean) => Promise<void> | void,
  ): void {
    const session = this.#session;
    const about = query === 0 ? { follower } : { follower, query };
    const answer = () => query !== 0 && session.respond(query, null);
    try {
      const durable = act(this.#requireOpen(), query !== 0);
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
