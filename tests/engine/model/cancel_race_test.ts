/**
 * Races of cancelling with everything that ends a delivery, and crashes in the middle of them: exactly one
 * wins, the answers say which one, and what was answered holds after the crash. A longer run is
 * `CANCEL_SEEDS=20000 deno test -A tests/engine/model/cancel_race_test.ts`: about fifty races in each.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers/promises";
import { BrokerError } from "../../../protocol.ts";
import { LocalEngine } from "../../../src/engine/local_engine.ts";
import { Random } from "../../support/random.ts";
import { ArrayLog, EventArray } from "../array_log.ts";
import { EngineUse, type Following, single, TestClock, upTo } from "../engine_use.ts";

const SEEDS = Number(Deno.env.get("CANCEL_SEEDS") ?? 20);
const SEED = Number(Deno.env.get("CANCEL_SEED") ?? 1);

/** How many messages there are in a run; most of them are raced for. */
const COUNT = 40;

/** What is done with a message, and what became of it: nothing yet, `done`, a code, or what it was. */
interface Attempt {
  readonly act: "ack" | "nack" | "reject" | "release" | "cancel" | "bury";
  outcome?: string;
}

const ACTS = ["ack", "ack", "nack", "reject", "release", "cancel", "cancel", "bury"] as const;

/** A broker whose log is in an array, and that ends when a run says so. */
class Race {
  readonly random: Random;
  readonly array: EventArray = new EventArray();
  readonly clock: TestClock = new TestClock();
  readonly log: ArrayLog = new ArrayLog(this.array);
  /** What was done with each message, by id. */
  readonly attempts: Map<number, Attempt[]> = new Map();

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  async open(array: EventArray, log: ArrayLog = new ArrayLog(array)): Promise<EngineUse> {
    const engine = await LocalEngine.open({ log, now: () => this.clock.now });
    return new EngineUse(engine, { clock: this.clock });
  }

  /** Does something with a message; the outcome is noted when it is known. */
  begin(use: EngineUse, follower: Following, id: number): void {
    const attempt: Attempt = { act: this.random.pick(ACTS) };
    const { act } = attempt;
    this.attempts.set(id, [...this.attempts.get(id) ?? [], attempt]);
    const call = async (): Promise<string> => {
      if (act === "cancel" || act === "bury") {
        const isDeadLetter = act === "bury";
        return (await use.engine.cancelMessage("orders", id, { isDeadLetter })).was;
      }
      const { port } = follower;
      const tags = [single(id)];
      if (act === "ack") await port.ack(tags, true);
      else if (act === "nack") await port.nack(tags, { reason: "", delayMs: 1e9 }, true);
      else if (act === "reject") await port.reject(tags, "", true);
      else port.release(tags);
      return "done";
    };
    call().then((outcome) => attempt.outcome = outcome, (error) => {
      assert(error instanceof BrokerError, `${error}`);
      attempt.outcome = error.code;
    });
  }

  /** Checks what was answered for a message, by the states that it is in now: in its stream, or dead. */
  check(id: number, places: readonly string[]): void {
    const attempts = this.attempts.get(id) ?? [];
    const told = `${id}: ${JSON.stringify(attempts)}, now ${places}`;
    assert(places.length <= 1, told);
    const ends = attempts.filter(({ act, outcome }) =>
      act === "ack" || act === "reject"
        ? outcome === "done"
        : (act === "cancel" || act === "bury") && outcome !== undefined && outcome !== "gone"
    );
    // One thing ends a message, and nothing that comes later has it.
    assert(ends.length <= 1, told);
    const [end] = ends;
    if (end === undefined) return;
    if (end.act === "ack" || end.act === "cancel") assertEquals(places, [], told);
    else assert(places.length === 0 || places[0] === "orders.dead", told);
    const later = attempts.slice(attempts.indexOf(end) + 1);
    for (const { outcome } of later) {
      assert(outcome === undefined || /^gone|STALE_DELIVERY/.test(outcome), told);
    }
  }
}

/** The ids of the messages that are in a stream, as they were in `orders`. */
async function idsIn(use: EngineUse, stream: string): Promise<number[]> {
  if (!use.engine.hasStream(stream)) return [];
  return (await use.look(stream)).map((line) => Number(line.split(" ").at(-1)));
}

async function placesOf(use: EngineUse): Promise<(id: number) => string[]> {
  const alive = new Set(await idsIn(use, "orders"));
  const dead = await idsIn(use, "orders.dead");
  return (
    id,
  ) => [
    ...alive.has(id) ? ["orders"] : [],
    ...dead.filter((one) => one === id).map(() => "orders.dead"),
  ];
}

/** One run: races, and perhaps a crash. */
async function run(seed: number): Promise<void> {
  const race = new Race(seed);
  const { random, log, array } = race;
  const use = await race.open(array, log);
  await use.create("orders");
  await use.publisher("orders").store(...upTo(COUNT).map(String));
  const follower = use.follower("orders", { reportsBegin: random.chance(0.5) });
  await follower.received(COUNT);
  const messages = follower.sink.messages.length;
  for (let step = 0; step < 60; step++) {
    log.isHeld = random.chance(0.3);
    // Several of one turn, some of them for one message.
    const id = 1 + random.below(COUNT);
    race.begin(use, follower, id);
    if (random.chance(0.5)) race.begin(use, follower, id);
    if (random.chance(0.2)) log.flush();
    if (random.chance(0.3)) await setImmediate();
  }
  assertEquals(messages, COUNT);
  // A crash: what is durable by now is all that is left.
  const crashed = new EventArray();
  crashed.events.push(...array.events);
  const seen = structuredClone([...race.attempts]);
  log.isHeld = false;
  log.flush();
  await use.fence();
  await use.fence();
  const placesAfter = await placesOf(use);
  for (const id of upTo(COUNT)) race.check(id, placesAfter(id));
  const again = await race.open(crashed);
  const placesAgain = await placesOf(again);
  race.attempts.clear();
  for (const [id, attempts] of seen) race.attempts.set(id, attempts);
  for (const id of upTo(COUNT)) race.check(id, placesAgain(id));
  await use.engine.close();
  await again.engine.close();
}

Deno.test(`cancelling and everything else: one of them wins, with seeds from ${SEED} on`, async () => {
  for (let seed = SEED; seed < SEED + SEEDS; seed++) {
    try {
      await run(seed);
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
  }
});
