/**
 * Publishers and followers of all streams, and somebody who purges them.
 *
 * @module
 */

import type { Delivery, EngineFollower, FollowerSink } from "../../../../src/broker/engine.ts";
import { bindOf } from "../../../support/broker/test_broker.ts";
import { textsOf } from "../../../support/wire/batches.ts";
import type { BrokerLife } from "./cluster_broker.ts";
import { ClusterFollower, ClusterPublisher } from "./cluster_clients.ts";
import type { Seen } from "./cluster_ledger.ts";
import type { PassTime, Repeat, WorldClient, WorldClients } from "./world_clients.ts";
import { STREAMS, type WorldParts } from "./world_parts.ts";

/** The most time until all is taken out. */
const DRAIN_MS = 120_000;

/** Those who send messages and acknowledge them. */
export class MessageClients implements WorldClients {
  readonly #parts: WorldParts;
  readonly #publishers: readonly ClusterPublisher[];
  readonly #followers: readonly ClusterFollower[];

  constructor(parts: WorldParts) {
    this.#parts = parts;
    this.#publishers = ["a1", /^a/, /1$/].map((bind, index) =>
      new ClusterPublisher(parts, `p${index}`, bind)
    );
    this.#followers = [/./, "a1", /^a/].map((bind, index) =>
      new ClusterFollower(parts, `f${index}`, bind, 1 + parts.random.below(12))
    );
  }

  get all(): readonly WorldClient[] {
    return [...this.#publishers, ...this.#followers];
  }

  get hasHeardAll(): boolean {
    return this.#publishers.every((one) => one.hasHeardAll);
  }

  async create({ engine }: BrokerLife): Promise<void> {
    for (const name of STREAMS) {
      const options = { maxDeliveries: 65_535, dedupWindowMs: 86_400_000, deadLetter: false };
      await this.#parts.time.until(engine.createStream(name, options), 10_000);
    }
  }

  begin(repeat: Repeat, findServing: () => BrokerLife | undefined): void {
    for (const client of this.#publishers) repeat(120, () => client.publish());
    for (const client of this.#followers) repeat(80, () => client.work());
    repeat(12_000, () => this.#purge(findServing()));
  }

  stop(): void {
    for (const client of this.#publishers) client.isClosing = true;
  }

  #purge(life: BrokerLife | undefined): void {
    const { random, ledger, tell } = this.#parts;
    if (life === undefined) return;
    const name = random.pick(STREAMS);
    ledger.purge(name);
    life.request(() => {
      tell(`${name} is purged`);
      life.engine.purgeStream(name).catch((error) => tell(`${name} is not purged: ${error}`));
    });
  }

  /** Takes all out, and compares it with what must be there. */
  async drain(life: BrokerLife, pass: PassTime): Promise<void> {
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
      await pass(500);
      await Promise.race([Promise.allSettled(sink.acks), pass(1000)]);
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
