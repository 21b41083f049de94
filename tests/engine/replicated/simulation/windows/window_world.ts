/**
 * Several windows on one log that fails: what one of them confirms counts, once, and nobody else was first.
 *
 * @module
 */

import { FencedError } from "../../../../../src/engine/replicated/window.ts";
import { Random } from "../../../../support/random.ts";
import { SimulatedHost } from "../../../../support/log/simulated_host.ts";
import { SimulatedLog } from "../../../../support/log/simulated_log.ts";
import { SimulatedLogServer } from "../../../../support/log/simulated_log_server.ts";
import { VirtualTime } from "../../../../support/log/virtual_time.ts";
import { LogTruth } from "../log_truth.ts";
import { ReleasedError, WindowNode } from "./window_node.ts";

/** The most time until all is at rest. */
const REST_MS = 30_000;

/** A process, and what it runs on. */
interface Process {
  readonly node: WindowNode;
  readonly host: SimulatedHost;
  readonly log: SimulatedLog;
}

/** How a world is made. */
export interface WindowWorldOptions {
  readonly seed: number;
  readonly troubleMs: number;
  readonly tell?: ((what: string) => void) | undefined;
}

/** What went on. */
export interface WindowCounts {
  confirmed: number;
  records: number;
  voids: number;
  epochs: number;
  fenced: number;
  shrinks: number;
  refused: number;
}

/** A few processes, and a log. */
export class WindowWorld {
  readonly counts: WindowCounts = {
    confirmed: 0,
    records: 0,
    voids: 0,
    epochs: 0,
    fenced: 0,
    shrinks: 0,
    refused: 0,
  };
  readonly #options: WindowWorldOptions;
  readonly #random: Random;
  readonly #time = new VirtualTime();
  readonly #server: SimulatedLogServer;
  readonly #truth = new LogTruth();
  readonly #processes: (Process | undefined)[] = [undefined, undefined, undefined];
  readonly #confirmed = new Set<string>();
  readonly #refused = new Set<string>();
  /** The texts that count, in order. */
  #texts: string[] = [];
  readonly #violations: string[] = [];
  #lives = 0;
  #isQuietUntil = 0;
  #isContended = false;

