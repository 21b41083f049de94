/**
 * A follower of a session of JSON lines: it gets a message for each line that asks for one.
 *
 * @module
 */

import { findEntries, type TagRange } from "../../protocol.ts";
import type { Delivery, EngineFollower, FollowerSink } from "../broker/engine.ts";
import { showBody } from "./json_text.ts";
import { formatMessage, type LineHost } from "./line_host.ts";
import type { FollowRequest } from "./line_request.ts";
import { SLICE_STEPS } from "./work_turn.ts";

/** Gives deliveries the ids by which the client acknowledges them. */
export interface DeliveryIds {
  /** Gives a delivery an id that no other one has had in this session. */
  give(follower: LineFollower, tag: number): number;
  /** Forgets the delivery of an id. */
  forget(id: number): void;
}

/** One follower of one session. */
export class LineFollower implements FollowerSink {
  readonly #host: LineHost;
  readonly #ids: DeliveryIds;
  readonly #follower: EngineFollower;
  /** The ids of the deliveries that it holds, by tag. */
  readonly #held = new Map<number, number>();
  #openCount = 0;

  /** Opens it; throws `BAD_STREAM_NAME` or `BAD_PATTERN`. */
  constructor(host: LineHost, { name, bind }: FollowRequest, ids: DeliveryIds) {
    this.#host = host;
    this.#ids = ids;
    const bytes = host.limits.unacknowledgedBytes;
    const options = { name, bind, messages: 0, bytes, attachMax: SLICE_STEPS };
    this.#follower = host.engine.openFollower(options, this);
  }

  /** Attaches it to some more of its streams; tells whether that was all. */
  attach(): boolean {
    return this.#follower.attach(SLICE_STEPS);
  }

  /** How many messages were asked for and have not come. */
  get openCount(): number {
    return this.#openCount;
  }

  get isFull(): boolean {
    return this.#host.isFull;
  }

  /** Asks for one more message. */
  request(): void {
    this.#openCount++;
    this.#setCredit();
  }

  /** Acknowledges a delivery that it holds. */
  ack(tag: number): void {
    this.#forget(tag);
    // Before the delivery ends: it would make room for a message that nobody has asked for.
    this.#setCredit();
    this.#follower.ack([{ firstTag: tag, count: 1 }], false);
  }

  deliver({ firstTag, batch }: Delivery): void {
    this.#openCount -= batch.count;
    for (const [index, offset] of findEntries(batch).entries()) {
      const tag = firstTag + index;
      const id = this.#ids.give(this, tag);
      this.#held.set(tag, id);
      this.#host.say(formatMessage(showBody(batch.buffer, offset), id));
    }
  }

  revoke(ranges: readonly TagRange[]): void {
    for (const { firstTag, count } of ranges) {
      for (let index = 0; index < count; index++) this.#forget(firstTag + index);
    }
    this.#setCredit();
  }

  noteDeleted(): void {
    // It waits: a stream of the same name may be created.
  }

  /** There is room for deliveries again. */
  resume(): void {
    this.#follower.resume();
  }

  /** Ends it: what it holds is ready again. */
  close(): void {
    this.#follower.close();
  }

  #forget(tag: number): void {
    const id = this.#held.get(tag);
    if (id === undefined) return;
    this.#held.delete(tag);
    this.#ids.forget(id);
  }

  /** What it holds is not to be more than what was asked for. */
  #setCredit(): void {
    const { unacknowledgedMessages, unacknowledgedBytes } = this.#host.limits;
    const messages = Math.min(this.#held.size + this.#openCount, unacknowledgedMessages);
    this.#follower.setCredit(messages, unacknowledgedBytes);
  }
}
