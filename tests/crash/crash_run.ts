/**
 * A run in which a broker is struck down again and again under load, and started again on what it has
 * left. In the end everything is drained, and what clients have seen is checked.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { connect } from "../../client.ts";
import { Checker } from "../support/checking/checker.ts";
import { History } from "../support/checking/history.ts";
import { Random } from "../support/random.ts";
import type { Verdict } from "../support/checking/verdict.ts";
import type { Blow, Scene } from "./blow.ts";
import { Load } from "./load.ts";
import { HELD_MAX } from "./recorded_follower.ts";
import { RestartingBroker } from "./restarting_broker.ts";

/** What to do. */
export interface CrashPlan {
  readonly seed: number;
  /** The journal's directory. */
  readonly directory: string;
  /** Flags of the broker. */
  readonly flags?: readonly string[];
  readonly blow: Blow;
  /** How often. */
  readonly count: number;
  /** How many messages each publisher sends between two blows. */
  readonly messages: number;
  /** Which part of the bodies is large. */
  readonly largeShare: number;
  /** How often a broker is killed while it starts. */
  readonly startKillChance: number;
  /** How long it may take from the event that was waited for to the blow, in milliseconds. */
  readonly laterMs: number;
  /** Hears how far the run is, after each blow. */
  readonly tell?: (done: number) => void;
}

/** What a run comes to. */
export interface CrashResult {
  readonly verdict: Verdict;
  /** How many brokers were killed while they started. */
  readonly startKills: number;
  /** How many streams were not there any more when a disk came back. */
  readonly lostStreams: number;
  /** How many messages were left after the drain, an orderly stop and another start. */
  readonly cameBack: number;
}

/** So many files are touched while a broker starts, about. */
const TOUCHES_MAX = 12;

/** After so many blows, followers get the time to take nearly everything. */
const CATCH_UP_EVERY = 20;

/** Runs a plan. */
export async function runCrashes(plan: CrashPlan): Promise<CrashResult> {
  const { seed, directory, flags = [], largeShare } = plan;
  const random = new Random(seed);
  const checker = new Checker();
  const history = new History({ hear: (event) => checker.note(event), keepsEvents: false });
  await using broker = await RestartingBroker.start({ directory, flags, random });
  const { port } = broker;
  const load = await Load.start({ port, history, random, largeShare });
  const run = new CrashRun(plan, { broker, load, random, history });
  try {
    await run.strikeAll();
    await load.drain();
  } finally {
    await load[Symbol.asyncDispose]();
  }
  return {
    verdict: checker.finish(),
    startKills: run.startKills,
    lostStreams: run.lostStreams,
    cameBack: await countLeft(broker),
  };
}

/** A run under way. */
class CrashRun {
  readonly #plan: CrashPlan;
  readonly #scene: Scene;
  readonly #history: History;
  #startKills = 0;
  #lostStreams = 0;

  constructor(plan: CrashPlan, parts: Omit<Scene, "noteStruck"> & { readonly history: History }) {
    const { history, ...scene } = parts;
    this.#plan = plan;
    this.#history = history;
    this.#scene = { ...scene, noteStruck: () => history.record({ type: "faultStruck" }) };
  }

  get startKills(): number {
    return this.#startKills;
  }

  get lostStreams(): number {
    return this.#lostStreams;
  }

  /** Strikes so often, and starts the broker after each blow. */
  async strikeAll(): Promise<void> {
    const { count, messages, tell } = this.#plan;
    const { load } = this.#scene;
    for (let done = 0; done < count; done++) {
      if (done === Math.floor(count / 2)) await this.#createLateStream(done > 0);
      load.allow(messages);
      await this.#waitForMoment();
      await this.#strike();
      tell?.(done + 1);
      // A long run would pile up what followers have no time for.
      if ((done + 1) % CATCH_UP_EVERY === 0) await load.catchUp(messages + HELD_MAX);
    }
    load.allow(messages);
  }

  /** Creates the late stream, when a message for it was refused, if any is being sent. */
  async #createLateStream(isSending: boolean): Promise<void> {
    const history = this.#history;
    if (isSending) {
      await history.waitUntil("a message was refused", () => history.refusedCount > 0);
    }
    await this.#scene.load.createLateStream();
  }

  /** Waits until some of what is to be done is done. */
  async #waitForMoment(): Promise<void> {
    const { messages, laterMs } = this.#plan;
    const { random } = this.#scene;
    const progress = this.#history.progress + random.below(Load.leastProgress(messages));
    await this.#history.waitUntil(
      `there were ${progress} confirms and deliveries`,
      () => this.#history.progress >= progress,
    );
    if (laterMs > 0) await delay(random.below(laterMs));
  }

  async #strike(): Promise<void> {
    const { blow, startKillChance } = this.#plan;
    const { broker, load, random } = this.#scene;
    this.#history.record({ type: "faultBegun", kind: blow.kind });
    await blow.strike(this.#scene);
    this.#history.record({ type: "faultEnded" });
    while (random.chance(startKillChance)) {
      this.#startKills++;
      await broker.startUntil(1 + random.below(TOUCHES_MAX));
      this.#history.record({ type: "faultBegun", kind: "kill" });
      await broker.kill();
      this.#history.record({ type: "faultStruck" });
      this.#history.record({ type: "faultEnded" });
    }
    await broker.restart();
    // Without its streams nothing would go on, and it would not be seen what else is lost.
    if (blow.kind === "cut") this.#lostStreams += await load.createStreamsAgain();
  }
}

/** Stops a broker that has nothing left, starts it again, and counts what has come back. */
async function countLeft(broker: RestartingBroker): Promise<number> {
  await broker.stop();
  await broker.restart();
  await using connection = await connect({ port: broker.port, connectTimeoutMs: 20_000 });
  const streams = await connection.cursor().getStreams();
  return streams.reduce((sum, { ready, pending }) => sum + ready + pending, 0);
}
