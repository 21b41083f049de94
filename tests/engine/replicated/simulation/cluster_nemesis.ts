/**
 * What happens to a cluster, by chance: each world has a choice of its own of all that can happen.
 *
 * @module
 */

import type { LogFaults } from "../../../support/log/simulated_log_server.ts";
import type { BrokerLife, ClusterBroker } from "./cluster_broker.ts";
import type { WorldParts } from "./world_parts.ts";

/** After the log has lost something, nothing else happens for so long: it is to be repaired. */
const REPAIR_MS = 5000;

/** What can happen, and how often in comparison. */
const KINDS = {
  kill: 4,
  powerCut: 2,
  pause: 4,
  cut: 3,
  stick: 2,
  leaderless: 2,
  handOver: 3,
  shrink: 2,
  intrude: 2,
  fill: 1,
} as const;

type Kind = keyof typeof KINDS;

/** Does bad things. */
export class ClusterNemesis {
  readonly #parts: WorldParts;
  readonly #brokers: readonly ClusterBroker[];
  readonly #kinds: Kind[] = [];
  #repairedAt = 0;
  /** Some broker may be astray: whatever the log loses, it is not to be mended from there. */
  #hasForked = false;
  #isOver = false;

  constructor(parts: WorldParts, brokers: readonly ClusterBroker[]) {
    this.#parts = parts;
    this.#brokers = brokers;
    for (const [kind, weight] of Object.entries(KINDS) as [Kind, number][]) {
      if (parts.random.chance(0.5)) this.#kinds.push(...new Array<Kind>(weight).fill(kind));
    }
    if (this.#kinds.length === 0) this.#kinds.push("kill");
  }

  /** Begins, with something after a while. */
  begin(): void {
    const { server } = this.#parts;
    server.faults = this.#chooseFaults();
    this.#plan();
  }

  /** Undoes everything. */
  end(): void {
    const { server } = this.#parts;
    this.#isOver = true;
    server.faults = { ...server.faults, ...QUIET };
    server.bytesMax = undefined;
    for (const broker of this.#brokers) {
      this.#heal(broker.life);
      // Who takes nothing over does not look, and has another log than the others.
      if (!broker.mayBeAstray || broker.life?.isServing) continue;
      broker.empty();
      broker.startIn(100);
    }
  }

  #chooseFaults(): LogFaults {
    const { random } = this.#parts;
    const some = (most: number) => random.chance(0.5) ? random.next() * most : 0;
    return {
      delayMs: [0, random.pick([0.2, 3, 30])],
      reordered: some(0.1),
      late: some(0.01),
      lostRequest: some(0.01),
      lostAnswer: some(0.02),
      doubled: some(0.02),
      stale: some(0.3),
      lostRecord: some(0.2),
      silentRefusal: some(0.5),
    };
  }

  #plan(): void {
    const { time, random } = this.#parts;
    time.schedule(200 + random.next() * 4000, () => {
      if (this.#isOver) return;
      if (time.now >= this.#repairedAt) this.#strike(random.pick(this.#kinds));
      this.#plan();
    });
  }

  #strike(kind: Kind): void {
    const { counts, random } = this.#parts;
    const broker = this.#chooseBroker();
    counts.faults++;
    if (kind === "kill" || kind === "powerCut") this.#kill(broker, kind === "powerCut");
    else if (kind === "pause") this.#pause(broker);
    else if (kind === "cut" || kind === "stick") this.#cut(broker, kind);
    else if (kind === "leaderless") this.#loseLeader(200 + random.below(6000));
    else if (kind === "handOver") this.#handOver();
    else if (kind === "shrink") this.#shrinkSoon();
    else if (kind === "intrude") this.#intrude();
    else this.#fill();
  }

  /** The active one is hit more often. */
  #chooseBroker(): ClusterBroker {
    const { random } = this.#parts;
    const active = this.#brokers.find(({ life }) => life?.isServing);
    return active !== undefined && random.chance(0.5) ? active : random.pick(this.#brokers);
  }

