/**
 * An engine that makes nothing durable before a later turn of the event loop, as one with a disk does:
 * what the rules promise must not depend on committing at once.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { Broker } from "../../src/broker/broker.ts";
import type { Event } from "../../src/broker/event.ts";
import type {
  Engine,
  EngineFollower,
  EnginePublisher,
  FollowerOptions,
  FollowerSink,
  PublisherOptions,
  PublisherSink,
} from "../../src/broker/engine.ts";
import { compilePattern } from "../../src/engine/pattern.ts";
import type { PendingEntry, PendingEntryList, StreamInfo } from "../../protocol.ts";

/** The time stands still. */
const NOW = 1000;

/** The rules with commits that come later, in groups. */
export class DeferredEngine implements Engine {
  readonly name = "deferred";
  readonly durability = "deferred";
  #group: (() => void)[] = [];
  #isWoken = false;
  readonly #broker: Broker = new Broker({
    durability: this.durability,
    compilePattern,
    commit: (event, done) => this.#commit(event, done),
    wake: () => this.#wake(),
  });

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
      lose: () => broker.losePublisher(publisher, NOW),
    };
  }

  openFollower(options: FollowerOptions, sink: FollowerSink): EngineFollower {
    const broker = this.#broker;
    const follower = broker.openFollower(options, sink);
    return {
      setCredit: (messages, bytes) => broker.setCredit(follower, messages, bytes),
      ack: (ranges) => new Promise((resolve) => broker.ack(follower, ranges, resolve)),
      release: (ranges) => broker.release(follower, ranges),
      begin: (ranges) => broker.begin(follower, ranges),
      resume: () => broker.resume(follower),
      close: (lastTag) => broker.closeFollower(follower, lastTag),
    };
  }

  tick(now: number): number {
    return this.#broker.tick(now);
  }

  async close(): Promise<void> {
    while (this.#group.length > 0 || this.#isWoken) {
      await new Promise<void>((resolve) => setImmediate(() => resolve()));
    }
  }

  #commit(event: Event, done: () => void): void {
    const kept = event.type === "published" ? { ...event, batch: copy(event.batch) } : event;
    this.#group.push(() => {
      this.#broker.apply(kept);
      done();
    });
    // The next turn commits what this one has collected.
    if (this.#group.length === 1) setImmediate(() => this.#commitGroup());
  }

  #commitGroup(): void {
    for (const finish of this.#group.splice(0)) finish();
  }

  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    setImmediate(() => {
      this.#isWoken = false;
      this.#broker.dispatch(NOW);
    });
  }
}

/** A batch that stays as it is when its buffer is used again. */
function copy({ count, buffer, start, end }: Extract<Event, { type: "published" }>["batch"]) {
  return { count, buffer: buffer.slice(start, end), start: 0, end: end - start };
}
