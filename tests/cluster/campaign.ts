/**
 * A cluster under load to which things are done, in chapters: at the end of each, everything is drained and
 * checked.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { ClusterHistory } from "./checking/history.ts";
import { HistoryChecker } from "./checking/history_checker.ts";
import type { Fault, Mend } from "./faults/fault.ts";
import { Load } from "./load/load.ts";
import { StandstillMeter, type Standstills } from "./load/standstill.ts";
import type { Random } from "../support/random.ts";
import { Scene, type SceneOptions } from "./scene/scene.ts";
import { readStream } from "./scene/stream_state.ts";

/** What to begin with. */
export interface CampaignOptions extends Omit<SceneOptions, "history"> {
  readonly random: Random;
}

/** What is done shows after so long, in milliseconds. */
const SHOWS_MS = 500;

/** Clients stand still no more when something has come in so many milliseconds. */
const FLOWING_MS = 150;

/** They do again after so long, at most, once everything is mended. */
const PATIENCE_MS = 60_000;

/** A cluster, and what clients see of it. */
export class Campaign implements AsyncDisposable {
  readonly checker: HistoryChecker;
  readonly meter: StandstillMeter;
  readonly scene: Scene;
  readonly #random: Random;
  readonly #history: ClusterHistory;
  #load: Load | undefined;
  #chapters = 0;
  #appends = 0;

  private constructor(
    { scene, random, history, checker, meter }: {
      scene: Scene;
      random: Random;
      history: ClusterHistory;
      checker: HistoryChecker;
      meter: StandstillMeter;
    },
  ) {
    this.scene = scene;
    this.checker = checker;
    this.meter = meter;
    this.#random = random;
    this.#history = history;
  }

  /** Makes the cluster; there is no load yet. */
  static async start({ random, ...options }: CampaignOptions): Promise<Campaign> {
    const [checker, meter] = [new HistoryChecker(), new StandstillMeter()];
    const history = new ClusterHistory([
      (event, at) => checker.note(event, at),
      (event, at) => meter.note(event, at),
    ]);
    const scene = await Scene.start({ ...options, history });
    return new Campaign({ scene, random, history, checker, meter });
  }

  /** How many records the log has had, as far as is known. */
  get appends(): number {
    return this.#appends;
  }

  /** Begins to load the cluster. */
  async beginChapter(): Promise<void> {
    this.#load = await Load.start({
      servers: this.scene.servers,
      history: this.#history,
      findReign: (address) => this.scene.findReign(address),
      seed: this.#random.below(2 ** 32),
      prefix: `${++this.#chapters}-`,
    });
    await this.waitUntilFlowing(performance.now());
  }

  /** Drains everything, and checks it. */
  async endChapter(): Promise<void> {
    try {
      await this.#load?.drain();
    } finally {
      await this.#load?.[Symbol.asyncDispose]();
      this.#load = undefined;
    }
    this.checker.endChapter();
    const stream = await readStream(this.scene.nats.nodes, this.scene.stream);
    this.#appends = Math.max(this.#appends, stream?.lastSequence ?? 0);
    await this.scene.compareCopies();
  }

  /** Does something to the cluster; resolves to what mends it. */
  async strike(fault: Fault): Promise<Mend> {
    this.#history.record({ type: "fault", what: fault.what });
    return await fault.strike(this.scene, this.#random);
  }

  /**
   * Does something, mends it after a time, and if clients go on without that not before they do; waits until
   * the cluster is well. Resolves to how long clients stood still.
   */
  async suffer(fault: Fault, lastsMs: number): Promise<Standstills> {
    this.meter.forget();
    const from = performance.now();
    const mend = await this.strike(fault);
    if (!fault.needsMending) await this.waitUntilFlowing(from + SHOWS_MS);
    await delay(Math.max(0, from + lastsMs - performance.now()));
    await mend();
    await this.waitUntilFlowing(performance.now() + SHOWS_MS);
    await this.scene.settle();
    await this.waitUntilFlowing(performance.now());
    return this.meter.findLongest(from, performance.now());
  }

  /** Resolves when a time has come, and clients do not stand still. */
  async waitUntilFlowing(from: number): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      const now = performance.now();
      if (now >= from && this.meter.quietMs(now) < FLOWING_MS) return;
      if (now > end) throw new Error(`Clients stand still: ${this.#describe()}`);
      await delay(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#load?.[Symbol.asyncDispose]().catch(() => {});
    await this.scene[Symbol.asyncDispose]();
  }

  /** What brokers have written last. */
  #describe(): string {
    const { brokers } = this.scene;
    return brokers.map(({ id, lines }) => `\n${id}:\n${lines.slice(-15).join("\n")}`).join("");
  }
}
