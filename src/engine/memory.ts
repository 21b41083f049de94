/**
 * The engine that keeps everything in memory: what is confirmed survives a lost connection, and
 * nothing survives the end of the process.
 *
 * @module
 */

import { BrokerError } from "../../protocol.ts";
import type { PendingEntry, PendingEntryList, StreamInfo } from "../../protocol.ts";
import { Broker } from "../broker/broker.ts";
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

/** What a memory engine needs. */
export interface MemoryEngineOptions {
  /** How many bytes of messages it may keep; a batch that would go beyond is refused. */
  readonly memoryLimit: number;
  /** Tells the time, in milliseconds. */
  readonly now: () => number;
}

/** Streams in memory. */
export class MemoryEngine implements Engine {
  readonly name = "memory";
  readonly durability = "memory";
  readonly #memoryLimit: number;
  readonly #now: () => number;
  readonly #broker: Broker;
  #isWoken = false;

  constructor(options: MemoryEngineOptions) {
    this.#memoryLimit = options.memoryLimit;
    this.#now = options.now;
    this.#broker = new Broker({
      durability: this.durability,
      compilePattern,
      // Nothing can be more durable here than it is when it has been applied.
      commit: (event, done) => {
        this.#broker.apply(event);
        done();
      },
      findObstacle: (bytes) => this.#findObstacle(bytes),
      wake: () => this.#wake(),
    });
  }

  createStream(name: string): Promise<boolean> {
    return new Promise((resolve) => this.#broker.createStream(name, resolve));
  }

  deleteStream(name: string): Promise<void> {
    return new Promise((resolve) => this.#broker.deleteStream(name, resolve));
  }

  getStreams(): Promise<StreamInfo[]> {
    return Promise.resolve(this.#broker.getStreams());
  }

  getStream(name: string): Promise<StreamInfo> {
    return new Promise((resolve) => resolve(this.#broker.getStream(name)));
  }

  getPels(): Promise<PendingEntryList[]> {
    return Promise.resolve(this.#broker.getPels());
  }

  getPel(follower: string): Promise<PendingEntry[]> {
    return new Promise((resolve) => resolve(this.#broker.getPel(follower)));
  }

  openPublisher(options: PublisherOptions, sink: PublisherSink): EnginePublisher {
    const broker = this.#broker;
    const publisher = broker.openPublisher(options, sink);
    return {
      publish: (batch) => broker.publish(publisher, batch),
      refuse: (batch, error) => broker.refuse(publisher, batch, error),
      close: () => broker.closePublisher(publisher),
      lose: () => broker.losePublisher(publisher, this.#now()),
    };
  }

  openFollower(options: FollowerOptions, sink: FollowerSink): EngineFollower {
    const broker = this.#broker;
    const follower = broker.openFollower(options, sink);
    return {
      setCredit: (messages, bytes) => broker.setCredit(follower, messages, bytes),
      ack: (ranges) => broker.ack(follower, ranges, () => {}),
      release: (ranges) => broker.release(follower, ranges),
      begin: (ranges) => broker.begin(follower, ranges),
      resume: () => broker.resume(follower),
      close: (lastTag) => broker.closeFollower(follower, lastTag),
    };
  }

  tick(now: number): number {
    return this.#broker.tick(now);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Dispatches once for all that happens in this turn of the event loop. */
  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    queueMicrotask(() => {
      this.#isWoken = false;
      this.#broker.dispatch(this.#now());
    });
  }

  #findObstacle(bytes: number): BrokerError | undefined {
    if (this.#broker.bytes + bytes <= this.#memoryLimit) return undefined;
    return new BrokerError(
      "MEMORY_FULL",
      `Cannot publish ${bytes} bytes: ${this.#broker.bytes} are in memory, ` +
        `limit is ${this.#memoryLimit}`,
    );
  }
}
