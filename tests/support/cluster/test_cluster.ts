/**
 * A cluster in virtual time, on a log that works unless a test says otherwise: brokers start, follow, take over,
 * stand still and die.
 *
 * @module
 */

import type { Engine } from "../../../src/broker/engine.ts";
import { EngineUse, TestClock } from "../../engine/engine_use.ts";
import { LeasedDisk } from "../disk/leased_disk.ts";
import { SimulatedDisk } from "../disk/simulated_disk.ts";
import { SimulatedHost } from "../log/simulated_host.ts";
import { SimulatedLog } from "../log/simulated_log.ts";
import { SimulatedLogServer } from "../log/simulated_log_server.ts";
import { VirtualTime } from "../log/virtual_time.ts";
import { Random } from "../random.ts";
import {
  type ClusterEngine,
  type ClusterEngineOptions,
  startClusterEngine,
} from "./cluster_engines.ts";

export const LEASE_MS = 2000;

/** How often a broker looks whether something is due. */
const TICK_MS = 25;

/** How a broker of a test differs from others. */
export type TestBrokerOptions = Partial<Omit<ClusterEngineOptions, "disk" | "log">> & {
  readonly disk?: SimulatedDisk;
  /** By how much its date is ahead. */
  readonly aheadMs?: number;
};

/** A process of a broker. */
export class TestBroker {
  readonly id: string;
  readonly disk: SimulatedDisk;
  readonly host: SimulatedHost;
  readonly log: SimulatedLog;
  readonly reports: string[] = [];
  readonly cluster: ClusterEngine;
  readonly use: EngineUse;
  /** Why it has ended itself. */
  failure: Error | undefined;
  readonly #leased: LeasedDisk;

  constructor(cluster: TestCluster, id: string, options: TestBrokerOptions) {
    const { disk = new SimulatedDisk({ seed: 1 }), aheadMs = 0, ...others } = options;
    this.id = id;
    this.disk = disk;
    this.host = new SimulatedHost(cluster.time, { aheadMs });
    this.log = new SimulatedLog(cluster.server, this.host);
    this.#leased = new LeasedDisk(disk);
    this.cluster = startClusterEngine({
      leaseMs: LEASE_MS,
      timing: this.host,
      random: () => cluster.random.next(),
      dateNow: this.host.dateNow,
      fail: (error) => this.failure ??= error as Error,
      report: (_, message) => this.reports.push(message),
      ...others,
      id,
      now: this.host.now,
      disk: this.#leased,
      log: this.log,
    });
    this.cluster.opening.catch((error) => this.failure ??= error);
    this.use = new EngineUse(this.engine, { clock: new TestClock() });
    this.#tick();
  }

  get engine(): Engine & ClusterEngine["engine"] {
    return this.cluster.engine;
  }

  get seat(): ClusterEngine["log"]["seat"] {
    return this.cluster.log.seat;
  }

  /** Ends it at once. */
  kill(): void {
    this.host.kill();
    this.log.disconnect();
    this.#leased.end();
    this.disk.processKill();
  }

  #tick(): void {
    this.host.schedule(TICK_MS, () => {
      this.engine.tick(this.host.now());
      this.engine.tend(this.host.now());
      this.#tick();
    });
  }
}

/** The brokers, and what they share. */
export class TestCluster {
  readonly time: VirtualTime = new VirtualTime();
  readonly random: Random;
  readonly server: SimulatedLogServer;

  constructor(seed: number = 1) {
    this.random = new Random(seed);
    this.server = new SimulatedLogServer({ time: this.time, random: this.random });
  }

  /** Starts a broker; it follows. */
  start(id: string, options: TestBrokerOptions = {}): TestBroker {
    return new TestBroker(this, id, options);
  }

  /** Starts a broker, and waits until it serves. */
  async startActive(id: string, options: TestBrokerOptions = {}): Promise<TestBroker> {
    const broker = this.start(id, options);
    await this.until(broker.cluster.opening);
    return broker;
  }

  /** Starts a broker on what another process has left. */
  restart({ id, disk }: TestBroker, options: TestBrokerOptions = {}): TestBroker {
    return this.start(id, { disk, ...options });
  }

  /** Lets time pass until something is settled. */
  until<T>(what: Promise<T>, mostMs: number = 60_000): Promise<T> {
    return this.time.until(what, mostMs);
  }

  /** Lets time pass. */
  pass(ms: number): Promise<void> {
    return this.time.pass(ms);
  }
}
