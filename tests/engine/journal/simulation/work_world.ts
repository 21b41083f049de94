/**
 * A broker on a disk in memory that crashes again and again while clients use lanes, keys, breakers and coalesce ids,
 * cancel messages and put them off. After each crash all that is there is compared with what they were told.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { openJournal, type TestJournalOptions } from "../../../support/disk/journals.ts";
import { LeasedDisk } from "../../../support/disk/leased_disk.ts";
import { AHEAD_BYTES, SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { Random } from "../../../support/random.ts";
import { WorkClients } from "../../../support/working/work_clients.ts";
import { WorkLedger } from "../../../support/working/promises/work_ledger.ts";
import {
  countNoWork,
  type WorkCounts,
  type WorkLife,
  type WorkParts,
} from "../../../support/working/work_parts.ts";
import { describeWorkStreams } from "../../../support/working/work_streams.ts";
import type { LocalEngine } from "../../../../src/engine/local_engine.ts";

/** The most time, in steps of the last follower, until all is taken out. */
const DRAIN_STEPS = 3000;
const DRAIN_STEP_MS = 100;

/** How a world is made. */
export interface WorkWorldOptions {
  readonly seed: number;
  /** Hears what happens, with the time. */
  readonly tell?: ((what: string) => void) | undefined;
}

/** One process of the broker. */
class JournalLife implements WorkLife {
  readonly name: string;
  readonly leadsSince: number;
  readonly engine: LocalEngine;
  leads = true;

  constructor(name: string, engine: LocalEngine, now: number) {
    this.name = name;
    this.engine = engine;
    this.leadsSince = now;
  }

  request(action: () => void): void {
    if (this.leads) action();
  }

  /** What a process does after its end, nobody hears. */
  isHeard(): boolean {
    return this.leads;
  }
}

/** The time of a world; what is asked for and told arrives at once. */
class WorldTime {
  now = 1000;

  schedule(_: number, action: () => void): void {
    action();
  }
}

/** One broker, its clients and its disk, through many crashes. */
export class WorkWorld {
  readonly counts: WorkCounts & { crashes: number } = { ...countNoWork(), crashes: 0 };
  readonly #random: Random;
  readonly #disk: SimulatedDisk;
  readonly #options: TestJournalOptions;
  readonly #parts: WorkParts;
  readonly #clients: WorkClients;
  #life: JournalLife | undefined;
  #lease: LeasedDisk | undefined;
  #hasFailed = false;
  readonly #time = new WorldTime();

  constructor({ seed, tell }: WorkWorldOptions) {
    const random = new Random(seed);
    this.#random = random;
    this.#disk = new SimulatedDisk({
      seed: random.below(2 ** 31),
      aheadBytes: seed % 2 === 0 ? AHEAD_BYTES : undefined,
    });
    this.#options = {
      level: "always",
      segmentBytes: random.pick([700, 2048, 8192, 64 * 1024]),
      memoryLimit: random.pick([1, 10_000_000]),
      reserveBytes: 2048,
      now: () => this.#time.now,
      dateNow: () => this.#time.now,
    };
    this.#parts = {
      random,
      time: this.#time,
      ledger: new WorkLedger(true),
      streams: describeWorkStreams(random),
      counts: this.counts,
      tell: (what) => tell?.(`${this.#time.now} ${what}`),
    };
    this.#clients = new WorkClients(this.#parts);
  }

  /** Goes through so many crashes, and takes all out in the end. */
  async run(crashCount: number): Promise<void> {
    for (let crash = 0; crash < crashCount; crash++) {
      await this.#open();
      this.#planFaults();
      await this.#act();
      this.#crash();
    }
    this.#clients.stop();
    const life = await this.#open();
    for (const client of this.#clients.all) client.isStopped = true;
    for (const client of this.#clients.all) client.disconnect();
    await this.#drain(life);
    await this.#clients.compare(life);
    this.#check();
    await life.engine.close();
  }

  /** Opens the journal, and looks at everything that is there. */
  async #open(): Promise<JournalLife> {
    this.#hasFailed = false;
    this.#lease = new LeasedDisk(this.#disk);
    const engine = await openJournal(this.#lease, {
      ...this.#options,
      fail: (error) => {
        this.#hasFailed = true;
        this.#parts.tell(`the journal has failed: ${error}`);
      },
    });
    const life = new JournalLife(`life ${this.counts.crashes}`, engine, this.#time.now);
    this.#life = life;
    if (engine.hasStream("mixed")) await this.#clients.compare(life);
    else await this.#clients.create(life);
    this.#check();
    for (const client of this.#clients.all) client.connect(life);
    return life;
  }

  async #act(): Promise<void> {
    const random = this.#random;
    for (let step = random.below(250); step > 0 && !this.#hasFailed; step--) {
      this.#clients.act();
      if (random.chance(0.4)) await this.#turn(random.below(8));
      if (random.chance(0.1)) await new Promise((resolve) => setImmediate(resolve));
      if (random.chance(0.3)) this.#pass(random.below(300));
      this.#check();
    }
    await this.#turn(random.below(4));
  }

  #pass(ms: number): void {
    const { engine } = this.#life!;
    this.#time.now += ms;
    engine.tick(this.#time.now);
    engine.tend(this.#time.now);
    this.#lookAtBreakers();
  }

  /** One of a lane that nobody uses any more closes by itself. */
  #lookAtBreakers(): void {
    const { ledger } = this.#parts;
    ledger.breakers.look(this.#parts, this.#life!);
  }

  #planFaults(): void {
    const random = this.#random;
    const kind = random.below(12);
    this.#parts.tell(`fault ${kind}`);
    if (kind === 0) this.#disk.failAt(1 + random.below(100), "EIO");
    else if (kind === 1) this.#disk.failAt(1 + random.below(100), "short");
    else if (kind < 4) {
      const used = this.#disk.list().reduce((sum, { size }) => sum + size, 0);
      this.#disk.capacity = used + random.below(6000);
    }
  }

  #crash(): void {
    const random = this.#random;
    const life = this.#life!;
    life.leads = false;
    this.counts.crashes++;
    for (const client of this.#clients.all) client.disconnect();
    this.#parts.ledger.endLife();
    this.#lease!.end();
    this.#disk.heal();
    this.#disk.capacity = undefined;
    const isPower = random.chance(0.6);
    if (isPower) this.#disk.powerCut();
    else this.#disk.processKill();
    this.#parts.tell(`${life.name} ends${isPower ? " by a power cut" : ""}`);
    if (random.chance(0.5)) this.#time.now += random.below(2000);
  }

  async #drain(life: JournalLife): Promise<void> {
    for (let step = 0; step < DRAIN_STEPS; step++) {
      this.#pass(DRAIN_STEP_MS);
      await this.#turn(8);
      const left = await this.#clients.drain(life);
      this.#check();
      if (left === 0) return;
    }
    throw new Error(`${await this.#clients.drain(life)} messages do not come out`);
  }

  /** Stops as soon as something is wrong. */
  #check(): void {
    const { violations } = this.#parts.ledger;
    if (violations.length > 0) throw new Error(violations.slice(0, 3).join("; "));
  }

  /** Lets so many turns of the queue of microtasks pass. */
  async #turn(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) await Promise.resolve();
  }
}
