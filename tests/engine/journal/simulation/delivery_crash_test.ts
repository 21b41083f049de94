/**
 * Power cuts while messages fail, are rejected, go to the dead letters and come back from there: each
 * of them is in one place afterwards, and what was confirmed is as it was.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EngineUse, TestClock } from "../../engine_use.ts";
import { chooseLength, chooseOffset } from "../../../support/length.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { Random } from "../../../support/random.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";

const MESSAGES = 12;
const STEPS = 40;
const SEEDS = 60;

/** One of so many stories is told. */
const STRIDE = chooseLength({ short: 3, long: 1 });

/** What was confirmed of a message. */
interface Known {
  /** Whether it is in the dead letters, or in its stream, by the last thing that was confirmed. */
  isDead: boolean;
  isGone: boolean;
}

Deno.test("a power cut leaves each message in one place, whatever was under way", async () => {
  for (let seed = 1 + chooseOffset(STRIDE); seed <= SEEDS; seed += STRIDE) await cutPower(seed);
});

async function cutPower(seed: number): Promise<void> {
  const random = new Random(seed);
  const disk = new SimulatedDisk({ seed });
  const clock = new TestClock();
  const open = () =>
    openJournal(disk, {
      segmentBytes: random.pick([2048, 16_384]),
      memoryLimit: 1,
      now: () => clock.now,
      fail: () => {},
    });
  const use = new EngineUse(await open(), { clock, reopen: open });
  await use.createWith("orders", { backoffMs: [10], maxDeliveries: 60_000 });
  const texts = Array.from({ length: MESSAGES }, (_, index) => `message ${index}`);
  await use.publisher("orders", "p").store(...texts);
  const known = new Map<string, Known>();
  for (const text of texts) known.set(text, { isDead: false, isGone: false });
  const worker = new Worker(use, known, random);
  for (let step = 0; step < STEPS; step++) await worker.step();
  // Something is under way when the power goes.
  await worker.beginSomething();
  await turns(random.below(4));
  disk.powerCut();
  use.engine = await open();
  await check(use, known, worker.underWay, seed);
}

/** Does things with messages, and knows what was confirmed. */
class Worker {
  /** What was begun and is not confirmed. */
  readonly underWay: Set<string> = new Set();
  readonly #use: EngineUse;
  readonly #known: Map<string, Known>;
  readonly #random: Random;

  constructor(use: EngineUse, known: Map<string, Known>, random: Random) {
    this.#use = use;
    this.#known = known;
    this.#random = random;
  }

  async step(): Promise<void> {
    const text = this.#random.pick([...this.#known.keys()]);
    const { isDead, isGone } = this.#known.get(text)!;
    if (isGone) return;
    if (isDead) await this.#redrive(text);
    else await this.#work(text);
    this.underWay.delete(text);
  }

  /** Begins something with some messages, and does not wait for it to be confirmed. */
  async beginSomething(): Promise<void> {
    const dead = [...this.#known].filter(([, { isDead }]) => isDead).map(([text]) => text);
    const ids = await Promise.all(dead.map((text) => this.#find("orders.dead", text)));
    const { ready } = await this.#use.engine.getStream("orders");
    const follower = this.#use.follower("orders", { name: "last" });
    const deliveries = await follower.sink.waitFor(ready);
    for (const { text, tag } of deliveries.slice(0, 3)) {
      this.underWay.add(text);
      this.#random.pick([
        () => follower.ack(tag),
        () => follower.nack([tag]),
        () => follower.reject([tag]),
      ])().catch(() => {});
    }
    dead.slice(0, 3).forEach((text) => this.underWay.add(text));
    this.#use.engine.redrive("orders.dead", ids.flat().slice(0, 3)).catch(() => {});
  }

  async #redrive(text: string): Promise<void> {
    const ids = await this.#find("orders.dead", text);
    if (ids.length === 0) return;
    this.underWay.add(text);
    const { count } = await this.#use.engine.redrive("orders.dead", ids);
    if (count > 0) this.#known.get(text)!.isDead = false;
  }

  async #work(text: string): Promise<void> {
    const follower = this.#use.follower("orders", { name: `follower of ${text}` });
    // What loses its follower again and again is held back for so long at most.
    this.#use.advance(30_000);
    const deliveries = await follower.sink.waitFor(1);
    const delivery = deliveries[this.#random.below(deliveries.length)]!;
    this.underWay.add(delivery.text);
    const known = this.#known.get(delivery.text)!;
    switch (this.#random.below(4)) {
      case 0:
        await follower.ack(delivery.tag);
        known.isGone = true;
        break;
      case 1:
        await follower.nack([delivery.tag], { reason: "failed" });
        break;
      default:
        await follower.reject([delivery.tag], "rejected");
        known.isDead = true;
    }
    this.underWay.delete(delivery.text);
    follower.port.close();
  }

  async #find(stream: string, text: string): Promise<number[]> {
    const look = await this.#use.look(stream);
    return look.filter((line) => line.endsWith(` ${text}`)).map((line) => parseInt(line));
  }
}

async function check(
  use: EngineUse,
  known: ReadonlyMap<string, Known>,
  underWay: ReadonlySet<string>,
  seed: number,
): Promise<void> {
  const names = (await use.engine.getStreams()).map(({ name }) => name);
  const alive = await use.look("orders");
  const dead = names.includes("orders.dead") ? await use.look("orders.dead") : [];
  for (const [text, { isDead, isGone }] of known) {
    const count = (lines: readonly string[]) =>
      lines.filter((line) => line.endsWith(` ${text}`)).length;
    const places = [count(alive), count(dead)];
    const about = `seed ${seed}, ${text}, under way: ${underWay.has(text)}`;
    if (underWay.has(text)) {
      // It is in one of the two, or gone if it was being acknowledged; never in both.
      assertEquals(places[0]! + places[1]! <= 1, true, `${about}: ${places}`);
    } else {
      assertEquals(places, isGone ? [0, 0] : isDead ? [0, 1] : [1, 0], about);
    }
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}
