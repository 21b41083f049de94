/**
 * A log in memory, as one broker sees it, in virtual time and with the faults of its server. Everything follows from
 * a seed.
 *
 * @module
 */

import type {
  Log,
  LogBounds,
  LogFollowing,
  LogReader,
} from "../../../src/engine/replicated/log.ts";
import { requireExpected, requireSequence } from "./log_arguments.ts";
import type { SimulatedHost } from "./simulated_host.ts";
import type { Answer, SimulatedLogServer } from "./simulated_log_server.ts";

/** After so long whoever has asked something gives up. */
const PATIENCE_MS = 800;
/** So long after its sender has given up a request may still arrive. */
const LATE_MS = 4000;
/** A gap that is not filled by itself is asked for after so long; the end after a longer silence. */
const GAP_MS = 5;
const SILENCE_MS = 250;

type Send<T> = (answer: Answer<T>) => void;

/** A broker's connection to a log. */
export class SimulatedLog implements Log {
  /** Whether nothing comes through, in either direction. */
  isCutOff = false;
  /** Whether the node that it is connected to answers nothing; another one does. */
  isStuck = false;
  readonly #server: SimulatedLogServer;
  readonly #host: SimulatedHost;
  readonly #followings = new Set<Following>();
  readonly #open = new Set<(reason: Error) => void>();
  #heard: ((text: string) => void)[] = [];
  #isClosed = false;
  /** When the last request arrives, and the last answer. */
  readonly #ways = { there: 0, back: 0 };

  constructor(server: SimulatedLogServer, host: SimulatedHost) {
    this.#server = server;
    this.#host = host;
    server.clients.add(this);
  }

  async append(expected: number, record: Uint8Array): Promise<number> {
    requireExpected(expected);
    const sent = record.slice();
    try {
      return await this.#ask("append", (answer) => this.#server.append(expected, sent, answer));
    } finally {
      if (sent.some((byte, index) => byte !== record[index])) {
        this.#server.mistakes.push("a record has changed before its answer");
      }
    }
  }

  async read(sequence: number): Promise<Uint8Array | undefined> {
    requireSequence("read", sequence);
    return await this.#ask("read", (answer) => {
      answer(undefined, this.#server.read(sequence, this.#server.lag())?.slice());
    });
  }

  follow(from: number, reader: LogReader): LogFollowing {
    requireSequence("follow", from);
    this.#requireOpen("follow");
    const following = new Following(this, this.#host, from, reader);
    this.#followings.add(following);
    following.fill();
    return {
      stop: () => {
        following.stop();
        this.#followings.delete(following);
      },
    };
  }

  async bounds(): Promise<LogBounds> {
    return await this.#ask("look at the log", (answer) => this.#server.bounds(answer));
  }

  async trim(below: number): Promise<void> {
    requireSequence("trim", below);
    await this.#ask<void>("trim", (answer) => this.#server.trim(below, answer));
  }

  // deno-lint-ignore require-await
  async changeNode(): Promise<void> {
    this.#requireOpen("change the node");
    this.isStuck = false;
  }

  announce(text: string): void {
    if (this.#isClosed || this.isCutOff || this.isStuck) return;
    this.#server.announce(text, this);
  }

  listen(heard: (text: string) => void): void {
    this.#heard.push(heard);
  }

  // deno-lint-ignore require-await
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#server.clients.delete(this);
    for (const following of this.#followings) following.stop();
    this.#followings.clear();
    this.#heard = [];
    for (const reject of this.#open) reject(new Error("Cannot go on: the log was closed"));
    this.#open.clear();
  }

  /** Its process is dead: what it has sent may still arrive, and nothing comes back. */
  disconnect(): void {
    this.#server.clients.delete(this);
  }

  /** The server sends a record that was stored. */
  receive(sequence: number, record: Uint8Array): void {
    if (this.isCutOff || this.isStuck) return;
    this.#host.run(() => {
      for (const following of this.#followings) following.receive(sequence, record);
    });
  }

  /** What was received and not handed over is of a log that there is no more. */
  forgetRecords(): void {
    for (const following of this.#followings) following.forget();
  }

  /** Another broker announces something. */
  hear(text: string): void {
    if (this.isCutOff || this.isStuck) return;
    this.#host.run(() => {
      for (const heard of this.#heard) heard(text);
    });
  }

  /** Sends something that is answered, in time, too late or never, once or twice. */
  #ask<T>(what: string, send: (answer: Answer<T>) => void): Promise<T> {
    this.#requireOpen(what);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const giveUp = this.#host.schedule(PATIENCE_MS, () => {
      settle(new Error(`Cannot ${what}: the log does not answer in ${PATIENCE_MS} ms`));
    });
    const settle = (error: Error | undefined, value?: T) => {
      giveUp();
      this.#open.delete(fail);
      if (error) reject(error);
      else resolve(value!);
    };
    const fail = (reason: Error) => settle(reason);
    this.#open.add(fail);
    const { random, faults } = this.#server;
    this.#deliver(send, (error, value) => this.#answer(() => settle(error, value)));
    // Nobody waits for the answer to the second one.
    if (random.chance(faults.doubled)) this.#deliver(send, () => {}, random.next() * LATE_MS);
    return promise;
  }

  #deliver<T>(send: Send<T>, answer: Answer<T>, furtherMs = 0): void {
    const { time, random, faults } = this.#server;
    if (random.chance(faults.lostRequest)) return;
    const lateMs = random.chance(faults.late) ? random.next() * LATE_MS : 0;
    // What is cut off, or stuck, may still come through when that has an end.
    const isHeld = this.isCutOff || this.isStuck;
    if (isHeld && random.chance(0.8)) return;
    const heldMs = isHeld ? random.next() * LATE_MS : 0;
    time.schedule(this.#travel("there") + lateMs + furtherMs + heldMs, () => {
      if (!this.isCutOff && !this.isStuck) send(answer);
    });
  }

  #answer(settle: () => void): void {
    const { time, random, faults } = this.#server;
    if (random.chance(faults.lostAnswer)) return;
    time.schedule(this.#travel("back"), () => {
      if (!this.isCutOff && !this.isStuck) this.#host.run(settle);
    });
  }

  /** How long something takes: on one connection it comes behind what was sent before. */
  #travel(way: "there" | "back"): number {
    const { time, random, faults } = this.#server;
    const ms = this.#server.delay();
    if (random.chance(faults.reordered)) return ms;
    this.#ways[way] = Math.max(this.#ways[way], time.now + ms);
    return this.#ways[way] - time.now;
  }

  #requireOpen(what: string): void {
    if (this.#isClosed) throw new Error(`Cannot ${what}: the log is closed; open it anew`);
  }
}

