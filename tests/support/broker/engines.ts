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

/** An engine of which some parts are replaced. */
export function withParts(engine: Engine, replaced: Partial<Engine>): Engine {
  return new Proxy(engine, {
    get(target, name) {
      if (Reflect.has(replaced, name)) return Reflect.get(replaced, name);
      const part = Reflect.get(target, name, target);
      return typeof part === "function" ? part.bind(target) : part;
    },
  });
}

/** An engine in memory of which some parts are replaced. */
export function engineWith(replaced: Partial<Engine>): Engine {
  const engine = createMemoryEngine({ memoryLimit: 256 * 1024 * 1024, now: Date.now });
  return withParts(engine, replaced);
}

/** Keeps confirms and answers to acknowledgements back until they are let go. */
export class WithholdingEngine {
  /** The engine that does so. */
  readonly engine: Engine;
  #withheld: (() => void)[] = [];

  constructor() {
    const real = createMemoryEngine({ memoryLimit: 256 * 1024 * 1024, now: Date.now });
    this.engine = withParts(real, {
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
      end: (error) => sink.end(error),
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
