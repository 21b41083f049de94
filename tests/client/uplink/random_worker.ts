/**
 * A worker that does whatever handlers and their programs do, as a seed says: it ends messages in all
 * ways, holds them, leaves loops, closes followers and connections, loses links. It writes down what
 * must be true of each message, and forgets no promise.
 *
 * @module
 */

import { connect, type Connection, type Follower, type Message } from "../../../mod.ts";
import type { Proxy } from "../../support/wire/proxy.ts";
import type { Random } from "../../support/random.ts";

/** What is known of the messages, over all workers. */
export class Ledger {
  /** Those of which the broker has confirmed that they are done, or among the dead. */
  readonly ended: Set<number> = new Set();
  /** Those that somebody has ended without waiting for the broker's word. */
  readonly said: Set<number> = new Set();
  /** What must not be. */
  readonly faults: string[] = [];
  /** What has happened how often. */
  readonly counts: Map<string, number> = new Map();
  #wanted: [what: string, count: number][] = [];
  #reach = () => {};

  /** Notes that something has happened. */
  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    if (this.#wanted.every(([what, count]) => (this.counts.get(what) ?? 0) >= count)) this.#reach();
  }

  /** Resolves when things have happened so often. */
  reach(wanted: [what: string, count: number][]): Promise<void> {
    this.#wanted = wanted;
    return new Promise((resolve) => this.#reach = resolve);
  }
}

/** Whatever a worker does with one message. */
type Way = (message: Message<number>) => Promise<unknown> | void;

/** Keeps this process from everything else. */
function standStill(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** One worker, on a connection of its own. */
export class RandomWorker {
  readonly #random: Random;
  readonly #proxy: Proxy;
  readonly #ledger: Ledger;
  readonly #promises = new Set<Promise<unknown>>();
  readonly #held: Message<number>[] = [];
  #isEnding = false;

  constructor(random: Random, proxy: Proxy, ledger: Ledger) {
    this.#random = random;
    this.#proxy = proxy;
    this.#ledger = ledger;
  }

  /** How many of its promises have not settled. */
  get openCount(): number {
    return this.#promises.size;
  }

  /** Works until it is told to end, on one connection after the other. */
  async run(): Promise<void> {
    while (!this.#isEnding) await this.#useConnection();
    await Promise.all(this.#promises);
  }

  /** Takes nothing more. */
  end(): void {
    this.#isEnding = true;
  }

  async #useConnection(): Promise<void> {
    const { port } = this.#proxy;
    const connection = await connect({ hostname: "127.0.0.1", port, waitForBroker: true });
    const loops: Promise<void>[] = [];
    for (let round = 0; round < 5 && !this.#isEnding; round++) {
      const prefetch = this.#random.pick(["auto", 1, 5] as const);
      const name = this.#random.pick(["one", "other"]);
      const follower = connection.follower<number>("work", { prefetch, name });
      for (let loop = 0; loop <= this.#random.below(2); loop++) loops.push(this.#loop(follower));
      await this.#pass();
      if (this.#random.chance(0.2)) this.#proxy.cut();
      if (this.#random.chance(0.1)) {
        this.#keep(connection.cursor().releasePel(name).catch(() => this.#ledger.count("no PEL")));
      }
      await this.#pass();
      if (this.#random.chance(0.5)) await this.#close(follower);
    }
    await this.#close(connection);
    // A connection that is closed leaves nothing open.
    await Promise.all(loops);
    for (const message of this.#held.splice(0)) {
      if (!message.signal.aborted) this.#ledger.faults.push(`${message.id} is held by nobody`);
      this.#keep(message.ack().catch(() => {}));
    }
  }

  /** Closes it as somebody might who is patient, or is not. */
  async #close(member: Connection | Follower<number>): Promise<void> {
    const { signal } = new AbortController();
    const options = this.#random.pick([
      { drainMs: 0 },
      { drainMs: 5 },
      { signal: AbortSignal.abort() },
      { drainMs: 5, signal },
    ]);
    await Promise.all([member.close(options), member.close({ drainMs: 5 })]);
  }

  async #loop(follower: Follower<number>): Promise<void> {
    const ending = new AbortController();
    const { signal } = ending;
    const autoAck = this.#random.chance(0.1);
    const leave = new Error("left");
    try {
      for await (const message of follower.getMessages({ signal, autoAck })) {
        this.#take(message);
        await this.#handle(message, autoAck);
        if (this.#random.chance(0.02)) break;
        if (this.#random.chance(0.02)) throw leave;
        if (this.#random.chance(0.02)) ending.abort(leave);
      }
    } catch (error) {
      if (error !== leave) this.#ledger.count(`ended by ${(error as Error).name}`);
    }
  }

  #take({ id }: Message<number>): void {
    this.#ledger.count("taken");
    if (this.#ledger.ended.has(id)) this.#ledger.faults.push(`${id} came after it was ended`);
  }

  async #handle(message: Message<number>, autoAck: boolean): Promise<void> {
    const { id } = message;
    if (autoAck) {
      this.#ledger.said.add(id);
      if (this.#random.chance(0.5)) await message.ack();
      return;
    }
    const [isAwaited, isSlow] = [this.#random.chance(0.5), this.#random.chance(0.1)];
    if (isSlow) await this.#pass();
    if (this.#random.chance(0.02)) standStill(this.#random.below(20));
    const ended = this.#keep(Promise.resolve(this.#random.pick(this.#ways)(message)));
    if (isAwaited) await ended;
  }

  /** Everything that can be done to a message; what is likely stands there twice. */
  readonly #ways: readonly Way[] = [
    (message) => this.#say(message, () => message.ack()),
    (message) => this.#say(message, () => message.ack()),
    (message) => this.#confirm(message, () => message.ack({ confirm: true })),
    (message) => this.#confirm(message, () => message.ack({ confirm: true })),
    (message) => this.#confirm(message, () => message.reject("no", { confirm: true })),
    (message) => this.#say(message, () => message.reject("no")),
    (message) => message.nack({ delayMs: 0 }).catch(() => {}),
    (message) => message.nack({ delayMs: 0, confirm: true }).catch(() => {}),
    (message) => message.release().catch(() => {}),
    (message) => message.release({ confirm: true }).catch(() => {}),
    (message) => message.extend(60_000).catch(() => {}).then(() => this.#hold(message)),
    (message) => this.#giveUp(message),
    (message) => this.#hold(message),
    () => {},
  ];

  /** Ends it for good, plainly; it may come again. */
  #say({ id }: Message<number>, end: () => Promise<void>): Promise<void> {
    this.#ledger.said.add(id);
    return end().catch(() => this.#ledger.count("refused"));
  }

  /** Ends it for good, and waits for the broker's word: then it never comes again. */
  #confirm(message: Message<number>, end: () => Promise<void>): Promise<void> {
    const { id, signal } = message;
    this.#ledger.said.add(id);
    return end().then(() => {
      this.#ledger.ended.add(id);
      this.#ledger.count("confirmed");
      if (signal.aborted) this.#ledger.faults.push(`${id} was ended, and its signal aborted`);
    }, (error) => {
      this.#ledger.count("not confirmed");
      if (!signal.aborted) this.#ledger.faults.push(`${id}: the end failed, not its signal`);
      else if (!(error instanceof Error)) this.#ledger.faults.push(`${id}: ${error}`);
    });
  }

  /** Does not wait for the answer that it has asked for. */
  #giveUp(message: Message<number>): Promise<void> {
    const waiting = new AbortController();
    this.#ledger.said.add(message.id);
    const acked = message.ack({ confirm: true, signal: waiting.signal }).catch(() => {});
    waiting.abort(new Error("enough"));
    return acked;
  }

  /** Works on it while others come. */
  #hold(message: Message<number>): void {
    this.#held.push(message);
    if (this.#held.length <= 5) return;
    const [other] = this.#held.splice(this.#random.below(this.#held.length), 1);
    this.#keep(this.#say(other!, () => other!.ack()));
  }

  /** Lets the event loop look at its sockets a few times: it does so when it has nothing to do. */
  async #pass(): Promise<void> {
    for (let count = this.#random.below(6); count >= 0; count--) {
      await new Promise<void>((resolve) => void setTimeout(resolve, 1));
    }
  }

  #keep<T>(promise: Promise<T>): Promise<T> {
    this.#promises.add(promise);
    promise.finally(() => this.#promises.delete(promise));
    return promise;
  }
}
