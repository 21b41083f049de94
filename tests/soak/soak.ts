/**
 * Brokers under load for as long as one likes, in rounds: clients, streams and faults come and go, then all
 * is drained and closed, and it is looked at what the processes still hold.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { formatVerdict } from "../support/checking/verdict.ts";
import { Random } from "../support/random.ts";
import { recordTlsHello } from "../server/attack/arsenal.ts";
import type { Plant } from "./broker/planted.ts";
import type { Place } from "./load/place.ts";
import { prime } from "./load/prime.ts";
import { Notebook } from "./load/scene.ts";
import { Resident } from "./load/resident.ts";
import { ToldLoad } from "./load/told_load.ts";
import { describeError, letVisit } from "./load/visitors.ts";
import { Town } from "./town.ts";
import { HEAP, takeFigures } from "./watch/figures.ts";
import { Flatness, KEPT_BY_CLIENTS, LOOKS_AGAIN, LOOKS_MIN } from "./watch/flatness.ts";
import { RESIDENT, takeProcessFigures } from "./watch/process_figures.ts";

/** What to do. */
export interface SoakPlan {
  readonly seed: number;
  /** How long, in milliseconds; a few rounds are done in any case. */
  readonly ms: number;
  /** How long there is load in a round, in milliseconds. */
  readonly roundMs: number;
  /** How many visitors each broker has at a time. */
  readonly visitors: number;
  /** What is wrong with one of the brokers. */
  readonly plant?: Plant;
  /** Aborted to end before, with the round under way. */
  readonly signal?: AbortSignal;
  /** Hears how far it is. */
  readonly tell: (line: string) => void;
}

/** What came of it. */
export interface SoakResult {
  readonly rounds: number;
  /** What has grown, by process; and what clients have seen that must not be. */
  readonly growths: readonly string[];
  readonly findings: readonly string[];
  /** What was done, and how often. */
  readonly counts: ReadonlyMap<string, number>;
}

/** What brokers remember of clients and messages that have gone, they remember for less than this. */
const LEAP_MS = 25 * 60_000;

/** How long a broker takes to look after what is due, in milliseconds. */
const SETTLE_MS = 1500;

/** Connections that are open for so long after their clients have left stay open, in milliseconds. */
const LEAVE_MS = 60_000;

/** How often the mortal broker is killed in a round. */
const KILLS = 1;

/** Runs a plan. */
export async function soak(plan: SoakPlan): Promise<SoakResult> {
  await using town = await Town.open(new Random(plan.seed), plan.plant);
  const notebook = new Notebook();
  // A promise that nobody has an eye on must not end the run, but is a mistake.
  using _ = listenTo("unhandledrejection", (event) => {
    event.preventDefault();
    notebook.find(`nobody handles: ${describeError(event.reason)}`);
  });
  await Promise.all(town.places.map(prime));
  const run = new Soak({ plan, town, notebook, tlsHello: await recordTlsHello() });
  try {
    await run.open();
    const end = performance.now() + plan.ms;
    const isStopped = () => plan.signal?.aborted === true;
    while (!isStopped() && (performance.now() < end || run.rounds < LOOKS_MIN)) await run.round();
    if (!isStopped() && run.doubt()) {
      for (let left = LOOKS_AGAIN; left > 0 && !isStopped(); left--) await run.round();
    }
    await run.close();
  } catch (error) {
    // What was seen until then is told, too.
    notebook.find(`round ${run.rounds} does not come to its end: ${describeError(error)}`);
  }
  return run.judge();
}

/** Listens to rejections that nobody handles, until it is disposed. */
function listenTo(
  type: "unhandledrejection",
  listen: (event: PromiseRejectionEvent) => void,
): Disposable {
  globalThis.addEventListener(type, listen);
  return { [Symbol.dispose]: () => globalThis.removeEventListener(type, listen) };
}

interface SoakParts {
  readonly plan: SoakPlan;
  readonly town: Town;
  readonly notebook: Notebook;
  readonly tlsHello: Uint8Array;
}

/** A run under way. */
class Soak {
  readonly #plan: SoakPlan;
  readonly #town: Town;
  readonly #tlsHello: Uint8Array;
  readonly #random: Random;
  readonly #notebook: Notebook;
  /** By process: the brokers, and the one of the clients. */
  readonly #flatness: ReadonlyMap<string, Flatness>;
  readonly #residents = new Map<Place, Resident>();
  #rounds = 0;
  /** How many findings were told. */
  #told = 0;

