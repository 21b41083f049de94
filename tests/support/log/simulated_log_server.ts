/**
 * The side of a simulated log that all brokers share: what is stored, and who leads it. As JetStream it compares
 * numbers and nothing else, and what it has stored it may still lose.
 *
 * @module
 */

import {
  LeaderlessError,
  type LogBounds,
  RefusedError,
} from "../../../src/engine/replicated/log.ts";
import type { Random } from "../random.ts";
import type { SimulatedLog } from "./simulated_log.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** How likely things go wrong, and how long they take; nothing does by default. */
export interface LogFaults {
  /** The least and the most milliseconds that a request, an answer or a record takes. */
  delayMs: readonly [number, number];
  /** A request, or an answer, overtakes others of its connection. */
  reordered: number;
  /** A request comes much later: after its sender has given up. */
  late: number;
  /** A request, or an answer to it, never comes. */
  lostRequest: number;
  lostAnswer: number;
  /** A request comes twice. */
  doubled: number;
  /** A read, or a look at the bounds, is answered by a node that lags behind. */
  stale: number;
  /** A record that is stored does not reach a broker that follows. */
  lostRecord: number;
  /** A refusal does not tell what the last sequence is. */
  silentRefusal: number;
}

/** A log that works. */
export const FAULTLESS: LogFaults = {
  delayMs: [0, 0],
  reordered: 0,
  late: 0,
  lostRequest: 0,
  lostAnswer: 0,
  doubled: 0,
  stale: 0,
  lostRecord: 0,
  silentRefusal: 0,
};

/** What a server is made of. */
export interface SimulatedLogOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly faults?: Partial<LogFaults>;
  /** The most bytes it keeps; no end by default. */
  readonly bytesMax?: number | undefined;
}

/** Something that was compared with the last sequence, and is not stored yet. */
interface Pending {
  readonly record: Uint8Array;
  readonly answer: (error?: Error) => void;
}

/** What an append, or a trim, has come to. */
export type Answer<T> = (error: Error | undefined, value: T) => void;

/** The nodes of a log. */
export class SimulatedLogServer {
  readonly time: VirtualTime;
  readonly random: Random;
  /** May be changed at any time. */
  faults: LogFaults;
  bytesMax: number | undefined;
  /** The brokers that are connected to it. */
  readonly clients: Set<SimulatedLog> = new Set();
  /** What brokers have done that the port does not allow. */
  readonly mistakes: string[] = [];
  /** Hears of each record when it is stored. */
  stored: (record: Uint8Array) => void = () => {};
  /** Hears below which sequence somebody removes records. */
  trimming: (below: number) => void = () => {};
  /** Hears when it has lost its end. */
  shrunk: () => void = () => {};
  #first = 1;
  #records: Uint8Array[] = [];
  #bytes = 0;
  #pending: Pending[] = [];
  #isLed = true;
  #electedAt = 0;
  #elections = 0;

