/**
 * The end of a world: everything is mended, comes to rest, and is compared.
 *
 * @module
 */

import { textsOf } from "../../../support/wire/batches.ts";
import { bindOf } from "../../../support/broker/test_broker.ts";
import type { Delivery, EngineFollower, FollowerSink } from "../../../../src/broker/engine.ts";
import type { BrokerLife, ClusterBroker } from "./cluster_broker.ts";
import type { ClusterFollower, ClusterPublisher } from "./cluster_clients.ts";
import type { Seen } from "./cluster_ledger.ts";
import { compareStates } from "./cluster_states.ts";
import type { WorldParts } from "./world_parts.ts";

/** The most time until all is at rest, and until all is taken out. */
const REST_MS = 60_000;
const DRAIN_MS = 120_000;
/** How long it takes until nothing is under way any more. */
const FOLLOW_MS = 500;

interface Clients {
  readonly publishers: readonly ClusterPublisher[];
  readonly followers: readonly ClusterFollower[];
}

/** Brings a world to its end. */
export class ClusterEnd {
  readonly #parts: WorldParts;
  readonly #brokers: readonly ClusterBroker[];
  readonly #clients: Clients;
  readonly #pass: (ms: number) => Promise<void>;

  constructor(
    parts: WorldParts,
    brokers: readonly ClusterBroker[],
    clients: Clients,
    pass: (ms: number) => Promise<void>,
  ) {
    this.#parts = parts;
    this.#brokers = brokers;
    this.#clients = clients;
    this.#pass = pass;
  }

  async run(): Promise<void> {
    const { random, tell } = this.#parts;
    tell("all is mended");
    const { publishers, followers } = this.#clients;
    const quiet = () => publishers.every((one) => one.hasHeardAll);
    for (const client of publishers) client.isClosing = true;
    await this.#rest("publishers have heard all", quiet);
    for (const client of [...publishers, ...followers]) {
      client.isStopped = true;
      client.disconnect();
    }
    let serving = await this.#follow();
    compareStates(this.#parts, serving, this.#brokers);
    if (random.chance(0.5)) {
      const broker = serving.broker;
      broker.kill(random.chance(0.5));
      await this.#pass(100);
      serving = await this.#findServing();
      broker.start();
    }
    await this.#drain(serving);
    compareStates(this.#parts, await this.#follow(), this.#brokers);
  }

  /** Waits until all brokers have all of the log. */
  async #follow(): Promise<BrokerLife> {
    await this.#pass(FOLLOW_MS);
    const serving = await this.#findServing();
    await this.#rest("all brokers have read the log", () => {
      const { sequence } = serving;
      return this.#brokers.every(({ life }) => life !== undefined && life.sequence >= sequence);
    });
    return await this.#findServing();
  }

  async #findServing(): Promise<BrokerLife> {
    const find = () => this.#brokers.filter(({ life }) => life?.isServing);
    await this.#rest("one broker serves", () => find().length === 1);
    return find()[0]!.life!;
  }

  async #rest(what: string, isTrue: () => boolean): Promise<void> {
    for (let ms = 0; ms < REST_MS; ms += 50) {
      if (isTrue()) return;
      await this.#pass(50);
    }
    throw new Error(`it does not come to rest in ${REST_MS} ms, until ${what}`);
  }

  /** Takes all out, and compares it with what must be there. */
  async #drain(life: BrokerLife): Promise<void> {
    const { time, ledger, tell } = this.#parts;
    tell(`${life.name} is drained`);
    const sink = new DrainSink();
    const credit = { messages: 500, bytes: 1_000_000 };
    const follower = life.engine.openFollower({ name: "last", bind: bindOf(/./), ...credit }, sink);
    sink.follower = follower;
    const count = async () => {
      const infos = await time.until(life.engine.getStreams());
      return infos.reduce((sum, { ready, pending, delayed }) => sum + ready + pending + delayed, 0);
    };
    let left = await count();
    for (let ms = 0; left > 0 && ms < DRAIN_MS; ms += 500) {
      await this.#pass(500);
      await Promise.race([Promise.allSettled(sink.acks), this.#pass(1000)]);
      left = await count();
    }
    if (left > 0) throw new Error(`${left} messages do not come out`);
    for (const seen of sink.left) ledger.deliver(seen);
    ledger.compare(sink.left);
    follower.close(0);
  }
}

/** Takes everything, and acknowledges it. */
class DrainSink implements FollowerSink {
  readonly isFull = false;
  follower: EngineFollower | undefined;
  readonly left: Seen[] = [];
  readonly acks: Promise<void>[] = [];

  deliver({ stream, firstId, firstTag, batch }: Delivery): void {
    for (const [index, text] of textsOf(batch).entries()) {
      const label = text.replace(/\.+$/, "");
      this.left.push({ stream, id: firstId + index, label, storedAt: 0 });
    }
    const range = { firstTag, count: batch.count };
    queueMicrotask(() => {
      const durable = this.follower!.ack([range], true);
      if (durable !== undefined) this.acks.push(durable);
    });
  }

  revoke(): void {}

  noteDeleted(): void {}

  end(): void {}
}
