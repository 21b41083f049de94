/**
 * Engines that do not do as they should, around one that does.
 *
 * @module
 */

import type {
  Engine,
  EngineFollower,
  EnginePublisher,
  FollowerInit,
  FollowerSink,
  PublisherInit,
  PublisherSink,
} from "../../../src/broker/engine.ts";
import { createMemoryEngine } from "../../../src/engine/memory.ts";

/** An engine in memory of which some parts are replaced. */
export function engineWith(replaced: Partial<Engine>): Engine {
  const engine = createMemoryEngine({ memoryLimit: 256 * 1024 * 1024, now: Date.now });
  return {
    name: engine.name,
    durability: engine.durability,
    createStream: (name, options) => engine.createStream(name, options),
    updateStream: (name, options) => engine.updateStream(name, options),
    pauseStream: (name, isPaused) => engine.pauseStream(name, isPaused),
    purgeStream: (name) => engine.purgeStream(name),
    deleteStream: (name) => engine.deleteStream(name),
    getStreams: () => engine.getStreams(),
    getStream: (name) => engine.getStream(name),
    listStreams: (after) => engine.listStreams(after),
    listPels: (after, follower) => engine.listPels(after, follower),
    hasStream: (name) => engine.hasStream(name),
    get deletedCount() {
      return engine.deletedCount;
    },
    getPels: () => engine.getPels(),
    getPel: (follower) => engine.getPel(follower),
    releasePel: (follower) => engine.releasePel(follower),
    peek: (name, from, limit) => engine.peek(name, from, limit),
    redrive: (name, ids) => engine.redrive(name, ids),
    explain: (name) => engine.explain(name),
    get steps() {
      return engine.steps;
    },
    prepare: (bind, stepsMax) => engine.prepare(bind, stepsMax),
    prepareStream: (name, stepsMax) => engine.prepareStream(name, stepsMax),
    openPublisher: (options, sink) => engine.openPublisher(options, sink),
    openFollower: (options, sink) => engine.openFollower(options, sink),
    openReplyStream: (name, sink) => engine.openReplyStream(name, sink),
    reply: (name, batch) => engine.reply(name, batch),
    tick: (now) => engine.tick(now),
    tend: (now) => engine.tend(now),
    whenDurable: () => engine.whenDurable(),
    close: () => engine.close(),
    ...replaced,
  };
}

/** Keeps confirms and answers to acknowledgements back until they are let go. */
export class WithholdingEngine {
  /** The engine that does so. */
  readonly engine: Engine;
  #withheld: (() => void)[] = [];

  constructor() {
    const real = createMemoryEngine({ memoryLimit: 256 * 1024 * 1024, now: Date.now });
    this.engine = engineWith({
      createStream: (name, options) => real.createStream(name, options),
      getStreams: () => real.getStreams(),
      listStreams: (after) => real.listStreams(after),
      prepare: (bind, stepsMax) => real.prepare(bind, stepsMax),
      prepareStream: (name, stepsMax) => real.prepareStream(name, stepsMax),
      getStream: (name) => real.getStream(name),
      openPublisher: (options, sink) => this.#openPublisher(real, options, sink),
      openFollower: (options, sink) => this.#openFollower(real, options, sink),
    });
  }

  /** How many are kept back. */
  get count(): number {
    return this.#withheld.length;
  }

  /** Lets some of them go, the oldest first. */
  letGo(count: number = this.#withheld.length): void {
    for (const tell of this.#withheld.splice(0, count)) tell();
  }

  #openPublisher(real: Engine, options: PublisherInit, sink: PublisherSink): EnginePublisher {
    return real.openPublisher(options, {
      confirm: (...outcome) => void this.#withheld.push(() => sink.confirm(...outcome)),
      refuse: (...outcome) => void this.#withheld.push(() => sink.refuse(...outcome)),
    });
  }

  #openFollower(real: Engine, options: FollowerInit, sink: FollowerSink): EngineFollower {
    const follower = real.openFollower(options, sink);
    const acknowledge = follower.ack.bind(follower);
    follower.ack = (ranges, isConfirmed) => {
      acknowledge(ranges, isConfirmed);
      if (!isConfirmed) return;
      return new Promise((resolve) => void this.#withheld.push(resolve));
    };
    return follower;
  }
}
