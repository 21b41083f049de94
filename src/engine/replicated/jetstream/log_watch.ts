import type { JetStreamLog } from "./jetstream_log.ts";
import { NatsRefusal } from "./nats_nodes.ts";
import { askNode, type NodeState } from "./node_monitor.ts";
import { compareReplicas } from "./replica_comparison.ts";

/** What a confirm of the log promises. */
export type LogDurability = "replicated" | "replicated, not flushed";

/** How to look at the nodes that keep a log. */
export interface LogWatchOptions {
  readonly log: JetStreamLog;
  readonly replicas: number;
  /** The monitoring addresses of the nodes. */
  readonly monitoring: readonly string[];
  /** Whether all nodes must flush before they answer. */
  readonly requireSync: boolean;
  readonly report: (level: "warning", message: string) => void;
  /** So long between two comparisons of the replicas, and within one between two looks, in milliseconds. */
  readonly compareMs?: number;
  readonly betweenMs?: number;
}

const HOUR_MS = 3_600_000;

/** So long until replicas are compared again that differed, or could not be looked at, in milliseconds. */
const DIFFERED_MS = 60_000;

/** So long a node may take to tell of itself, in milliseconds. */
const ANSWER_MS = 5_000;

/** So long until nodes are asked again that did not answer, in milliseconds. */
const AGAIN_MS = 1_000;
const UNKNOWN_MS = 30_000;

/** So long between the two looks of a comparison, in milliseconds. */
const BETWEEN_MS = 10_000;

/** A sample: so many records, each read so often, as any of the replicas may answer. */
const SAMPLE = { records: 8, reads: 8 };

/**
 * Looks at the nodes that keep a log, beside the log: whether they flush before they answer, and once an hour
 * whether they have the same; each minute while they do not.
 */
export class LogWatch {
  readonly #options: LogWatchOptions;
  /** The nodes by their addresses, as they were seen last. */
  readonly #seen = new Map<string, NodeState>();
  #differences: readonly string[] = [];
  #isFlushing = false;
  #isClosed = false;
  readonly #ending = Promise.withResolvers<void>();
  #work: Promise<void> = Promise.resolve();

  private constructor(options: LogWatchOptions) {
    this.#options = options;
  }

