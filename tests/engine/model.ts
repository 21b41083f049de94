/**
 * The rules of DESIGN section 4 once more, as simply as can be: plain arrays and maps, one entry per
 * message, no thought of speed. It does not say who gets a message, only who may.
 *
 * @module
 */

import type { ErrorCode, StreamInfo, TagRange } from "../../protocol.ts";

/** A message that is not gone. */
export interface ModelMessage {
  readonly id: number;
  readonly text: string;
  readonly bytes: number;
  /** How many of its deliveries count. */
  attempts: number;
}

/** A stream and its ready messages, by id. */
export interface ModelStream {
  readonly name: string;
  nextId: number;
  ready: ModelMessage[];
}

/** A delivery that is not acknowledged. */
export interface ModelDelivery {
  readonly tag: number;
  readonly stream: ModelStream;
  readonly message: ModelMessage;
  readonly deliveredAt: number;
  isBegun: boolean;
}

/** A follower and what it holds, by tag. */
export interface ModelFollower {
  readonly name: string;
  readonly matches: (stream: string) => boolean;
  messages: number;
  bytes: number;
  isFull: boolean;
  nextTag: number;
  held: ModelDelivery[];
}

/** What is remembered of a publisher. */
interface ModelPublisher {
  lastSequence: number;
  readonly outcomes: Map<number, string>;
  /** When it was lost, if it is. */
  lostAt: number | undefined;
}

/** How long a lost publisher is remembered. */
const RETURN_MS_MAX = 600_000;

/** All streams and members. */
export class Model {
  readonly streams: Map<string, ModelStream> = new Map();
  readonly followers: Set<ModelFollower> = new Set();
  readonly #publishers = new Map<string, ModelPublisher>();
  readonly #memoryLimit: number;

  constructor(memoryLimit: number) {
    this.#memoryLimit = memoryLimit;
  }

  createStream(name: string): void {
    if (!this.streams.has(name)) this.streams.set(name, { name, nextId: 1, ready: [] });
  }

  deleteStream(name: string): ErrorCode | undefined {
    const stream = this.streams.get(name);
    if (stream === undefined) return "STREAM_NOT_FOUND";
    this.streams.delete(name);
    for (const follower of this.followers) {
      follower.held = follower.held.filter((delivery) => delivery.stream !== stream);
    }
    return undefined;
  }

