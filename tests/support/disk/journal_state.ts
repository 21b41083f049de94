/**
 * What is in a journal's engine, as whoever uses it gets to see: which streams there are, what comes
 * out of them, and what is refused.
 *
 * @module
 */

import { BrokerError } from "../../../protocol.ts";
import type { Delivery, Engine, FollowerSink } from "../../../src/broker/engine.ts";
import { textsOf } from "../wire/batches.ts";
import { bindOf } from "../broker/test_broker.ts";

/** For so many turns of the queue of microtasks what is ready may take to be delivered. */
const TURNS_MAX = 100;

/** What is in an engine, by the streams' names. */
export interface JournalState {
  /** Of each stream that is served its next id, and its messages as `id×attempts text`. */
  readonly served: Readonly<Record<string, readonly string[]>>;
  /** Why a stream is not served. */
  readonly refused: Readonly<Record<string, string>>;
}

/** Tells all that is in an engine. What it takes to find out counts as an attempt at each stream. */
export async function readState(engine: Engine): Promise<JournalState> {
  const served: Record<string, readonly string[]> = {};
  const refused: Record<string, string> = {};
  for (const { name, ready, nextId } of await engine.getStreams()) {
    try {
      served[name] = [`next ${nextId}`, ...await takeAll(engine, name, ready)];
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== "STREAM_DAMAGED") throw error;
      refused[name] = error.message;
    }
  }
  return { served, refused };
}

/** Takes all messages out of a stream; throws if there are more or fewer than there should be. */
async function takeAll(engine: Engine, stream: string, count: number): Promise<string[]> {
  const sink = new StateSink();
  const bind = bindOf(stream);
  const follower = engine.openFollower({ name: "all", bind, messages: 4096, bytes: 2 ** 24 }, sink);
  for (let turn = 0; turn < TURNS_MAX && sink.messages.length < count; turn++) await undefined;
  follower.close();
  if (sink.messages.length === count) return sink.messages;
  // What cannot be read when it is needed is only known then.
  await engine.getStream(stream);
  throw new Error(`"${stream}" has ${count} messages, delivered were ${sink.messages.join(", ")}`);
}

class StateSink implements FollowerSink {
  readonly isFull = false;
  readonly messages: string[] = [];

  deliver({ firstId, attempts, batch }: Delivery): void {
    const texts = textsOf(batch);
    this.messages.push(...texts.map((text, index) => `${firstId + index}×${attempts} ${text}`));
  }

  revoke(): void {}

  end(): void {}

  noteDeleted(): void {}
}