  constructor(options: WindowWorldOptions) {
    const { seed } = options;
    this.#options = options;
    this.#random = new Random(seed);
    const random = new Random(seed + 0.5 * 2 ** 40);
    this.#server = new SimulatedLogServer({ time: this.#time, random });
    this.#server.stored = (record) => this.#note(record, this.#server.last);
    this.#server.shrunk = () => {
      this.#texts = [];
      this.#truth.forget();
      const { records, first } = this.#server;
      for (const [index, record] of records.entries()) this.#note(record, first + index);
    };
  }

  /** Rejects if something is wrong. */
  async run(): Promise<void> {
    const random = this.#random;
    const some = (most: number) => random.chance(0.5) ? random.next() * most : 0;
    this.#server.faults = {
      delayMs: [0, random.pick([0.2, 3, 30])],
      reordered: some(0.3),
      late: some(0.03),
      lostRequest: some(0.03),
      lostAnswer: some(0.05),
      doubled: some(0.1),
      stale: some(0.3),
      lostRecord: some(0.2),
      silentRefusal: some(0.5),
    };
    this.#isContended = random.chance(0.3);
    for (const index of this.#processes.keys()) this.#start(index);
    for (let ms = 0; ms < this.#options.troubleMs; ms += 50) {
      this.#work();
      if (random.chance(0.03) && this.#time.now >= this.#isQuietUntil) this.#strike();
      await this.#pass(random.next() * 100);
    }
    await this.#rest();
    this.counts.refused = this.#refused.size;
    this.counts.records = this.#server.last;
    this.counts.voids = this.#truth.voidCount;
    this.counts.epochs = this.#truth.epochCount;
  }

  /** Everything is mended: what was confirmed is there, and there is one that goes on. */
  async #rest(): Promise<void> {
    this.#tell("all is mended");
    this.#isContended = false;
    this.#server.faults = { ...this.#server.faults, late: 0, lostRequest: 0, lostAnswer: 0 };
    this.#server.faults = { ...this.#server.faults, doubled: 0, stale: 0, lostRecord: 0 };
    this.#server.bytesMax = undefined;
    for (const [index, process] of this.#processes.entries()) {
      if (process === undefined) this.#start(index);
      else this.#heal(process);
    }
    const isAtRest = () => {
      const active = this.#processes.filter((one) => one?.node.isActive);
      return active.length === 1 && active[0]!.node.isIdle;
    };
    for (let ms = 0; ms < REST_MS && (ms < 5000 || !isAtRest()); ms += 50) await this.#pass(50);
    if (!isAtRest()) {
      const nodes = this.#processes.map((one) => one?.node.describe() ?? "nobody");
      throw new Error(`it does not come to rest: ${nodes.join("; ")}`);
    }
    const texts = new Set(this.#texts);
    if (texts.size !== this.#texts.length) throw new Error("a text counts twice");
    for (const text of texts) {
      if (this.#refused.has(text)) throw new Error(`${text} was refused, and counts`);
    }
    for (const text of this.#confirmed) {
      if (!texts.has(text)) throw new Error(`${text} was confirmed, and is lost`);
    }
  }

  async #pass(ms: number): Promise<void> {
    await this.#time.pass(ms);
    const mistakes = [...this.#violations, ...this.#server.mistakes];
    if (mistakes.length > 0) throw new Error(mistakes.slice(0, 3).join("; "));
  }

  #work(): void {
    // A stranger appends between what is under way.
    if (this.#isContended && this.#random.chance(0.3)) {
      this.#time.schedule(this.#random.next() * 60, () => this.#intrude());
    }
    for (const process of this.#processes) {
      if (!process?.node.isActive || !this.#random.chance(0.7)) continue;
      const count = this.#random.below(6);
      process.host.run(() => {
        for (let index = 0; index < count; index++) process.node.append();
      });
    }
  }

  #start(index: number): void {
    if (this.#processes[index] !== undefined) return;
    const name = `${"abc"[index]}/${++this.#lives}`;
    const rate = 0.95 + this.#random.next() * 0.1;
    const host = new SimulatedHost(this.#time, { rate });
    const log = new SimulatedLog(this.#server, host);
    const node = new WindowNode({
      name,
      host,
      log,
      random: () => this.#random.next(),
      confirm: (text) => this.#confirm(name, text),
      refuse: (text) => this.#refused.add(text),
      fail: (error) => this.#end(index, error),
    });
    this.#processes[index] = { node, host, log };
    this.#tell(`${name} starts`);
    node.start();
  }

  /** A process has ended itself. */
  #end(index: number, error: unknown): void {
    const { node } = this.#processes[index]!;
    this.#tell(`${node.name} ends: ${error}`);
    const isOrderly = error instanceof FencedError || error instanceof ReleasedError;
    if (error instanceof FencedError) this.counts.fenced++;
    const why = error instanceof Error ? error.stack : error;
    if (!isOrderly) this.#violations.push(`${node.name} ends: ${why}`);
    this.#kill(index);
  }

  #kill(index: number): void {
    const process = this.#processes[index];
    if (process === undefined) return;
    process.host.kill();
    process.log.disconnect();
    this.#processes[index] = undefined;
    this.#time.schedule(this.#random.below(3000), () => this.#start(index));
  }

  #strike(): void {
    const random = this.#random;
    const active = this.#processes.findIndex((one) => one?.node.isActive);
    const index = active >= 0 && random.chance(0.6) ? active : random.below(3);
    const process = this.#processes[index];
    const ms = random.pick([100, 1000, 2500, 8000]) * (0.5 + random.next());
    const kind = random.below(9);
    this.#tell(`strike ${kind} at ${process?.node.name} for ${ms.toFixed()} ms`);
    if (kind === 0) return this.#server.loseLeader(ms);
    if (kind === 1) return this.#shrink();
    if (kind === 2) return this.#intrude();
    if (kind === 8) return this.#fill(ms);
    if (process === undefined) return;
    if (kind === 3) return this.#kill(index);
    if (kind === 4) return process.host.run(() => process.node.release());
    if (kind === 5) process.host.pause();
    else if (kind === 6) process.log.isCutOff = true;
    else process.log.isStuck = true;
    this.#time.schedule(ms, () => this.#heal(process));
  }

  #heal({ host, log }: Process): void {
    log.isCutOff = false;
    log.isStuck = false;
    if (host.isPaused) host.wake();
  }

  /** There is little room for a while. */
  #fill(ms: number): void {
    // What comes once more after it was refused may be stored: brokers end themselves then.
    if (this.#server.faults.doubled > 0) return;
    this.#server.bytesMax = this.#server.bytes + this.#random.below(2000);
    this.#time.schedule(ms, () => this.#server.bytesMax = undefined);
  }

  #intrude(): void {
    const { records } = this.#server;
    if (records.length === 0) return;
    const record = this.#random.pick(records).slice();
    // A void record may have been refused since: nothing tells a copy of it from what its owner sends, and it
    // may count where no other record has its number. Owners send nothing once more that was refused.
    if (!this.#refused.has(readText(record))) this.#server.intrude(record);
  }

  /** The log loses some of what somebody has who is well. */
  #shrink(): void {
    const count = 1 + this.#random.below(6);
    const { records, isLed, faults } = this.#server;
    // It is to be repaired before anybody takes over who does not have all of it, or appends where records
    // are missing: no broker can give a place back to a record that was stored there.
    if (this.#isContended) return;
    if (!isLed || records.length <= count || faults.lostRequest + faults.lostAnswer > 0) return;
    const active = this.#processes.find((process) => process?.node.isActive);
    if (active === undefined || active.host.isPaused || active.log.isCutOff) return;
    if (active.log.isStuck) return;
    if (!this.#truth.canBeMended(this.#server.last, count, active.node.sequence)) return;
    this.counts.shrinks++;
    this.#isQuietUntil = this.#time.now + 5000;
    this.#server.shrink(count);
  }

  #confirm(name: string, text: string): void {
    this.counts.confirmed++;
    this.#confirmed.add(text);
    if (this.#truth.broker !== name) {
      this.#violations.push(`${name} confirms ${text} when ${this.#truth.broker} has the epoch`);
    }
    // What a log has lost is there again when it is repaired.
    if (!this.#texts.includes(text) && this.counts.shrinks === 0) {
      this.#violations.push(`${text} is confirmed and not there`);
    }
  }

  #note(record: Uint8Array, sequence: number): void {
    const { broker } = this.#truth;
    const counts = this.#truth.take(record, sequence);
    if (this.#truth.broker !== broker) this.#tell(`${this.#truth.broker} takes over`);
    if (!counts || new DataView(record.buffer, record.byteOffset).getUint32(8) !== 2) return;
    this.#texts.push(readText(record));
  }

  #tell(what: string): void {
    this.#options.tell?.(`${this.#time.now.toFixed(1)} ${what}`);
  }
}

/** What a node has appended. */
function readText(record: Uint8Array): string {
  return new TextDecoder().decode(record.subarray(64)).replace(/\.+$/, "");
}
