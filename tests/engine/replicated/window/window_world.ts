import { assert, assertEquals } from "@std/assert";
import { Chain } from "../../../../src/engine/replicated/chain.ts";
import { LogDamageError } from "../../../../src/engine/replicated/chain.ts";
import { LeaderlessError } from "../../../../src/engine/replicated/log.ts";
import { Random } from "../../../support/random.ts";
import { type Attempt, ScriptedLog } from "./scripted_log.ts";
import { Broker, LEASE_MS, settle, textOf } from "./window_use.ts";

/** How a world goes. */
export interface WorldOptions {
  readonly seed: number;
  readonly steps: number;
  /** Whether other brokers take over. */
  readonly hasOthers: boolean;
  /** Whether the log loses its end. */
  readonly shrinks: boolean;
}

/** A log with room for some records, which loses, delays and mixes up whatever is on its way. */
export class WindowWorld {
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #log = new ScriptedLog();
  readonly #brokers: WorldBroker[] = [];
  /** When records were stored, by sequence. */
  readonly #storedAt: number[] = [];
  /** All that the log ever had: what it loses is brought back by its broker. */
  #copies: Uint8Array[] = [];
  #now = 0;
  #count = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#log.isPrompt = false;
    this.#log.stored = (sequence) => void (this.#storedAt[sequence] = this.#clock);
  }

  /** Runs it to its end, and checks what has come of it; returns how many appends counted. */
  async run(): Promise<number> {
    this.#addBroker();
    for (let step = 0; step < this.#options.steps; step++) {
      this.#step();
      await this.#elapse(this.#random.below(50));
    }
    await this.#heal();
    this.#check();
    return this.#brokers.reduce((sum, { confirmed }) => sum + confirmed.length, 0);
  }

  #addBroker(): void {
    const broker = new WorldBroker(
      this.#log,
      this.#brokers.length + 1,
      this.#now,
      (last) => this.#repair(last),
    );
    this.#brokers.push(broker);
    broker.takeOver();
  }

  /** The time: a broker that pauses lets it pass. */
  get #clock(): number {
    return this.#brokers.reduce((most, { now }) => Math.max(most, now), this.#now);
  }

  async #elapse(ms: number): Promise<void> {
    await settle();
    this.#now = this.#clock + ms;
    for (const broker of this.#brokers) broker.now = this.#now;
    this.#keepCopies();
  }

  #step(): void {
    const random = this.#random;
    const log = this.#log;
    const { open } = log;
    const moving = log.attempts.filter((one) => !one.hasArrived || !one.isSettled);
    const [what] = this.#choices().filter(([weight]) => (random.below(100) < weight)).map((
      [, name],
    ) => name);
    switch (what) {
      case "append":
        for (let times = random.below(6); times >= 0; times--) this.#append();
        return;
      case "lose":
        if (open.length > 0) {
          random.pick(open).fail(random.chance(0.2) ? new LeaderlessError("nobody") : undefined);
        }
        return;
      case "stale":
        return void log.readings.push(random.chance(0.5) ? "none" : new Error("no answer"));
      case "look":
        return void log.looks.push(
          random.chance(0.5)
            ? new Error("no answer")
            : { last: Math.max(0, log.last - random.below(3)) },
        );
      case "stranger":
        return this.#intrude();
      case "full":
        return void (log.isFull = !log.isFull);
      case "shrink":
        return this.#shrink();
      case "other":
        return this.#brokers.length < 6 ? this.#addBroker() : undefined;
      default:
        if (moving.length > 0) this.#move(random.pick(moving));
    }
  }

  #choices(): [weight: number, name: string][] {
    const { hasOthers, shrinks } = this.#options;
    return [
      [30, "append"],
      [6, "lose"],
      [6, "stale"],
      [3, "look"],
      [hasOthers ? 3 : 0, "stranger"],
      [this.#log.isFull ? 20 : 1, "full"],
      [shrinks ? 3 : 0, "shrink"],
      [hasOthers ? 3 : 0, "other"],
    ];
  }

  #append(): void {
    this.#random.pick(this.#brokers).appendNext(`${this.#count++}`);
  }

  /** Something on its way goes on: to the log, or back. */
  #move(attempt: Attempt): void {
    if (attempt.isSettled || this.#random.chance(0.5)) attempt.arrive();
    else attempt.answer();
  }

  /** A record of an old turn, or none of anybody. */
  #intrude(): void {
    const stray = this.#random.pick(this.#brokers).stray("stray");
    this.#log.records.push(this.#random.chance(0.3) ? new Uint8Array(9) : stray);
  }

  #shrink(): void {
    this.#keepCopies();
    const count = this.#random.below(4);
    this.#log.records.splice(Math.max(1, this.#log.records.length - count));
  }

  #keepCopies(): void {
    if (this.#log.last > this.#copies.length) this.#copies = [...this.#log.records];
  }

  /** As a broker does: it has what it has read. */
  #repair(last: number): Promise<void> {
    const tail = this.#brokers.reduce((most, { chain }) => Math.max(most, chain.sequence), 0);
    if (this.#random.chance(0.3)) return Promise.reject(new Error("no answer"));
    if (last === this.#log.last) this.#log.records.push(...this.#copies.slice(last, tail));
    return Promise.resolve();
  }

  /** Whatever was wrong has an end. */
  async #heal(): Promise<void> {
    this.#log.isFull = false;
    this.#log.readings.length = 0;
    this.#log.looks.length = 0;
    await this.#rest();
    // What the log has lost is missed by the next append.
    for (const broker of this.#brokers) broker.appendNext(`${this.#count++}`);
    await this.#rest();
  }

  async #rest(): Promise<void> {
    for (let rounds = 0; rounds < 1000; rounds++) {
      await this.#elapse(10);
      const { open } = this.#log;
      if (open.length === 0 && this.#brokers.every(({ isBusy }) => !isBusy)) return;
      for (const attempt of open) attempt.answer();
    }
    throw new Error("it never comes to rest");
  }

  #check(): void {
    const chain = new Chain();
    const counted = this.#log.records.map((record, index) => {
      const { kind } = chain.take(index + 1, record);
      return kind === "bytes" ? textOf(record) : kind;
    });
    const texts = counted.filter((text) => /^\d/.test(text));
    assertEquals(new Set(texts).size, texts.length, "nothing counts twice");
    for (const broker of this.#brokers) broker.check(counted, texts, this.#storedAt);
  }
}

