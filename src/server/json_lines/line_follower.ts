/**
 * A follower of a session of JSON lines: it gets a message for each line that asks for one.
 *
 * @module
 */

import { BrokerError, type TagRange } from "../../../protocol.ts";
import { findEntries } from "../../protocol/frames/stream_info.ts";
import type { Delivery, EngineFollower, FollowerSink } from "../../broker/engine.ts";
import { showBody } from "./json_text.ts";
import { formatMessage, type LineHost } from "./line_answers.ts";
import type { FollowRequest } from "./line_request.ts";
import { SLICE_STEPS } from "../flow/work_turn.ts";

/** Gives deliveries the ids by which the client acknowledges them. */
export interface DeliveryIds {
  /** Gives a delivery an id that no other one has had in this session. */
  give(follower: LineFollower, tag: number): number;
  /** Forgets the delivery of an id. */
  forget(id: number): void;
}

/** So many deliveries that were taken back are remembered, the last ones. */
const LAPSED_MAX = 256;

/** One follower of one session. */
export class LineFollower implements FollowerSink {
  readonly #host: LineHost;
  readonly #ids: DeliveryIds;
  readonly #follower: EngineFollower;
  /** The ids of the deliveries that it holds, by tag. */
  readonly #held = new Map<number, number>();
  /** The same of deliveries that were taken back lately: the client may say yet that they are done. */
  readonly #lapsed = new Map<number, number>();
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

  /** Acknowledges a delivery; tells whether that counts: it may have been taken back. */
  ack(tag: number): boolean {
    this.#forget(tag);
    // Before the delivery ends: it would make room for a message that nobody has asked for.
    this.#setCredit();
    try {
      this.#follower.ack([{ firstTag: tag, count: 1 }], false);
      return true;
    } catch (error) {
      if (error instanceof BrokerError && error.code === "STALE_DELIVERY") return false;
      throw error;
    }
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
      for (let tag = firstTag; tag < firstTag + count; tag++) this.#noteLapse(tag);
    }
    this.#setCredit(0);
    // Whoever waits for a message is there for it, whatever has run out.
    if (this.#openCount > 0) this.#setCredit();
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

  #noteLapse(tag: number): void {
    const id = this.#held.get(tag);
    if (id === undefined) return;
    this.#held.delete(tag);
    this.#lapsed.set(tag, id);
    if (this.#lapsed.size <= LAPSED_MAX) return;
    for (const oldest of this.#lapsed.keys()) return this.#forget(oldest);
  }

  #forget(tag: number): void {
    const id = this.#held.get(tag) ?? this.#lapsed.get(tag);
    if (id === undefined) return;
    this.#held.delete(tag);
    this.#lapsed.delete(tag);
    this.#ids.forget(id);
  }

  /** What it holds is not to be more than what was asked for. */
  #setCredit(openCount = this.#openCount): void {
    const { unacknowledgedMessages, unacknowledgedBytes } = this.#host.limits;
    const messages = Math.min(this.#held.size + openCount, unacknowledgedMessages);
    this.#follower.setCredit(messages, unacknowledgedBytes);
  }
}
