/**
 * A broker of a simulated cluster: its directory stays, and one process after the other works in it.
 *
 * @module
 */

import type { ClusterSeat } from "../../../../src/broker/cluster_seat.ts";
import type { Disk } from "../../../../src/engine/journal/disk/disk.ts";
import { LocalEngine } from "../../../../src/engine/local_engine.ts";
import { LeasedDisk } from "../../../support/disk/leased_disk.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { type SimulatedClocks, SimulatedHost } from "../../../support/log/simulated_host.ts";
import { SimulatedLog } from "../../../support/log/simulated_log.ts";
import type { WorkLife } from "../../../support/working/work_parts.ts";
import type { Held } from "./cluster_clients.ts";
import { type ClusterSizes, openClusterLog } from "./open_cluster_log.ts";
import type { WorldParts } from "./world_parts.ts";

/** How often a process looks whether something is due. */
const TICK_MS = 50;
/** How long a message takes between a client and a broker, at most. */
const NETWORK_MS = 3;

/** What the log of a process is made of. */
export interface LifeOptions {
  readonly id: string;
  /** Here it tells one process of a broker from another. */
  readonly address: string;
  readonly disk: Disk;
  readonly log: SimulatedLog;
  readonly host: SimulatedHost;
  readonly random: () => number;
  readonly fail: (error: unknown) => void;
  readonly report: (level: string, message: string, fields?: unknown) => void;
}

/** One of the brokers. */
export class ClusterBroker {
  readonly id: string;
  readonly disk: SimulatedDisk;
  readonly clocks: SimulatedClocks;
  life: BrokerLife | undefined;
  /** Whether it must not be started again by itself. */
  isHeldDown = false;
  /** Whether it may have read what the log has lost, and nobody can give back. */
  mayBeAstray = false;
  readonly #parts: WorldParts;
  readonly #sizes: ClusterSizes;
  #lives = 0;

  constructor(parts: WorldParts, id: string, clocks: SimulatedClocks, sizes: ClusterSizes) {
    this.#parts = parts;
    this.id = id;
    this.clocks = clocks;
    this.#sizes = sizes;
    this.disk = new SimulatedDisk({ seed: parts.random.below(2 ** 31) });
  }

  /** Starts a process; does nothing if there is one. */
  start(): void {
    if (this.life !== undefined) return;
    this.life = new BrokerLife(this.#parts, this, ++this.#lives, this.#sizes);
    this.#parts.tell(`${this.life.name} starts`);
    this.life.open();
  }

  /** Ends the process at once, with all that its machine had not flushed if it is the power. */
  kill(isPower: boolean): void {
    this.#parts.tell(`${this.life?.name} is killed${isPower ? " by a power cut" : ""}`);
    this.life?.end();
    this.life = undefined;
    if (isPower) this.disk.powerCut();
    else this.disk.processKill();
  }

  /** Ends the process, and empties its directory. */
  empty(): void {
    this.kill(false);
    for (const { name } of this.disk.list()) this.disk.remove(name);
    this.mayBeAstray = false;
  }

  /** Starts a process later. */
  startIn(ms: number): void {
    this.#parts.time.schedule(ms, () => this.isHeldDown || this.start());
  }
}

/** A message that somebody holds, by the table of one process. */
interface Holding {
  readonly by: object;
  readonly held: Held;
  readonly key: string | undefined;
}

/** One process of a broker. */
export class BrokerLife implements WorkLife {
  readonly name: string;
  readonly broker: ClusterBroker;
  readonly host: SimulatedHost;
  readonly log: SimulatedLog;
  readonly engine: LocalEngine;
  readonly seat: ClusterSeat;
  /** Why it ended itself. */
  failure: unknown;
  readonly #parts: WorldParts;
  readonly #disk: LeasedDisk;
  readonly #holdings = new Map<string, Holding>();
  #requestedAt = 0;

  constructor(parts: WorldParts, broker: ClusterBroker, number: number, sizes: ClusterSizes) {
    const { time, server, random, tell } = parts;
    this.#parts = parts;
    this.broker = broker;
    this.name = `${broker.id}/${number}`;
    this.host = new SimulatedHost(time, broker.clocks);
    this.log = new SimulatedLog(server, this.host);
    this.#disk = new LeasedDisk(broker.disk);
    const log = openClusterLog({
      id: broker.id,
      address: this.name,
      disk: this.#disk,
      log: this.log,
      host: this.host,
      random: () => random.next(),
      fail: (error) => this.fail(error),
      report: (level, message, fields) => {
        tell(`${this.name} ${level}: ${message} ${JSON.stringify(fields ?? {})}`);
      },
    }, sizes);
    this.seat = log.seat;
    const { now, dateNow } = this.host;
    const report = (message: string) => tell(`${this.name}: ${message}`);
    this.engine = new LocalEngine({ log, now, dateNow, memoryLimit: 10_000, report });
  }

