/**
 * What events make: the streams with their messages, and what is remembered of publishers. The same
 * events, applied again, make the same: that is how a broker comes back.
 *
 * @module
 */

import type { Event, Moved, Published } from "./event.ts";
import type { Follower } from "./follower.ts";
import { PublisherRegistry } from "./publisher_registry.ts";
import type { PublisherRecord } from "./publisher_record.ts";
import type { Residency } from "./residency.ts";
import { Restoration } from "./restoration.ts";
import { type PatternCompiler, Router } from "./router.ts";
import type { Snapshot } from "./snapshot.ts";
import { Stream } from "./stream.ts";
import { UnwrittenStreams } from "./unwritten_streams.ts";

/** What is needed to keep streams. */
export interface BrokerStateOptions {
  /** Makes matchers of patterns. */
  readonly compilePattern: PatternCompiler;
  /** Which bytes are in memory, over all streams. */
  readonly residency: Residency;
  /** Hears of each publisher that is not remembered any more. */
  readonly publisherForgotten: (record: PublisherRecord) => void;
  /** Hears of a stream that has come, and which followers' binds match it. */
  readonly streamAdded: (stream: Stream, followers: readonly Follower[]) => void;
  /** Hears of a stream that goes, while its messages are still there. */
  readonly streamRemoved: (stream: Stream) => void;
  /** Hears of a stream that has more messages. */
  readonly messagesAdded: (stream: Stream) => void;
}

/** The streams and the publishers of one broker. */
export class BrokerState {
  /** The streams by name and by number, and who is bound to what. */
  readonly router: Router;
  /** What is remembered of publishers. */
  readonly publishers: PublisherRegistry;
  /** What is decided about streams and not written. */
  readonly unwritten: UnwrittenStreams = new UnwrittenStreams();
  readonly #options: BrokerStateOptions;
  /** What is being made again of events; not there once that is done. */
  #restoration: Restoration | undefined;
  #nextStreamNumber = 1;
  #nextPublisherNumber = 1;
  #bytes = 0;

  constructor(options: BrokerStateOptions) {
    this.#options = options;
    this.router = new Router(options.compilePattern);
    this.publishers = new PublisherRegistry(options.publisherForgotten);
  }

  /** The bytes of all messages in all streams. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The number that the next stream gets. */
  get nextStreamNumber(): number {
    return this.#nextStreamNumber;
  }

  /** The number that the next publisher gets. */
  get nextPublisherNumber(): number {
    return this.#nextPublisherNumber;
  }

  /** Makes a fact true: one that has just been decided, or one that was written down long ago. */
  apply(event: Event): void {
    switch (event.type) {
      case "streamCreated":
        return this.#addStream(event.number, event.name);
      case "streamDeleted":
        return this.#removeStream(event.number);
      case "publisherOpened":
        this.#nextPublisherNumber = Math.max(this.#nextPublisherNumber, event.number + 1);
        return this.#restoration?.openPublisher(event);
      case "publisherClosed":
        return this.#restoration?.closePublisher(event);
      case "published":
        return this.#addMessages(event);
      case "moved":
        return this.#moveMessages(event);
      case "acknowledged": {
        const stream = this.router.getNumbered(event.number);
        if (stream !== undefined) this.#bytes -= stream.forgetPending(event.firstId, event.count);
        return;
      }
      case "attempted":
        this.router.getNumbered(event.number)?.restoration?.noteAttempts(event);
    }
  }

  /** Tells what there is beside messages, as far as it is written. */
  takeSnapshot(): Snapshot {
    const streams = [...this.router.streams].map(({ number, name, storedNextId }) => {
      return { number, name, nextId: storedNextId };
    });
    const publishers = [...this.publishers.records]
      .filter(({ number }) => number > 0)
      .map(({ number, identity, lastStoredSequence, stored }) => {
        return { number, identity, lastSequence: lastStoredSequence, batches: stored };
      });
    return {
      nextStreamNumber: this.#nextStreamNumber,
      nextPublisherNumber: this.#nextPublisherNumber,
      streams: this.unwritten.restrict(streams),
      publishers,
    };
  }

  /** Begins to make everything again, of snapshots and of the events that are applied. */
  beginRestoration(): void {
    this.#restoration = new Restoration(this.publishers);
  }

  /** Takes over what a snapshot knows and nobody else has told. */
  restoreSnapshot(snapshot: Snapshot): void {
    for (const { number, name, nextId } of snapshot.streams) {
      this.#addStream(number, name);
      this.skipIds(number, nextId);
    }
    this.#restoration?.restorePublishers(snapshot.publishers);
    this.#nextStreamNumber = Math.max(this.#nextStreamNumber, snapshot.nextStreamNumber);
    this.#nextPublisherNumber = Math.max(this.#nextPublisherNumber, snapshot.nextPublisherNumber);
  }

  /** Notes that ids of a stream were used, up to below `nextId`. */
  skipIds(number: number, nextId: number): void {
    this.router.getNumbered(number)?.skipIds(nextId);
  }

  /** Has everything ready: nobody holds anything. */
  finishRestoration(now: number): void {
    this.#restoration = undefined;
    this.publishers.finishRestoration(now);
    for (const stream of this.router.streams) stream.finishRestoration();
  }

  #addStream(number: number, name: string): void {
    this.#nextStreamNumber = Math.max(this.#nextStreamNumber, number + 1);
    if (this.router.getNumbered(number) !== undefined) return;
    const stream = new Stream({ number, name, residency: this.#options.residency });
    if (this.#restoration !== undefined) stream.beginRestoration();
    this.#options.streamAdded(stream, this.router.addStream(stream));
  }

  #removeStream(number: number): void {
    const stream = this.router.getNumbered(number);
    if (stream === undefined) return;
    this.router.removeStream(stream);
    this.#bytes -= stream.backlog.bytes;
    this.#options.streamRemoved(stream);
    stream.backlog.clear();
  }

  #addMessages({ publisher, sequence, storedIn, batch, place }: Published): void {
    for (const { number, firstId } of storedIn) {
      const stream = this.router.getNumbered(number);
      // Deleted between its decision and now: the batch is gone with it.
      if (stream === undefined) continue;
      stream.append(firstId, batch, place);
      this.#bytes += batch.end - batch.start;
      this.#options.messagesAdded(stream);
    }
    if (this.#restoration === undefined) return;
    const named = storedIn.flatMap((at) => {
      const stream = this.router.getNumbered(at.number)?.name;
      return stream === undefined ? [] : [{ ...at, stream }];
    });
    const { count } = batch;
    this.#restoration.notePublished({ publisher, sequence, count, storedIn: named });
  }

  #moveMessages({ number, firstId, batch, place }: Moved): void {
    const stream = this.router.getNumbered(number);
    if (stream === undefined || place === undefined) return;
    this.#bytes -= stream.backlog.bytes;
    stream.move(firstId, batch, place);
    this.#bytes += stream.backlog.bytes;
  }
}