  constructor({ plan, town, notebook, tlsHello }: SoakParts) {
    this.#notebook = notebook;
    this.#plan = plan;
    this.#town = town;
    this.#tlsHello = tlsHello;
    this.#random = new Random(plan.seed ^ 0x5eed);
    this.#flatness = new Map([
      ...town.places.map(({ name }) => [name, new Flatness()] as const),
      ["clients", new Flatness(KEPT_BY_CLIENTS)],
    ]);
  }

  get rounds(): number {
    return this.#rounds;
  }

  /** Has somebody stay with each broker that is not killed. */
  async open(): Promise<void> {
    for (const place of this.#town.places) {
      if (!place.isMortal) this.#residents.set(place, await Resident.open(place));
    }
  }

  /** Lets those leave who have stayed. */
  async close(): Promise<void> {
    for (const resident of this.#residents.values()) await resident[Symbol.asyncDispose]();
  }

  /** Load, until it is over; then a look. */
  async round(): Promise<void> {
    this.#rounds++;
    const { places } = this.#town;
    const signal = AbortSignal.timeout(this.#plan.roundMs);
    await Promise.all([
      ...places.map((place) => this.#load(place, signal)),
      this.#town.renew(signal),
    ]);
    await Promise.all(places.map((place) => this.#look(place)));
    const roots = [...this.#residents.values()].flatMap((resident) => resident.roots);
    const own = { ...await takeFigures(roots), ...takeProcessFigures(Deno.pid) };
    this.#flatness.get("clients")!.add(own);
    this.#tell();
  }

  /** Begins to look again at what seems to have grown in few looks; returns whether there is anything. */
  doubt(): boolean {
    let isDoubtful = false;
    for (const [name, flatness] of this.#flatness) {
      const growths = flatness.findGrowth();
      if (!flatness.doubt()) continue;
      isDoubtful = true;
      for (const growth of growths) this.#plan.tell(`once more: ${name}: ${growth}`);
    }
    return isDoubtful;
  }

  /** Tells what it has all come to. */
  judge(): SoakResult {
    const growths = [...this.#flatness].flatMap(([name, flatness]) =>
      flatness.findGrowth().map((growth) => `${name}: ${growth}`)
    );
    const complaints = this.#town.places.flatMap(({ name, broker }) =>
      broker.complaints.map((line) => `${name} has logged: ${line}`)
    );
    const { findings, counts } = this.#notebook;
    for (const { name, relay } of this.#town.places) {
      counts.set(`connections of ${name} cut in the midst`, relay.cutCount);
    }
    return { rounds: this.#rounds, growths, findings: [...findings, ...complaints], counts };
  }

  async #load(place: Place, signal: AbortSignal): Promise<void> {
    const { visitors: count } = this.#plan;
    const notebook = this.#notebook;
    const id = `${place.name}${this.#rounds}`;
    const random = new Random(this.#random.below(2 ** 32));
    const told = await ToldLoad.start(place, id, random);
    const visiting = letVisit({
      place,
      notebook,
      random,
      count,
      id,
      tlsHello: this.#tlsHello,
      signal,
      // What is done for the first time later would seem to be more than before.
      areAll: this.#rounds === 1,
    });
    const staying = this.#residents.get(place)?.work(this.#rounds, notebook);
    const killing = place.isMortal ? this.#kill(told, random, signal) : undefined;
    place.relay.isHealed = false;
    await Promise.all([told.run(signal), killing]);
    place.relay.isHealed = true;
    await Promise.all([visiting, staying]);
    const beganAt = performance.now();
    const verdict = await told.finish();
    notebook.time(`${place.name}: the drain`, performance.now() - beganAt);

    for (const example of verdict.examples) notebook.find(`${place.name}: ${example}`);
    if (!verdict.isClean) notebook.find(`${place.name}: ${formatVerdict(verdict)}`);
    for (const what of ["confirmed", "delivered", "repeated", "acked"] as const) {
      notebook.count(`messages ${what}`, verdict[what]);
    }
    await this.#sweep(place);
  }

  async #kill(told: ToldLoad, random: Random, signal: AbortSignal): Promise<void> {
    for (let kills = 0; kills < KILLS; kills++) {
      const ms = this.#plan.roundMs * (0.2 + random.next() * 0.6) / KILLS;
      await delay(ms, { signal }).catch(() => {});
      await told.kill();
      this.#notebook.count("kills");
    }
  }

  /** Removes what visits have left behind that were cut short. */
  async #sweep(place: Place): Promise<void> {
    await using connection = await place.connect({ name: "sweep" });
    const cursor = connection.cursor();
    for (const { name } of await cursor.getSchedules()) await cursor.deleteSchedule(name);
    for (const { name } of await cursor.getStreams()) await cursor.deleteStream(name);
    for (const { name } of await cursor.getLimits()) await cursor.putLimit(name, null);
  }

  /** Looks at what a broker holds when everybody has left. */
  async #look(place: Place): Promise<void> {
    const { name, broker, relay } = place;
    await relay.cut();
    const staying = this.#residents.has(place) ? 1 : 0;
    const end = performance.now() + LEAVE_MS;
    while (await broker.countConnections() > staying) {
      if (performance.now() > end) {
        this.#notebook.find(`${name}: ${await broker.countConnections()} connections stay open`);
        break;
      }
      await delay(20);
    }
    await broker.leap(LEAP_MS);
    await delay(SETTLE_MS);
    this.#flatness.get(name)!.add(await broker.takeFigures());
  }

  #tell(): void {
    const parts = [...this.#flatness].map(([name, flatness]) => {
      const [heap, resident] = [flatness.read(HEAP), flatness.read(RESIDENT)]
        .map((bytes) => (bytes / 2 ** 20).toFixed(1));
      return `${name} ${heap} MiB of heap, ${resident} in all`;
    });
    const { findings, counts } = this.#notebook;
    const confirmed = counts.get("messages confirmed") ?? 0;
    this.#plan.tell(
      `round ${this.#rounds}: ${confirmed} confirmed, ${findings.length} findings; ` +
        `${parts.join("; ")}; ${this.#notebook.takeLongest()}`,
    );
    for (const finding of findings.slice(this.#told)) this.#plan.tell(`  ${finding}`);
    this.#told = findings.length;
  }
}