  /** The last record that it has. */
  get sequence(): number {
    const { brokers } = this.seat.describe();
    return brokers.find(({ id }) => id === this.broker.id)!.sequence;
  }

  /** Whether clients find it, and stay with it. */
  get isServing(): boolean {
    const { isAlive, isPaused } = this.host;
    return isAlive && !isPaused && this.seat.role === "active" && this.seat.isServing;
  }

  /** Whether clients that are connected to it leave it. */
  get sendsAway(): boolean {
    if (!this.host.isAlive) return true;
    return !this.host.isPaused && (this.seat.role !== "active" || this.seat.sendsAway);
  }

  open(): void {
    this.engine.open().catch((error) => this.fail(error));
    this.#tick();
  }

  /** Lets it do something that a client asks for, in the order in which it is asked. */
  request(action: () => void): void {
    const { time, random } = this.#parts;
    this.#requestedAt = Math.max(this.#requestedAt, time.now + random.next() * NETWORK_MS);
    time.schedule(this.#requestedAt - time.now, () => {
      this.host.run(() => {
        try {
          action();
        } catch (error) {
          this.#parts.ledger.violations.push(`${this.name}: ${(error as Error).stack}`);
        }
      });
    });
  }

  /** It cannot go on, and says why. */
  fail(error: unknown): void {
    if (!this.host.isAlive || this.failure !== undefined) return;
    this.failure = error;
    this.#parts.tell(`${this.name} fails: ${error}`);
  }

  end(): void {
    this.host.kill();
    this.log.disconnect();
    this.#disk.end();
  }

  /** Nobody else may have taken over when it confirms or delivers something. */
  checkLead(what: string): void {
    const { truth, ledger } = this.#parts;
    if (truth.broker === this.name) return;
    ledger.violations.push(`${this.name} ${what} when ${truth.broker} has epoch ${truth.epoch}`);
  }

  get leads(): boolean {
    return this.#parts.truth.broker === this.name;
  }

  get leadsSince(): number {
    return this.#parts.lead.since;
  }

  isHeard(what: string): boolean {
    if (!this.host.isAlive) return false;
    this.checkLead(what);
    return this.leads;
  }

  /** A message is not delivered before its time. */
  checkDelay({ label }: Held, notBefore: number): void {
    const { ledger, time, hasTrueClocks } = this.#parts;
    if (!hasTrueClocks || time.now >= notBefore - 1) return;
    ledger.violations.push(`${label} is delivered at ${time.now}, and not before ${notBefore}`);
  }

  /** A follower was given a message: nobody else has it, or another one of its key. */
  hold(by: object, held: Held, key: string | undefined): void {
    const { violations } = this.#parts.ledger;
    const other = this.#holdings.get(placeOf(held));
    if (other !== undefined) violations.push(`${this.name}: two followers have ${held.label}`);
    for (const one of key === undefined ? [] : this.#holdings.values()) {
      if (one.key !== key || one.held.stream !== held.stream) continue;
      const both = `${one.held.label} and ${held.label} of key ${key} in ${held.stream}`;
      violations.push(`${this.name}: ${both} are out at once`);
    }
    this.#holdings.set(placeOf(held), { by, held, key });
  }

  /** A follower has done with a message. */
  done(by: object, held: Held): void {
    const holding = this.#holdings.get(placeOf(held));
    if (holding?.by === by && holding.held.tag === held.tag) this.#holdings.delete(placeOf(held));
  }

  /** A follower has lost what it had, or some of it. */
  forget(by: object, isLost: (held: Held) => boolean = () => true): void {
    for (const [place, holding] of this.#holdings) {
      if (holding.by === by && isLost(holding.held)) this.#holdings.delete(place);
    }
  }

  #tick(): void {
    this.host.schedule(TICK_MS, () => {
      try {
        this.engine.tick(this.host.now());
        this.engine.tend(this.host.now());
      } catch (error) {
        this.fail(error);
      }
      this.#tick();
    });
  }
}

function placeOf({ stream, id }: Held): string {
  return `${stream}:${id}`;
}
