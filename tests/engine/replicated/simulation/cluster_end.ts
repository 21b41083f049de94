/**
 * The end of a world: everything is mended, comes to rest, and is compared.
 *
 * @module
 */

import type { BrokerLife, ClusterBroker } from "./cluster_broker.ts";
import { compareStates } from "./cluster_states.ts";
import type { WorldClients } from "./world_clients.ts";
import type { WorldParts } from "./world_parts.ts";

/** The most time until all is at rest. */
const REST_MS = 60_000;
/** How long it takes until nothing is under way any more. */
const FOLLOW_MS = 500;

/** Brings a world to its end. */
export class ClusterEnd {
  readonly #parts: WorldParts;
  readonly #brokers: readonly ClusterBroker[];
  readonly #clients: WorldClients;
  readonly #pass: (ms: number) => Promise<void>;

  constructor(
    parts: WorldParts,
    brokers: readonly ClusterBroker[],
    clients: WorldClients,
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
    const clients = this.#clients;
    clients.stop();
    await this.#rest("publishers have heard all", () => clients.hasHeardAll);
    for (const client of clients.all) {
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
    await clients.drain(serving, this.#pass);
    compareStates(this.#parts, await this.#follow(), this.#brokers);
  }

  /** Waits until all brokers have all of the log. */
  async #follow(): Promise<BrokerLife> {
    await this.#pass(FOLLOW_MS);
    const serving = await this.#findServing();
    // What nobody waits for is not in the log yet.
    await this.#parts.time.until(Promise.resolve(serving.engine.whenDurable()), REST_MS);
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
}