/** A broker of a world, which tries to take over until it does. */
class WorldBroker extends Broker {
  /** What was confirmed, and what was refused for want of room. */
  readonly confirmed: string[] = [];
  readonly refused: string[] = [];
  /** What was counted, by sequence. */
  readonly seen = new Map<number, string>();
  #isTaking = false;
  #isActive = false;

  constructor(
    log: ScriptedLog,
    owner: number,
    now: number,
    repair: (last: number) => Promise<void>,
  ) {
    super(log, owner, {
      repair,
      counted: (sequence, { kind }, bytes) => {
        assert(!this.seen.has(sequence), "a sequence is told once");
        this.seen.set(sequence, kind === "bytes" ? textOf(bytes) : kind);
      },
    });
    this.now = now;
  }

  get isBusy(): boolean {
    return this.#isTaking || this.window.pendingCount > 0;
  }

  override async takeOver(): Promise<void> {
    this.#isTaking = true;
    for (let tries = 0; !this.#isActive && tries < 20; tries++) {
      try {
        this.catchUp();
        await super.takeOver();
        this.#isActive = true;
      } catch (error) {
        // Somebody else was first, or there is no room.
        assert(error instanceof Error && error.name === "RefusedError", String(error));
        await settle();
      }
    }
    this.#isTaking = false;
  }

  appendNext(text: string): void {
    if (!this.#isActive) return;
    this.window.append(2, this.window.position, new TextEncoder().encode(text)).then(
      () => void this.confirmed.push(text),
      ({ name, why, message }) => {
        assert(name === "FencedError" || why === "full", `${name}: ${message}`);
        if (why === "full") this.refused.push(text);
      },
    );
  }

  check(counted: readonly string[], texts: readonly string[], storedAt: readonly number[]): void {
    const places = this.confirmed.map((text) => texts.indexOf(text));
    assert(places.every((place) => place >= 0), "what is confirmed counts");
    assertEquals(places, places.toSorted((one, other) => one - other), "the order is kept");
    assertEquals(this.refused.filter((text) => texts.includes(text)), [], "refused, and there");
    for (const [sequence, text] of this.seen) {
      assertEquals(text, counted[sequence - 1], `${sequence}`);
    }
    const own = [...this.seen].filter(([, text]) => text !== "void").map(([sequence]) => sequence);
    const sentAt = this.lease.endsAt - LEASE_MS * 3 / 4;
    if (own.length > 0) assert(sentAt <= storedAt[own.at(-1)!]!, "the lease is too long");
    assert(!(this.window.failure instanceof LogDamageError), this.window.failure?.message);
  }
}
