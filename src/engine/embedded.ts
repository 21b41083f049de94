/**
 * The port, filled by the rules in this process. What is left open is when an event is durable: an
 * engine that keeps streams here says that, and nothing else.
 *
 * @module
 */

import type { BrokerError, PendingEntry, PendingEntryList, StreamInfo } from "../../protocol.ts";
import { Broker, type BrokerOptions } from "../broker/broker.ts";
import type {
  Engine,
  EngineFollower,
  EnginePublisher,
  FollowerOptions,
  FollowerSink,
  PublisherOptions,
  PublisherSink,
} from "../broker/engine.ts";
import { compilePattern } from "./pattern.ts";

/** What makes an engine of the rules. */
export interface EmbeddedEngineOptions
  extends Pick<BrokerOptions, "durability" | "residency" | "store" | "commit" | "settle"> {
  /** Its name in settings and in the handshake. */
  readonly name: string;
  /** Tells the time, in milliseconds. */
  readonly now: () => number;
  /** Does something soon, but not at once. */
  readonly schedule: (work: () => void) => void;
  /** Tells why so many more bytes of messages cannot be stored beside those there are, if so. */
  readonly findObstacle?: (bytes: number, bytesStored: number) => BrokerError | undefined;
  /** Is told of a stream that is not served any more, since some of it cannot be read. */
  readonly noteDamage?: (stream: string, error: BrokerError) => void;
}

/** Streams in this process. */
export class EmbeddedEngine implements Engine {
  readonly name: string;
  readonly durability: string;
  /** The rules. */
  protected readonly broker: Broker;
  readonly #options: EmbeddedEngineOptions;
  #isWoken = false;

  constructor(options: EmbeddedEngineOptions) {
    const { name, durability, findObstacle } = options;
    this.name = name;
    this.durability = durability;
    this.#options = options;
    this.broker = new Broker({
      ...options,
      compilePattern,
      findObstacle: (bytes) => findObstacle?.(bytes, this.broker.bytes),
      wake: () => this.#wake(),
    });
  }

  createStream(name: string): Promise<boolean> {
    return new Promise((resolve) => this.broker.createStream(name, resolve));
  }

  deleteStream(name: string): Promise<void> {
    return new Promise((resolve) => this.broker.deleteStream(name, resolve));
  }

  getStreams(): Promise<StreamInfo[]> {
    return Promise.resolve(this.broker.getStreams());
  }

  getStream(name: string): Promise<StreamInfo> {
    return new Promise((resolve) => resolve(this.broker.getStream(name)));
  }

  getPels(): Promise<PendingEntryList[]> {
    return Promise.resolve(this.broker.getPels());
  }

  getPel(follower: string): Promise<PendingEntry[]> {
    return new Promise((resolve) => resolve(this.broker.getPel(follower)));
  }

  openPublisher(options: PublisherOptions, sink: PublisherSink): EnginePublisher {
    const broker = this.broker;
    const publisher = broker.openPublisher(options, sink);
    return {
      publish: (batch) => broker.publish(publisher, batch),
      refuse: (batch, error) => broker.refuse(publisher, batch, error),
      close: () => broker.closePublisher(publisher),
      lose: () => broker.losePublisher(publisher, this.#options.now()),
    };
  }

  openFollower(options: FollowerOptions, sink: FollowerSink): EngineFollower {
    const broker = this.broker;
    const follower = broker.openFollower(options, sink);
    return {
      setCredit: (messages, bytes) => broker.setCredit(follower, messages, bytes),
      ack: (ranges, isConfirmed) => {
        if (!isConfirmed) return broker.ack(follower, ranges);
        return whenDone((done) => broker.ack(follower, ranges, done));
      },
      release: (ranges) => broker.release(follower, ranges),
      begin: (ranges) => broker.begin(follower, ranges),
      resume: () => broker.resume(follower),
      close: (lastTag) => broker.closeFollower(follower, lastTag),
    };
  }

  tick(now: number): number {
    return this.broker.tick(now);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Dispatches once for all that happens until then. */
  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    this.#options.schedule(() => {
      this.#isWoken = false;
      this.broker.dispatch(this.#options.now());
    });
  }
}

/** Starts something; a promise is only made if it is not done at once. */
function whenDone(start: (done: () => void) => void): Promise<void> | undefined {
  let isDone = false;
  let resolve: (() => void) | undefined;
  start(() => {
    isDone = true;
    resolve?.();
  });
  if (isDone) return undefined;
  return new Promise((resolveThis) => resolve = resolveThis);
}
