import { assertEquals } from "@std/assert";
import type { EnginePublisher } from "../../../src/broker/engine.ts";
import type { LocalEngine } from "../../../src/engine/local_engine.ts";
import { EngineUse, type Following } from "../../engine/engine_use.ts";
import { turn } from "../broker/broker.ts";
import { RecordingPublisherSink } from "../broker/recording_sinks.ts";
import { bindOf, type TestBind } from "../broker/test_broker.ts";
import { batchOf } from "../wire/batches.ts";
import { openJournal, type TestJournalOptions } from "./journals.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { listSegments } from "./small_journal.ts";

export const SEGMENT_BYTES = 4096;

/** A publisher that asks for nothing to be remembered. */
export class Sender {
  readonly sink: RecordingPublisherSink = new RecordingPublisherSink();
  readonly #port: EnginePublisher;
  #sequence = 1;
  #batchCount = 0;

  constructor(engine: LocalEngine, bind: TestBind, identity = "sender") {
    this.#port = engine.openPublisher({ identity, bind: bindOf(bind) }, this.sink);
  }

  async store(...texts: readonly string[]): Promise<void> {
    const batch = batchOf(...texts);
    const sequence = this.#sequence;
    this.#port.publish({ ...batch, sequence, settled: sequence, bytes: batch.end });
    this.#sequence += texts.length;
    await this.sink.waitFor(++this.#batchCount);
    assertEquals(this.sink.outcomes.at(-1)!.code, undefined);
  }
}

/** A journal of small segments, and its time. */
export class CompactorUse {
  readonly disk: SimulatedDisk = new SimulatedDisk({ seed: 1 });
  readonly failures: unknown[] = [];
  #engine: LocalEngine | undefined;
  #now = 1000;

  get engine(): LocalEngine {
    return this.#engine!;
  }

  async begin(options: TestJournalOptions = {}): Promise<EngineUse> {
    this.#engine = await openJournal(this.disk, {
      segmentBytes: SEGMENT_BYTES,
      memoryLimit: 1,
      now: () => this.#now,
      fail: (error) => void this.failures.push(error),
      ...options,
    });
    return new EngineUse(this.#engine);
  }

  /** Lets so much time pass that all that is due is done, so many times. */
  async pass(times = 1): Promise<void> {
    for (let index = 0; index < times; index++) {
      await turn();
      this.engine.tick(this.#now += 2000);
      this.engine.tend(this.#now);
      await turn();
    }
  }

  /** How many bytes the segments have. */
  get bytes(): number {
    return listSegments(this.disk).reduce((sum, { size }) => sum + size, 0);
  }

  /** How many bytes of messages there are, and so how many the segments may have. */
  async bytesMax(): Promise<number> {
    const streams = await this.engine.getStreams();
    const live = streams.reduce((sum, { bytes }) => sum + bytes, 0);
    return 4 * live + 2 * SEGMENT_BYTES;
  }

  /** Ends the broker as a killed process does, and begins another one. */
  async restart(): Promise<EngineUse> {
    this.disk.processKill();
    await turn();
    return await this.begin();
  }
}

/** Publishes messages and acknowledges them, one after the other. */
export async function churn(
  use: EngineUse,
  sender: Sender,
  { follower, count, text }: { follower: Following; count: number; text: string },
): Promise<void> {
  void use;
  const { length: before } = follower.sink.messages;
  for (let index = 1; index <= count; index++) {
    await sender.store(`${index} ${text}`);
    await follower.received(before + index);
    await follower.ack(follower.sink.messages.at(-1)!.tag);
  }
}