  openPublisher(identity: string): void {
    const known = this.#publishers.get(identity);
    if (known !== undefined) known.lostAt = undefined;
    else {this.#publishers.set(identity, {
        lastSequence: 0,
        outcomes: new Map(),
        lostAt: undefined,
      });}
  }

  endPublisher(identity: string): void {
    this.#publishers.delete(identity);
  }

  losePublisher(identity: string, now: number): void {
    this.#publishers.get(identity)!.lostAt = now;
  }

  tick(now: number): void {
    for (const [identity, { lostAt = Infinity }] of this.#publishers) {
      if (lostAt + RETURN_MS_MAX <= now) this.#publishers.delete(identity);
    }
  }

  /** Publishes; tells where the batch was stored, or why not. */
  publish(
    batch: { identity: string; sequence: number; settled: number; texts: readonly string[] },
    bind: { matches: (stream: string) => boolean; isRegex: boolean },
  ): string {
    const { identity, sequence, settled, texts } = batch;
    const publisher = this.#publishers.get(identity)!;
    for (const known of publisher.outcomes.keys()) {
      if (known < settled) publisher.outcomes.delete(known);
    }
    if (sequence <= publisher.lastSequence) {
      const outcome = publisher.outcomes.get(sequence) ?? "";
      return /^[A-Z_]+$/.test(outcome) ? outcome : `${outcome} again`;
    }
    const outcome = this.#store(texts, bind);
    publisher.lastSequence = sequence + texts.length - 1;
    publisher.outcomes.set(sequence, outcome);
    return outcome;
  }

  #store(
    texts: readonly string[],
    bind: { matches: (stream: string) => boolean; isRegex: boolean },
  ): string {
    const streams = [...this.streams.values()].filter(({ name }) => bind.matches(name));
    if (streams.length === 0) return bind.isRegex ? "NO_MATCHING_STREAM" : "STREAM_NOT_FOUND";
    const bytes = texts.reduce((sum, text) => sum + 8 + text.length, 0);
    const used = [...this.streams.values()].reduce((sum, one) => sum + this.describe(one).bytes, 0);
    if (used + bytes * streams.length > this.#memoryLimit) return "MEMORY_FULL";
    const stored = streams.map((stream) => `${stream.name}:${stream.nextId}`);
    for (const stream of streams) {
      for (const text of texts) {
        stream.ready.push({ id: stream.nextId++, text, bytes: 8 + text.length, attempts: 0 });
      }
    }
    return stored.sort().join();
  }

  /** Whether a follower may take a message now. */
  hasRoom({ isFull, held, messages, bytes }: ModelFollower): boolean {
    const heldBytes = held.reduce((sum, { message }) => sum + message.bytes, 0);
    return !isFull && held.length < messages && (held.length === 0 || heldBytes < bytes);
  }

  /** Notes that a follower has got the next ready message of a stream. */
  deliver(follower: ModelFollower, stream: ModelStream, now: number): ModelDelivery {
    const message = stream.ready.shift()!;
    const tag = follower.nextTag++;
    const delivery = { tag, stream, message, deliveredAt: now, isBegun: false };
    follower.held.push(delivery);
    return delivery;
  }

  ack(follower: ModelFollower, ranges: readonly TagRange[]): ErrorCode | undefined {
    return this.#take(follower, ranges, (delivery) => remove(follower, delivery));
  }

  release(follower: ModelFollower, ranges: readonly TagRange[]): ErrorCode | undefined {
    return this.#take(follower, ranges, (delivery) => {
      remove(follower, delivery);
      this.#giveBack(delivery);
    });
  }

  begin(follower: ModelFollower, ranges: readonly TagRange[]): ErrorCode | undefined {
    return this.#take(follower, ranges, (delivery) => delivery.isBegun = true);
  }

  /** Ends a follower whose client has received `lastTag`, or that is lost. */
  closeFollower(follower: ModelFollower, lastTag?: number): void {
    this.followers.delete(follower);
    const workedTag = lastTag ?? follower.held[0]?.tag ?? 0;
    for (const delivery of follower.held) {
      if (delivery.isBegun || delivery.tag <= workedTag) delivery.message.attempts++;
      this.#giveBack(delivery);
    }
    follower.held = [];
  }

  /** What `StreamInfo` must say. */
  describe(stream: ModelStream): Omit<StreamInfo, "durability"> {
    const pending = [...this.followers].flatMap(({ held }) =>
      held.filter((delivery) => delivery.stream === stream).map(({ message }) => message)
    );
    const bytes = [...stream.ready, ...pending].reduce((sum, message) => sum + message.bytes, 0);
    const followers = [...this.followers].filter(({ matches }) => matches(stream.name)).length;
    const { name, ready, nextId } = stream;
    return { name, ready: ready.length, pending: pending.length, followers, bytes, nextId };
  }

  #take(
    follower: ModelFollower,
    ranges: readonly TagRange[],
    act: (delivery: ModelDelivery) => void,
  ): ErrorCode | undefined {
    let code: ErrorCode | undefined;
    for (const { firstTag, count } of ranges) {
      const end = firstTag + count;
      const held = follower.held.filter(({ tag }) => tag >= firstTag && tag < end);
      if (held.length < count) {
        code ??= end > follower.nextTag ? "UNKNOWN_DELIVERY" : "STALE_DELIVERY";
      }
      held.forEach(act);
    }
    return code;
  }

  #giveBack({ stream, message }: ModelDelivery): void {
    stream.ready.push(message);
    stream.ready.sort((one, other) => one.id - other.id);
  }
}

function remove(follower: ModelFollower, delivery: ModelDelivery): void {
  follower.held.splice(follower.held.indexOf(delivery), 1);
}
