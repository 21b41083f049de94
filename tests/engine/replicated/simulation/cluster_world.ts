/**
 * A cluster of brokers on a log that fails, in virtual time: processes that die, stand still and are cut off, clocks that
 * are wrong, and clients who write down what they were told. Everything follows from a seed.
 *
 * @module
 */

import { Random } from "../../../support/random.ts";
import { SimulatedLogServer } from "../../../support/log/simulated_log_server.ts";
import { VirtualTime } from "../../../support/log/virtual_time.ts";
import { type BrokerLife, ClusterBroker } from "./cluster_broker.ts";
import { countNoWork } from "../../../support/working/work_parts.ts";
import { ClusterEnd } from "./cluster_end.ts";
import { ClusterLedger } from "./cluster_ledger.ts";
import { ClusterNemesis } from "./cluster_nemesis.ts";
import { LogTruth } from "./log_truth.ts";
import { MessageClients } from "./message_clients.ts";
import { WorkInCluster } from "./work_in_cluster.ts";
import type { WorldClients } from "./world_clients.ts";
import { countNothing, type WorldParts } from "./world_parts.ts";

/** How often clients look where they are. */
const LOOK_MS = 40;
/** After so long a client leaves a broker that stands still. */
const PATIENCE_MS = 2000;

/** How a world is made. */
export interface ClusterWorldOptions {
  readonly seed: number;
  /** Whether clients use lanes, keys, breakers and coalesce ids. */
  readonly isAtWork?: boolean;
  /** How long things go wrong. */
  readonly troubleMs: number;
  /** Hears what happens, with the time. */
  readonly tell?: ((what: string) => void) | undefined;
}

/** A cluster with its clients. */
export class ClusterWorld {
  readonly counts: Record<string, number>;
  readonly #parts: WorldParts;
  readonly #options: ClusterWorldOptions;
  readonly #brokers: ClusterBroker[];
  readonly #clients: WorldClients;
  /** Since when clients have seen their brokers stand still. */
  readonly #stillSince = new Map<BrokerLife, number>();

  constructor(options: ClusterWorldOptions) {
    const { seed, tell, isAtWork = false } = options;
    const counts = countNothing();
    const random = new Random(seed);
    const time = new VirtualTime();
    const truth = new LogTruth();
    const server = new SimulatedLogServer({ time, random: new Random(seed + 0.5 * 2 ** 40) });
    const hasTrueClocks = random.chance(0.5);
    const ledger = new ClusterLedger();
    const lead = { since: 0 };
    const parts = { time, random, server, ledger, truth, lead, hasTrueClocks, counts };
    this.#options = options;
    this.#parts = { ...parts, tell: (what) => tell?.(`${time.now.toFixed(1)} ${what}`) };
    server.stored = (record) => this.#noteStored(record);
    server.shrunk = () => truth.readAgain(server.records, server.first);
    const sizes = {
      segmentBytes: random.pick([2048, 8192, 65_536]),
      recordBytes: random.pick([300, 2000, 100_000]),
      pipeline: 1 + random.below(6),
    };
    server.trimming = (below) => {
      if (below <= Math.max(truth.trimmed, server.first)) return;
      ledger.violations.push(
        `the log is trimmed below ${below}, up to ${truth.trimmed} is allowed`,
      );
    };
    const ids = ["a", "b", "c"].slice(0, random.chance(0.5) ? 2 : 3);
    this.#brokers = ids.map((id) => {
      const clocks = hasTrueClocks ? {} : {
        rate: 0.95 + random.next() * 0.1,
        aheadMs: random.pick([0, 0, -3_600_000, 3_600_000]),
      };
      return new ClusterBroker(this.#parts, id, clocks, sizes);
    });
    this.#clients = isAtWork
      ? new WorkInCluster(this.#parts, Object.assign(counts, countNoWork()))
      : new MessageClients(this.#parts);
    this.counts = counts as unknown as Record<string, number>;
  }

  /** Lets everything happen, and looks at what is left of it. Rejects if something is wrong. */
  async run(): Promise<void> {
    await this.#begin();
    const nemesis = new ClusterNemesis(this.#parts, this.#brokers);
    nemesis.begin();
    this.#look();
    const findServing = () => this.#brokers.find(({ life }) => life?.isServing)?.life;
    this.#clients.begin((ms, action) => this.#repeat(ms, action), findServing);
    await this.#pass(this.#options.troubleMs);
    nemesis.end();
    const pass = (ms: number) => this.#pass(ms);
    await new ClusterEnd(this.#parts, this.#brokers, this.#clients, pass).run();
    const { counts, truth } = this.#parts;
    counts.voids += truth.voidCount;
    counts.epochs += truth.epochCount;
  }

  /** Starts all, and waits until there is something to work with. */
  async #begin(): Promise<void> {
    const { random, time } = this.#parts;
    for (const broker of this.#brokers) time.schedule(random.below(200), () => broker.start());
    await this.#clients.create(await this.#waitForServing());
  }

  async #waitForServing(): Promise<BrokerLife> {
    for (let ms = 0; ms < 30_000; ms += LOOK_MS) {
      await this.#pass(LOOK_MS);
      const found = this.#brokers.find(({ life }) => life?.isServing);
      if (found) return found.life!;
    }
    throw new Error("no broker serves in the beginning");
  }

  /** Lets time pass, and stops as soon as something is wrong. */
  async #pass(ms: number): Promise<void> {
    const { time, ledger: { violations } } = this.#parts;
    for (let left = ms; left > 0; left -= LOOK_MS) {
      await time.pass(Math.min(left, LOOK_MS));
      if (violations.length > 0) throw new Error(violations.slice(0, 3).join("; "));
    }
  }

  /** Does something again and again, after times around one. */
  #repeat(ms: number, action: () => void): void {
    const { time, random } = this.#parts;
    time.schedule(ms * (0.1 + random.next() * 1.8), () => {
      action();
      this.#repeat(ms, action);
    });
  }

