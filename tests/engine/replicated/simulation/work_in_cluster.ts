/**
 * Clients of a cluster who use lanes, limits, lent keys, breakers and coalesce ids, cancel messages and put them off.
 *
 * @module
 */

import { WorkLedger } from "../../../support/working/promises/work_ledger.ts";
import { WorkClients } from "../../../support/working/work_clients.ts";
import type { WorkCounts } from "../../../support/working/work_parts.ts";
import { describeWorkStreams } from "../../../support/working/work_streams.ts";
import type { BrokerLife } from "./cluster_broker.ts";
import type { PassTime, Repeat, WorldClient, WorldClients } from "./world_clients.ts";
import type { WorldParts } from "./world_parts.ts";

/** The most time until all is taken out: rates hold it back. */
const DRAIN_MS = 600_000;
const DRAIN_STEP_MS = 200;
/** How often one of them does something. */
const WORK_MS = 12;

/** Those who work, in a cluster. */
export class WorkInCluster implements WorldClients {
  readonly #time: WorldParts["time"];
  readonly #clients: WorkClients;

  constructor({ random, time, ledger, tell, hasTrueClocks }: WorldParts, counts: WorkCounts) {
    this.#time = time;
    this.#clients = new WorkClients({
      random,
      time,
      ledger: new WorkLedger(hasTrueClocks, ledger.violations),
      streams: describeWorkStreams(random),
      counts,
      tell,
    });
  }

  get all(): readonly WorldClient[] {
    return this.#clients.all as readonly unknown[] as readonly WorldClient[];
  }

  get hasHeardAll(): boolean {
    return this.#clients.publishers.every((one) => one.hasHeardAll);
  }

  async create(life: BrokerLife): Promise<void> {
    await this.#time.until(this.#clients.create(life), 10_000);
  }

  begin(repeat: Repeat): void {
    repeat(WORK_MS, () => this.#clients.act());
  }

  stop(): void {
    this.#clients.stop();
  }

  async drain(life: BrokerLife, pass: PassTime): Promise<void> {
    await pass(DRAIN_STEP_MS);
    await this.#clients.compare(life);
    for (let ms = 0; ms < DRAIN_MS; ms += DRAIN_STEP_MS) {
      await pass(DRAIN_STEP_MS);
      if (await this.#clients.drain(life) > 0) continue;
      await pass(DRAIN_STEP_MS);
      await this.#clients.compare(life);
      return await pass(DRAIN_STEP_MS);
    }
    throw new Error(`${await this.#clients.drain(life)} messages do not come out`);
  }
}