  #kill(broker: ClusterBroker, isPower: boolean): void {
    const { counts, random } = this.#parts;
    if (broker.life === undefined) return;
    if (isPower) counts.powerCuts++;
    counts.kills++;
    broker.kill(isPower);
    broker.startIn(random.pick([50, 500, 3000, 8000]) * (0.5 + random.next()));
  }

  #pause({ life }: ClusterBroker): void {
    const { time, random, counts, tell } = this.#parts;
    if (life === undefined || life.host.isPaused) return;
    const ms = random.pick([100, 1000, 2500, 8000]) * (0.5 + random.next());
    counts.pauses++;
    tell(`${life.name} stands still for ${ms} ms`);
    life.host.pause();
    time.schedule(ms, () => {
      tell(`${life.name} goes on`);
      life.host.wake();
    });
  }

  #cut({ life }: ClusterBroker, kind: "cut" | "stick"): void {
    const { time, random, counts, tell } = this.#parts;
    if (life === undefined) return;
    const { log } = life;
    const ms = random.pick([100, 1000, 2500, 8000]) * (0.5 + random.next());
    counts.cuts++;
    tell(`${life.name} is cut off for ${ms} ms: ${kind}`);
    if (kind === "cut") log.isCutOff = true;
    else log.isStuck = true;
    time.schedule(ms, () => this.#heal(life));
  }

  #heal(life: ClusterBroker["life"]): void {
    if (life === undefined) return;
    life.log.isCutOff = false;
    life.log.isStuck = false;
    if (this.#isOver && life.host.isPaused) life.host.wake();
  }

  #loseLeader(ms: number): void {
    this.#parts.tell(`the log has no leader for ${ms} ms`);
    this.#parts.server.loseLeader(ms);
  }

  #handOver(): void {
    const { tell } = this.#parts;
    const life = this.#brokers.find((broker) => broker.life?.isServing)?.life;
    if (life === undefined) return;
    tell(`${life.name} is to hand over`);
    life.request(() => {
      life.seat.handOver().then(
        () => tell(`${life.name} has handed over`),
        (error) => tell(`${life.name} does not hand over: ${error}`),
      );
    });
  }

  /** Sometimes what is lost has a void record in it. */
  #shrinkSoon(): void {
    const { random, time } = this.#parts;
    if (random.chance(0.5)) return this.#shrink();
    this.#intrude();
    // The active broker may not have read it yet.
    const ms = random.chance(0.5) ? 1000 : random.below(300);
    time.schedule(ms, () => this.#isOver || this.#shrink());
  }

  /** The log loses its end, while somebody is well who has it: the active one, or all others. */
  #shrink(): void {
    const { server, random, counts, tell, time, truth } = this.#parts;
    const lives = this.#brokers.flatMap(({ life }) => life === undefined ? [] : [life]);
    const isWell = ({ host, log }: BrokerLife) => !host.isPaused && !log.isCutOff && !log.isStuck;
    const hasAll = (life: BrokerLife) => isWell(life) && life.sequence >= server.last;
    const active = lives.find((life) => life.isServing && isWell(life));
    if (!server.isLed || lives.length === 0) return;
    if (active === undefined && !lives.every(hasAll)) return;
    // Answers that do not come make it late: somebody else may take over who has less.
    if (server.faults.lostRequest + server.faults.lostAnswer + server.faults.late > 0) return;
    const count = 1 + random.below(12);
    if (server.records.length <= count) return;
    if (this.#hasForked) return;
    if (active !== undefined && !truth.canBeMended(server.last, count, active.sequence)) {
      counts.forks++;
      this.#hasForked = true;
      for (const broker of this.#brokers) broker.mayBeAstray = broker.life !== active;
    }
    counts.shrinks++;
    tell(`the log loses ${count} records of ${server.last}`);
    this.#repairedAt = time.now + REPAIR_MS;
    server.shrink(count);
  }

  /** Somebody else's record is stored, or one once more. */
  #intrude(): void {
    const { server, random, tell } = this.#parts;
    if (server.records.length === 0) return;
    const copy = random.pick(server.records).slice();
    const foreign = new Uint8Array(random.below(100)).fill(7);
    tell("a record intrudes");
    server.intrude(random.chance(0.7) ? copy : foreign);
  }

  /** The log is almost full for a while. */
  #fill(): void {
    const { server, random, time, tell } = this.#parts;
    // What comes once more after it was refused may be stored: brokers end themselves then.
    if (server.faults.doubled > 0) return;
    tell("the log has little room");
    server.bytesMax = server.bytes + random.below(30_000);
    time.schedule(1000 + random.below(6000), () => server.bytesMax = undefined);
  }
}

/** The faults of a log that works. */
const QUIET = {
  delayMs: [0, 2],
  reordered: 0,
  late: 0,
  lostRequest: 0,
  lostAnswer: 0,
  doubled: 0,
  stale: 0,
  lostRecord: 0,
  silentRefusal: 0,
} as const;