  /** Clients look whether their brokers serve; brokers that have ended themselves are started again. */
  #look(): void {
    this.#parts.time.schedule(LOOK_MS, () => {
      for (const broker of this.#brokers) this.#buryFailed(broker);
      for (const client of this.#clients.all) {
        if (client.life !== undefined && this.#isLeft(client.life)) client.disconnect();
        if (client.life !== undefined || client.isStopped) continue;
        const serving = this.#brokers.find(({ life }) => life?.isServing)?.life;
        if (serving !== undefined && this.#parts.random.chance(0.3)) client.connect(serving);
      }
      this.#look();
    });
  }

  #isLeft(life: BrokerLife): boolean {
    const { time, random } = this.#parts;
    if (life.sendsAway || random.chance(0.0005)) return true;
    if (!life.host.isPaused) {
      this.#stillSince.delete(life);
      return false;
    }
    const since = this.#stillSince.getOrInsert(life, time.now);
    return time.now - since > PATIENCE_MS;
  }

  #buryFailed(broker: ClusterBroker): void {
    const { life } = broker;
    if (life === undefined) return;
    const { random, counts, ledger } = this.#parts;
    if (life.failure === undefined) return;
    const { failure } = life;
    const name = failure instanceof Error ? failure.name : "";
    if (name === "HandedOverError") counts.handovers++;
    else if (name === "LogTrimmedError") counts.trimmed++;
    else if (name === "FencedError") counts.fenced++;
    else if (name === "LogDamageError" && broker.mayBeAstray) {
      counts.damaged++;
      broker.empty();
    } else {
      const why = failure instanceof Error ? failure.stack : String(failure);
      ledger.violations.push(`${life.name} has ended itself: ${why}`);
    }
    broker.kill(false);
    broker.startIn(100 + random.below(2000));
  }

  #noteStored(record: Uint8Array): void {
    const { truth, tell, server, lead, time, counts } = this.#parts;
    counts.records++;
    const { epoch } = truth;
    truth.take(record, server.last);
    if (truth.epoch === epoch) return;
    lead.since = time.now;
    tell(`${truth.broker} takes over: epoch ${truth.epoch}`);
  }
}
