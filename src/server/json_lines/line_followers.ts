/**
 * The followers of a session of JSON lines, and which of them holds which message.
 *
 * @module
 */

import { BrokerError } from "../../../protocol.ts";
import { MEMBERS_MAX } from "../../protocol/limits.ts";
import { type DeliveryIds, LineFollower } from "./line_follower.ts";
import type { LineHost } from "./line_answers.ts";
import type { FollowRequest } from "./line_request.ts";

/** A delivery that is not acknowledged. */
interface Held {
  readonly follower: LineFollower;
  readonly tag: number;
}

/** The followers of one session, by their names and binds. */
export class LineFollowers implements DeliveryIds {
  readonly #host: LineHost;
  readonly #followers = new Map<string, LineFollower>();
  /** What is held, by the id that the client knows it by. */
  readonly #held = new Map<number, Held>();
  #lastId = 0;

  constructor(host: LineHost) {
    this.#host = host;
  }

  /** Whether a message was asked for and has not come. */
  get isAwaited(): boolean {
    return this.#followers.values().some(({ openCount }) => openCount > 0);
  }

  /** Asks for a message; returns the follower if this has opened one. */
  request(request: FollowRequest): LineFollower | undefined {
    const { name, bind: { bindType, routeString } } = request;
    const key = JSON.stringify([name, bindType, routeString]);
    const known = this.#followers.get(key);
    const follower = known ?? this.#open(key, request);
    follower.request();
    return known === undefined ? follower : undefined;
  }

  /** Acknowledges the message that came with an id. */
  ack(id: number): void {
    const held = this.#held.get(id);
    if (held?.follower.ack(held.tag)) return;
    const [code, why] = id > 0 && id <= this.#lastId
      ? ["STALE_DELIVERY", "it is acknowledged, or was taken back"] as const
      : ["UNKNOWN_DELIVERY", `the last id given on this connection is ${this.#lastId}`] as const;
    throw new BrokerError(code, `Cannot acknowledge message ${id}: ${why}`);
  }

  give(follower: LineFollower, tag: number): number {
    const id = ++this.#lastId;
    this.#held.set(id, { follower, tag });
    return id;
  }

  forget(id: number): void {
    this.#held.delete(id);
  }

  /** There is room for deliveries again. */
  resume(): void {
    for (const follower of this.#followers.values()) follower.resume();
  }

  /** Ends all of them: what they hold is ready again. */
  close(): void {
    for (const follower of this.#followers.values()) follower.close();
    this.#followers.clear();
    this.#held.clear();
  }

  #open(key: string, request: FollowRequest): LineFollower {
    if (this.#followers.size >= MEMBERS_MAX) {
      throw new BrokerError(
        "TOO_MANY_MEMBERS",
        `Cannot open another follower: the session has ${MEMBERS_MAX}, the most allowed`,
      );
    }
    const follower = new LineFollower(this.#host, request, this);
    this.#followers.set(key, follower);
    return follower;
  }
}
