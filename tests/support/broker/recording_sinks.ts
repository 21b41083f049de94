/**
 * Sinks that write down what an engine tells them, and let a test wait for it: an engine may answer
 * at once or later.
 *
 * @module
 */

import type { BrokerError, TagRange } from "../../../protocol.ts";
import type {
  BatchNumber,
  Delivery,
  FollowerSink,
  PublisherSink,
  StoredIn,
} from "../../../src/broker/engine.ts";
import { findEntries } from "../../../src/protocol/messages/batch.ts";
import {
  type MessageProperties,
  readProperties,
} from "../../../src/protocol/messages/properties.ts";
import { sizesOf, textsOf } from "../wire/batches.ts";

/** A wait that takes so long has failed; nothing in a test that passes waits for it. */
const PATIENCE_MS = 20_000;

/** One message, as a follower got it. */
export interface ReceivedMessage {
  readonly stream: string;
  readonly id: number;
  readonly tag: number;
  readonly attempts: number;
  readonly isDoubtful: boolean;
  /** Whether its delivery is a batch of its own, and whether it is the first one in that. */
  readonly isSuspect: boolean;
  readonly isFirst: boolean;
  readonly text: string;
  /** Its size with head and headers. */
  readonly bytes: number;
}

/** What became of one batch. */
export interface ReceivedOutcome {
  readonly sequence: number;
  readonly count: number;
  /** Where it was stored, as `stream:firstId`, and what became of another one: `for 1`, or `kept`. */
  readonly stored: readonly string[];
  readonly isDuplicate: boolean;
  /** The code, if it was refused. */
  readonly code?: string;
}

/** What was told so far; more can be waited for. */
class Recording<Entry> {
  readonly entries: Entry[] = [];
  #wakes: (() => void)[] = [];

  add(...entries: Entry[]): void {
    this.entries.push(...entries);
    for (const wake of this.#wakes.splice(0)) wake();
  }

  /** Resolves to all entries as soon as there are so many. */
  async waitFor(count: number): Promise<readonly Entry[]> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      const found = JSON.stringify(this.entries);
      reject(new Error(`Waited for ${count} entries, there are only these: ${found}`));
    }, PATIENCE_MS);
    const look = () => this.entries.length >= count ? resolve() : void this.#wakes.push(look);
    look();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
    return this.entries;
  }
}

/** Takes everything that one follower is given. */
export class RecordingFollowerSink implements FollowerSink {
  isFull = false;
  /** The sizes of the deliveries, in messages. */
  readonly deliveryCounts: number[] = [];
  /** Where the reply to each delivered message goes. */
  readonly requests: MessageProperties["request"][] = [];
  /** When each delivered message was stored. */
  readonly times: number[] = [];
  /** What was taken back, as `firstTag+count reason`. */
  readonly revoked: string[] = [];
  /** The first tags of what was cancelled. */
  readonly cancelled: number[] = [];
  /** The streams that are gone. */
  readonly deleted: string[] = [];
  /** Why it was closed, if it was. */
  readonly ends: BrokerError[] = [];

  end(error: BrokerError): void {
    this.ends.push(error);
  }
  readonly #recording = new Recording<ReceivedMessage>();
  readonly #onDelivery: (messages: readonly ReceivedMessage[]) => void;

  /** Creates a sink that also calls a function with each delivery. */
  constructor(onDelivery: (messages: readonly ReceivedMessage[]) => void = () => {}) {
    this.#onDelivery = onDelivery;
  }

  /** All messages so far. */
  get messages(): readonly ReceivedMessage[] {
    return this.#recording.entries;
  }

  /** The tags of deliveries whose begin has to be said first. */
  get doubtfulTags(): number[] {
    return this.messages.filter(({ isDoubtful }) => isDoubtful).map(({ tag }) => tag);
  }

  /** The texts of all messages so far. */
  get texts(): string[] {
    return this.messages.map(({ text }) => text);
  }

  /** The ids of all messages so far. */
  get ids(): number[] {
    return this.messages.map(({ id }) => id);
  }

  deliver(delivery: Delivery): void {
    const { stream, firstId, firstTag, attempts, storedAt, isDoubtful, batch } = delivery;
    const { isSuspect = false } = delivery;
    const sizes = sizesOf(batch);
    const messages = textsOf(batch).map((text, index) => ({
      stream,
      id: firstId + index,
      tag: firstTag + index,
      attempts,
      isDoubtful,
      isSuspect,
      isFirst: index === 0,
      text,
      bytes: sizes[index]!,
    }));
    if (messages.length !== batch.count) {
      throw new Error("a delivery has as many messages as it says");
    }
    this.deliveryCounts.push(batch.count);
    const times = storedAt.flatMap(({ count, at }) => new Array<number>(count).fill(at));
    if (times.length !== batch.count) throw new Error("each message has a time");
    this.times.push(...times);
    const properties = findEntries(batch).map((offset) => readProperties(batch.buffer, offset));
    this.requests.push(...properties.map(({ request }) => request));
    this.#onDelivery(messages);
    this.#recording.add(...messages);
  }

  revoke(ranges: readonly TagRange[], reason: string, isCancelled = false): void {
    for (const { firstTag, count } of ranges) {
      this.revoked.push(`${firstTag}+${count} ${reason}`);
      if (isCancelled) this.cancelled.push(firstTag);
    }
  }

  noteDeleted(stream: string): void {
    this.deleted.push(stream);
  }

  /** Resolves to all messages as soon as there are so many. */
  waitFor(count: number): Promise<readonly ReceivedMessage[]> {
    return this.#recording.waitFor(count);
  }
}

/** Takes the outcomes of one publisher's batches. */
export class RecordingPublisherSink implements PublisherSink {
  /** Why it was closed, if it was. */
  readonly ends: BrokerError[] = [];

  end(error: BrokerError): void {
    this.ends.push(error);
  }

  /** The errors of the batches that were refused. */
  readonly errors: BrokerError[] = [];
  readonly #recording = new Recording<ReceivedOutcome>();
  readonly #onOutcome: (outcome: ReceivedOutcome) => void;

  /** Creates a sink that also calls a function with each outcome. */
  constructor(onOutcome: (outcome: ReceivedOutcome) => void = () => {}) {
    this.#onOutcome = onOutcome;
  }

  /** All outcomes so far. */
  get outcomes(): readonly ReceivedOutcome[] {
    return this.#recording.entries;
  }

  confirm(batch: BatchNumber, stored: readonly StoredIn[], isDuplicate: boolean): void {
    const { sequence, count } = batch;
    const places = stored.map(({ stream, firstId, replaced, isKept }) => {
      const other = isKept ? " kept" : replaced === undefined ? "" : ` for ${replaced}`;
      return `${stream}:${firstId}${other}`;
    });
    this.#add({ sequence, count, stored: places, isDuplicate });
  }

  refuse(batch: BatchNumber, error: BrokerError): void {
    const { sequence, count } = batch;
    this.errors.push(error);
    this.#add({ sequence, count, stored: [], isDuplicate: false, code: error.code });
  }

  #add(outcome: ReceivedOutcome): void {
    this.#onOutcome(outcome);
    this.#recording.add(outcome);
  }

  /** Resolves to all outcomes as soon as there are so many. */
  waitFor(count: number): Promise<readonly ReceivedOutcome[]> {
    return this.#recording.waitFor(count);
  }
}