/** Brings records into order, and asks for those that have not come. */
class Following {
  readonly #log: SimulatedLog;
  readonly #host: SimulatedHost;
  readonly #reader: LogReader;
  #next: number;
  /** What has come before its time. */
  readonly #early = new Map<number, Uint8Array>();
  #isStopped = false;
  #isFilling = false;
  #wake: (() => void) | undefined;

  constructor(log: SimulatedLog, host: SimulatedHost, from: number, reader: LogReader) {
    this.#log = log;
    this.#host = host;
    this.#next = from;
    this.#reader = reader;
  }

  receive(sequence: number, record: Uint8Array): void {
    if (this.#isStopped || sequence < this.#next) return;
    this.#early.set(sequence, record);
    this.#handOver();
    if (this.#early.size > 0) this.#planFill(GAP_MS);
  }

  forget(): void {
    this.#early.clear();
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  /** Asks where the log ends, and for what is missing up to there. */
  async fill(): Promise<void> {
    if (this.#isFilling || this.#isStopped) return;
    this.#isFilling = true;
    try {
      const { first, last } = await this.#log.bounds();
      await this.#readUpTo(first, last);
    } catch {
      // It is asked again.
    }
    this.#isFilling = false;
    this.#planFill(SILENCE_MS);
  }

  async #readUpTo(first: number, last: number): Promise<void> {
    if (this.#isStopped) return;
    if (this.#next < first) {
      this.#isStopped = true;
      return this.#reader.trimmed(first);
    }
    if (last < this.#next - 1) return this.#reader.shorter(last);
    while (this.#next <= last && !this.#isStopped) {
      const sequence = this.#next;
      const record = await this.#log.read(sequence);
      if (record === undefined) return;
      if (!this.#isStopped && sequence === this.#next) this.#early.set(sequence, record);
      this.#handOver();
    }
  }

  #planFill(ms: number): void {
    this.#wake?.();
    if (this.#isStopped) return;
    this.#wake = this.#host.schedule(ms, () => void this.fill());
  }

  #handOver(): void {
    for (;;) {
      const record = this.#early.get(this.#next);
      if (record === undefined || this.#isStopped) return;
      this.#early.delete(this.#next);
      // The bytes are valid during the call only; whoever keeps them sees garbage.
      const bytes = record.slice();
      this.#reader.take(this.#next++, bytes);
      bytes.fill(0xee);
    }
  }
}
