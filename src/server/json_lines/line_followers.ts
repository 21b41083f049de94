import { BrokerError, type TagRange } from "../../../protocol.ts";
import { MEMBERS_MAX } from "../../protocol/limits.ts";
import { findEntries } from "../../protocol/messages/batch.ts";
import { TextMap } from "../../broker/collections/text_map.ts";
import type { Delivery, EngineFollower, FollowerSink } from "../../broker/engine.ts";
import { SLICE_STEPS } from "../flow/work_turn.ts";
import { showBody } from "./json_text.ts";
import { formatMessage, type LineAnswers } from "./line_answers.ts";
import type { FollowRequest } from "./line_request.ts";

/** How many of the last deliveries that were taken back are remembered. */
const LAPSED_MAX = 256;

/** A delivery that is not acknowledged. */
interface Held {
  readonly follower: LineFollower;
  readonly tag: number;
}

/** The followers of a session of JSON lines, by their names and binds. */
export class LineFollowers {
  readonly #answers: LineAnswers;
  readonly #followers: TextMap<LineFollower>;
  /** The deliveries that are held, by the client's ids. */
  readonly #held = new Map<number, Held>();
  #lastId = 0;

  constructor(answers: LineAnswers) {
    this.#answers = answers;
    this.#followers = new TextMap(answers.outlet.context.hash);
  }

  get count(): number {
    return this.#followers.size;
  }

  /** All that are open. */
  values(): Iterable<LineFollower> {
    return this.#followers.values();
  }

  /** Whether a requested message has not been delivered. */
  get isAwaited(): boolean {
    return this.#followers.values().some(({ openCount }) => openCount > 0);
  }

  /** Requests a message; returns the follower if it was opened for that. */
  request(request: FollowRequest): LineFollower | undefined {
    const { name, bind: { bindType, routeString } } = request;
    const key = JSON.stringify([name, bindType, routeString]);
    const known = this.#followers.get(key);
    const follower = known ?? this.#open(key, request);
    follower.request();
    return known === undefined ? follower : undefined;
  }

  /** Acknowledges the message with a client's id. */
  ack(id: number): void {
    const held = this.#held.get(id);
    if (held?.follower.ack(held.tag)) return;
    const [code, why] = id > 0 && id <= this.#lastId
      ? ["STALE_DELIVERY", "it is acknowledged, or was taken back"] as const
      : ["UNKNOWN_DELIVERY", `the last id given on this connection is ${this.#lastId}`] as const;
    throw new BrokerError(code, `Cannot acknowledge message ${id}: ${why}`);
  }

  /** Gives a delivery a new id in this session. */
  giveId(follower: LineFollower, tag: number): number {
    const id = ++this.#lastId;
    this.#held.set(id, { follower, tag });
    return id;
  }

  forget(id: number): void {
    this.#held.delete(id);
  }

  resume(): void {
    for (const follower of this.#followers.values()) follower.resume();
  }

  /** Ends all followers: their messages are ready again. */
  close(): void {
    for (const follower of this.#followers.values()) follower.close();
    this.#followers.clear();
    this.#held.clear();
  }

  #open(key: string, request: FollowRequest): LineFollower {
    if (this.#followers.size >= MEMBERS_MAX) {
      throw new BrokerError(
        "TOO_MANY_MEMBERS",
        `Cannot open another follower: the connection's limit of ${MEMBERS_MAX} is reached`,
      );
    }
    // When it has lost its permission, the next request opens it again, if that is allowed by then.
    const ended = () => this.#followers.delete(key);
    const follower = new LineFollower(this.#answers, request, { ids: this, ended });
    this.#followers.set(key, follower);
    return follower;
  }
}

/** One follower: it gets one message for each line that requests one. */
class LineFollower implements FollowerSink {
  readonly name: string;
  readonly #answers: LineAnswers;
  readonly #ids: LineFollowers;
  readonly #ended: () => void;
  readonly #follower: EngineFollower;
  /** The ids of the deliveries that it holds, by tag. */
  readonly #held = new Map<number, number>();
  /** The same for deliveries that were taken back lately and may still be acknowledged. */
  readonly #lapsed = new Map<number, number>();
  #openCount = 0;

  /** Opens it; throws `BAD_STREAM_NAME` or `BAD_PATTERN`. */
  constructor(
    answers: LineAnswers,
    { name, bind }: FollowRequest,
    { ids, ended }: { readonly ids: LineFollowers; readonly ended: () => void },
  ) {
    this.name = name;
    this.#answers = answers;
    this.#ids = ids;
    this.#ended = ended;
    const { engine, context: { limits } } = answers.outlet;
    const bytes = limits.unacknowledgedBytes;
    const options = { name, bind, messages: 0, bytes, attachMax: SLICE_STEPS };
    this.#follower = engine.openFollower(options, this);
  }

  /** Attaches it to more of its streams; returns whether that was all. */
  attach(): boolean {
    return this.#follower.attach(SLICE_STEPS);
  }

  /** The number of requested messages that were not delivered. */
  get openCount(): number {
    return this.#openCount;
  }

  get isFull(): boolean {
    return this.#answers.isFull;
  }

  request(): void {
    this.#openCount++;
    this.#setCredit();
  }

  /** Acknowledges a delivery; returns whether that counts, since it may have been taken back. */
  ack(tag: number): boolean {
    this.#forget(tag);
    // Before the delivery ends, which would make room for a message that was not requested.
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
      const id = this.#ids.giveId(this, tag);
      this.#held.set(tag, id);
      this.#answers.say(formatMessage(showBody(batch.buffer, offset), id));
    }
  }

  revoke(ranges: readonly TagRange[]): void {
    for (const { firstTag, count } of ranges) {
      for (let tag = firstTag; tag < firstTag + count; tag++) this.#noteLapse(tag);
    }
    this.#setCredit(0);
    // A client that waits for a message is alive, whatever has run out.
    if (this.#openCount > 0) this.#setCredit();
  }

  end(error: BrokerError): void {
    for (const tag of [...this.#held.keys(), ...this.#lapsed.keys()]) this.#forget(tag);
    this.#openCount = 0;
    this.#answers.report(error);
    this.#ended();
  }

  noteDeleted(): void {
    // It waits, since a stream of the same name may be created.
  }

  resume(): void {
    this.#follower.resume();
  }

  /** Ends it: its messages are ready again. */
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

  /** Limits its credit to the requested messages. */
  #setCredit(openCount = this.#openCount): void {
    const { unacknowledgedMessages, unacknowledgedBytes } = this.#answers.outlet.context.limits;
    const messages = Math.min(this.#held.size + openCount, unacknowledgedMessages);
    this.#follower.setCredit(messages, unacknowledgedBytes);
  }
}