  constructor({ time, random, faults = {}, bytesMax }: SimulatedLogOptions) {
    this.time = time;
    this.random = random;
    this.faults = { ...FAULTLESS, ...faults };
    this.bytesMax = bytesMax;
  }

  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#first + this.#records.length - 1;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isLed(): boolean {
    return this.#isLed;
  }

  /** What is stored, oldest first, for who looks at it from outside. */
  get records(): readonly Uint8Array[] {
    return this.#records;
  }

  /** How long something takes on its way. */
  delay(): number {
    const [least, most] = this.faults.delayMs;
    return least + (most - least) * this.random.next();
  }

  /** An append arrives at the leader. */
  append(expected: number, record: Uint8Array, answer: Answer<number>): void {
    if (!this.#isLed) return this.#answerLeaderless(answer);
    const tail = this.last + this.#pending.length;
    if (expected !== tail) {
      const last = this.random.chance(this.faults.silentRefusal) ? undefined : tail;
      const text = `Cannot append: the last sequence is ${tail}; ${expected} was expected`;
      return answer(new RefusedError(text, "sequence", last), 0);
    }
    const used = this.#pending.reduce((sum, one) => sum + one.record.length, this.#bytes);
    if (this.bytesMax !== undefined && used + record.length > this.bytesMax) {
      return answer(new RefusedError("Cannot append: the log is full", "full"), 0);
    }
    this.#pending.push({ record, answer: () => answer(undefined, expected + 1) });
    this.time.schedule(this.delay(), () => this.#storeNext());
  }

  /** A read arrives at some node; `lag` records at the end have not. */
  read(sequence: number, lag: number): Uint8Array | undefined {
    if (sequence > this.last - lag) return undefined;
    return this.#records[sequence - this.#first];
  }

  /** How many records the node that answers has not got yet. */
  lag(): number {
    if (!this.random.chance(this.faults.stale)) return 0;
    return this.random.below(Math.min(8, this.#records.length) + 1);
  }

  bounds(answer: Answer<LogBounds>): void {
    const nothing = undefined as unknown as LogBounds;
    if (!this.#isLed) return answer(new LeaderlessError("The log has no leader"), nothing);
    const last = Math.max(this.last - this.lag(), this.#first - 1);
    const { bytesMax } = this;
    const node = `node ${this.#elections % 3 + 1}`;
    const bounds = { first: this.#first, last, bytes: this.#bytes, bytesMax };
    answer(undefined, { ...bounds, leader: node, replicas: 3 });
  }

  trim(below: number, answer: Answer<void>): void {
    if (!this.#isLed) return this.#answerLeaderless(answer);
    if (below > this.last + 1) {
      const text = `Cannot trim: ${below} is behind the end; up to ${this.last + 1} is allowed`;
      return answer(new RangeError(text), undefined);
    }
    this.trimming(below);
    const count = Math.max(0, below - this.#first);
    for (const { length } of this.#records.splice(0, count)) this.#bytes -= length;
    this.#first += count;
    answer(undefined, undefined);
  }

  /** Tells all brokers something. */
  announce(text: string, sender: SimulatedLog): void {
    for (const client of this.clients) {
      if (client !== sender && this.random.chance(this.faults.lostRecord)) continue;
      this.time.schedule(this.delay(), () => client.hear(text));
    }
  }

  /** It has no leader for so long. What was about to be stored is, up to a point. */
  loseLeader(ms: number): void {
    const stored = this.random.below(this.#pending.length + 1);
    for (const { record } of this.#pending.slice(0, stored)) this.#store(record);
    this.#pending = [];
    this.#isLed = false;
    this.#electedAt = Math.max(this.#electedAt, this.time.now + ms);
    this.time.schedule(ms, () => this.#elect());
  }

  /** Its nodes lose their last records, as after a power cut of nodes that do not flush. */
  shrink(count: number): void {
    this.#pending = [];
    const kept = Math.max(0, this.#records.length - count);
    for (const { length } of this.#records.splice(kept)) this.#bytes -= length;
    for (const client of this.clients) client.forgetRecords();
    this.shrunk();
  }

  /** Another writer's record, which fits by its number. */
  intrude(record: Uint8Array): void {
    if (this.#isLed && this.#pending.length === 0) this.#store(record);
  }

  /** A record turns into another one, as on nodes that have split. */
  replace(sequence: number, record: Uint8Array): void {
    this.#records[sequence - this.#first] = record;
  }

  #elect(): void {
    if (this.time.now < this.#electedAt || this.#isLed) return;
    this.#isLed = true;
    this.#elections++;
  }

  /** Sometimes nobody answers at all. */
  #answerLeaderless<T>(answer: Answer<T>): void {
    if (this.random.chance(0.5)) return;
    answer(new LeaderlessError("The log has no leader"), undefined as T);
  }

  #storeNext(): void {
    const next = this.#pending.shift();
    if (next === undefined) return;
    this.#store(next.record);
    next.answer();
  }

  #store(record: Uint8Array): void {
    this.#records.push(record);
    this.#bytes += record.length;
    const sequence = this.last;
    this.stored(record);
    for (const client of this.clients) {
      if (this.random.chance(this.faults.lostRecord)) continue;
      this.time.schedule(this.delay(), () => client.receive(sequence, record));
    }
  }
}