  /**
   * Looks at the nodes for the first time; waits until most of them have answered.
   *
   * @throws {NatsRefusal} If a node does not flush although that is required.
   */
  static async open(options: LogWatchOptions): Promise<LogWatch> {
    const watch = new LogWatch(options);
    void options.log.closed.then(() => watch.#end());
    await watch.#begin();
    watch.#work = watch.#goOn();
    return watch;
  }

  get durability(): LogDurability {
    return this.#isFlushing ? "replicated" : "replicated, not flushed";
  }

  /** What an operator should look at, a sentence each. */
  get problems(): readonly string[] {
    return [...this.#tellLax(), ...this.#differences];
  }

  /** Resolves when it looks no more, after the log was closed. */
  get ended(): Promise<void> {
    return this.#work;
  }

  /** Compares the replicas now. */
  async compare(): Promise<void> {
    const { replicas, betweenMs = BETWEEN_MS } = this.#options;
    const before = await this.#look();
    await this.#wait(betweenMs);
    if (this.#isClosed) return;
    const after = await this.#look();
    const different = await this.#sample(after).catch(() => []);
    const found = compareReplicas({ replicas, before, after, betweenMs, different });
    for (const one of found) {
      if (!this.#differences.includes(one)) this.#options.report("warning", one);
    }
    this.#differences = found;
  }

  async #begin(): Promise<void> {
    const { monitoring, requireSync, replicas, report } = this.#options;
    if (monitoring.length === 0) return;
    const needed = requireSync ? Math.floor(replicas / 2) + 1 : 0;
    for (let looks = 0;; looks++) {
      await this.#look();
      if (this.#seen.size >= needed) break;
      if (this.#isClosed) throw new Error("Cannot look at the nodes of NATS: the log is closed");
      if (looks % 10 === 0) {
        const silent = this.#silent.join(", ");
        report("warning", `nodes of NATS do not tell of themselves, trying on: ${silent}`);
      }
      await this.#wait(AGAIN_MS);
    }
    const [lax] = this.#tellLax();
    if (lax !== undefined) throw new NatsRefusal(`Cannot use the log: ${lax}`);
    const { length } = this.#silent;
    this.#isFlushing = this.#findLax().length === 0 && (requireSync || length === 0);
    if (length > 0) {
      report(
        "warning",
        `whether these nodes of NATS flush before they answer is not known yet: ` +
          this.#silent.join(", "),
      );
    }
  }

  /** Asks again: soon where something is not known or not good, once an hour otherwise. */
  async #goOn(): Promise<void> {
    const { monitoring, compareMs = HOUR_MS, report } = this.#options;
    if (monitoring.length === 0) return;
    let compareAt = performance.now() + Math.min(compareMs, 60_000);
    while (!this.#isClosed) {
      const waitMs = Math.max(0, compareAt - performance.now());
      await this.#wait(this.#silent.length > 0 ? Math.min(waitMs, UNKNOWN_MS) : waitMs);
      if (this.#isClosed) return;
      const before = this.#tellLax();
      if (performance.now() < compareAt) await this.#look();
      else {
        await this.compare();
        const isGood = this.#differences.length === 0;
        compareAt = performance.now() + (isGood ? compareMs : Math.min(compareMs, DIFFERED_MS));
      }
      for (const one of this.#tellLax()) if (!before.includes(one)) report("warning", one);
    }
  }

  /** Asks all nodes; those that do not answer are left out. */
  async #look(): Promise<NodeState[]> {
    const { monitoring, log } = this.#options;
    const states = await Promise.all(monitoring.map(async (address) => {
      const state = await askNode(address, log.names, ANSWER_MS).catch(() => undefined);
      if (state !== undefined) this.#seen.set(address, state);
      return state;
    }));
    return states.filter((state) => state !== undefined);
  }

  /** Reads some records several times: finds those that are not always the same. */
  async #sample(states: readonly NodeState[]): Promise<number[]> {
    const replicas = states.flatMap(({ replica }) => replica ?? []);
    if (replicas.length === 0) return [];
    const first = Math.max(...replicas.map((replica) => replica.first));
    const count = Math.min(...replicas.map(({ last }) => last)) - first + 1;
    const different: number[] = [];
    for (let index = 0; index < Math.min(SAMPLE.records, count); index++) {
      const sequence = first + Math.floor(Math.random() * count);
      const sums = new Set<string>();
      for (let reads = 0; reads < SAMPLE.reads && !this.#isClosed; reads++) {
        const record = await this.#options.log.readAnywhere(sequence);
        // It may have been trimmed meanwhile.
        if (record !== undefined) sums.add(await digest(record));
      }
      if (sums.size > 1) different.push(sequence);
    }
    return different;
  }

  get #silent(): string[] {
    return this.#options.monitoring.filter((address) => !this.#seen.has(address));
  }

  /** The nodes that answer before they flush. */
  #findLax(): string[] {
    const lax = [...this.#seen.values()].filter(({ isFlushing }) => isFlushing === false);
    return lax.map(({ name }) => name).sort();
  }

  #tellLax(): string[] {
    const lax = this.#options.requireSync ? this.#findLax() : [];
    if (lax.length === 0) return [];
    const names = lax.join(", ");
    return [
      `nodes of NATS answer before they flush: ${names}; allowed "sync_interval: always" among ` +
      `their settings of jetstream, or "cluster.require_sync" false here`,
    ];
  }

  #end(): void {
    this.#isClosed = true;
    this.#ending.resolve();
  }

  /** Waits for a time, but not beyond the end. */
  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([promise, this.#ending.promise]);
    clearTimeout(timer);
  }
}

async function digest(record: Uint8Array): Promise<string> {
  const copy = new Uint8Array(record);
  return String(new Uint8Array(await crypto.subtle.digest("SHA-256", copy)));
}
