/**
 * Which broker is the active one, by what brokers say themselves, and whether one that is not any more says
 * what only the active one may say.
 *
 * @module
 */

import { SYSTEM_TIMING, type Timing } from "../../../src/engine/replicated/timing.ts";
import type { ClusterHistory, Reign } from "../checking/history.ts";
import type { BrokerNode } from "./broker_node.ts";

/** So often brokers are asked, in milliseconds. */
const ASK_MS = 100;

/** A broker that is asked. */
export type AskedBroker = Pick<BrokerNode, "reign" | "ask" | "noteStandby">;

/** Asks brokers, and tells a history of their reigns. */
export class Watch<Broker extends AskedBroker = BrokerNode> implements AsyncDisposable {
  readonly #brokers: readonly Broker[];
  readonly #history: ClusterHistory;
  readonly #leaseMs: number;
  readonly #timing: Timing;
  readonly #epochs = new Map<Reign, number>();
  readonly #running: Promise<unknown>;
  #last: { readonly broker: Broker; readonly epoch: number; readonly at: number } | undefined;
  #isOver = false;

  constructor(
    brokers: readonly Broker[],
    history: ClusterHistory,
    leaseMs: number,
    timing: Timing = SYSTEM_TIMING,
  ) {
    this.#timing = timing;
    this.#brokers = brokers;
    this.#history = history;
    this.#leaseMs = leaseMs;
    this.#running = Promise.all(brokers.map((broker) => this.#follow(broker)));
  }

  /** The broker that was the last one to take over. */
  get active(): Broker | undefined {
    return this.#last?.broker;
  }

  /** The last epoch that was heard of. */
  get epoch(): number {
    return this.#last?.epoch ?? 0;
  }

  /**
   * A broker has sent what only the active one may send. From the moment when another one has taken over, it
   * must not: its lease was over a quarter of the lease before that, and so much it may take to be heard.
   */
  noteWork(reign: Reign, what: string): void {
    const last = this.#last;
    const epoch = this.#epochs.get(reign);
    if (last === undefined || epoch === undefined || epoch >= last.epoch) return;
    if (this.#timing.now() - last.at <= this.#leaseMs / 4) return;
    this.#history.record({ type: "cameLate", reign, what });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #follow(broker: Broker): Promise<void> {
    let active: Reign | undefined;
    while (!this.#isOver) {
      const { reign } = broker;
      const status = await broker.ask();
      if (status?.role === "active" && reign === broker.reign && active !== reign) {
        active = reign;
        this.#begin(broker, status.epoch);
      }
      if (status?.role === "standby" && active === broker.reign) {
        this.#history.record({ type: "reignEnded", reign: broker.reign });
        broker.noteStandby();
      }
      await this.#timing.wait(ASK_MS);
    }
  }

  #begin(broker: Broker, epoch: number): void {
    const { reign } = broker;
    this.#epochs.set(reign, epoch);
    this.#history.record({ type: "reignBegan", reign, epoch });
    if (epoch > this.epoch) this.#last = { broker, epoch, at: this.#timing.now() };
  }
}
