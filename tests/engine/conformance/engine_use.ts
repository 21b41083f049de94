/**
 * A few words to use an engine with, through the port that sessions talk to.
 *
 * @module
 */

import type { TagRange } from "../../../protocol.ts";
import type { Engine, EngineFollower, EnginePublisher } from "../../../src/broker/engine.ts";
import { batchOf } from "../../support/batches.ts";
import { RecordingFollowerSink, RecordingPublisherSink } from "../../support/recording_sinks.ts";
import { bindOf, type TestBind } from "../../support/test_broker.ts";
import { assertEquals } from "@std/assert";

/** Large enough not to matter, small enough for a follower's limits. */
const MESSAGES = 4096;
export const BYTES: number = 16 * 1024 * 1024;

/** A publisher that numbers its batches. */
export class Publishing {
  readonly sink: RecordingPublisherSink = new RecordingPublisherSink();
  readonly port: EnginePublisher;
  #sequence = 1;
  #batchCount = 0;

  constructor(engine: Engine, bind: TestBind, identity: string) {
    this.port = engine.openPublisher({ identity, bind: bindOf(bind) }, this.sink);
  }

  /** Sends a batch with the next numbers, and waits for nothing. */
  send(...bodies: readonly (string | number)[]): void {
    this.sendAs(this.#sequence, ...bodies);
    this.#sequence += bodies.length;
  }

  /** Sends a batch with given numbers. Its buffer is used again at once, as a socket's is. */
  sendAs(sequence: number, ...bodies: readonly (string | number)[]): void {
    const batch = batchOf(...bodies);
    this.port.publish({ ...batch, sequence, settled: 0, bytes: batch.end });
    batch.buffer.fill(0xee);
    this.#batchCount++;
  }

  /** Waits for the outcomes of all batches: where each was stored, or the code. */
  async outcomes(): Promise<string[]> {
    const outcomes = await this.sink.waitFor(this.#batchCount);
    return outcomes.map(({ stored, code, isDuplicate }) =>
      code ?? `${stored.join()}${isDuplicate ? " again" : ""}`
    );
  }

  /** Sends a batch and waits until it is stored. */
  async store(...bodies: readonly (string | number)[]): Promise<void> {
    this.send(...bodies);
    const outcomes = await this.sink.waitFor(this.#batchCount);
    assertEquals(outcomes.at(-1)?.code, undefined);
  }
}

/** A follower that writes down what it gets. */
export class Following {
  readonly sink: RecordingFollowerSink;
  readonly port: EngineFollower;

  constructor(
    engine: Engine,
    bind: TestBind,
    options: { name?: string; messages?: number; bytes?: number; isFull?: boolean },
  ) {
    const { name = "follower", messages = MESSAGES, bytes = BYTES, isFull = false } = options;
    this.sink = new RecordingFollowerSink();
    this.sink.isFull = isFull;
    this.port = engine.openFollower({ name, messages, bytes, bind: bindOf(bind) }, this.sink);
  }

  /** Waits for so many messages in all; tells of all of them as `stream:id×attempts text`. */
  async received(count: number): Promise<string[]> {
    const messages = await this.sink.waitFor(count);
    return messages.map(({ stream, id, attempts, text }) => `${stream}:${id}×${attempts} ${text}`);
  }

  /** Acknowledges deliveries by tag, and waits until that is durable. */
  async ack(...tags: readonly number[]): Promise<void> {
    await this.port.ack(tags.map(single), true);
  }
}

/** An engine under test, with a few words to use it. */
export class EngineUse {
  readonly engine: Engine;
  #fenceCount = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  publisher(bind: TestBind, identity: string = "publisher"): Publishing {
    return new Publishing(this.engine, bind, identity);
  }

  follower(
    bind: TestBind,
    options: { name?: string; messages?: number; bytes?: number; isFull?: boolean } = {},
  ): Following {
    return new Following(this.engine, bind, options);
  }

  async create(...streams: readonly string[]): Promise<void> {
    for (const stream of streams) await this.engine.createStream(stream);
  }

  /** Waits for a message that goes after all that has been done so far. */
  async fence(): Promise<void> {
    const stream = `fence-${++this.#fenceCount}`;
    await this.create(stream);
    const follower = this.follower(stream, { name: stream });
    for (let round = 1; round <= 3; round++) {
      await this.publisher(stream, `${stream}-${round}`).store("fence");
      await follower.received(round);
    }
    await follower.ack(1, 2, 3);
    follower.port.close();
    await this.engine.deleteStream(stream);
  }

  /** The ids that followers of one name hold, as `stream:id`. */
  async pel(name: string): Promise<string[]> {
    const entries = await this.engine.getPel(name);
    return entries.map(({ stream, id }) => `${stream}:${id}`);
  }

  /** A stream's counts: ready, pending, followers. */
  async counts(stream: string): Promise<[number, number, number]> {
    const { ready, pending, followers } = await this.engine.getStream(stream);
    return [ready, pending, followers];
  }
}

/** The range of one tag. */
export function single(firstTag: number): TagRange {
  return { firstTag, count: 1 };
}

/** The numbers from 1 to `count`. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** Registers one test: what the engine does, and how to see it. */
export type Register = (what: string, run: (use: EngineUse) => Promise<void>) => void;
