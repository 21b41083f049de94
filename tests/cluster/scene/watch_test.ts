/**
 * What a broker says after another one has taken over is found, and what it may say is not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ClusterRole, ClusterStatus } from "../../../protocol.ts";
import type { Timing } from "../../../src/engine/replicated/timing.ts";
import { ClusterHistory } from "../checking/history.ts";
import { Watch } from "./watch.ts";

const LEASE_MS = 2000;

/** Brokers are asked so often. */
const ASK_MS = 100;

/** A broker that says what it is told to. */
class SaidBroker {
  role: ClusterRole = "standby";
  epoch = 0;
  #turns = 1;
  readonly #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  get reign(): string {
    return `${this.#id}#${this.#turns}`;
  }

  ask(): Promise<ClusterStatus> {
    return Promise.resolve({ role: this.role, epoch: this.epoch } as ClusterStatus);
  }

  noteStandby(): void {
    this.#turns++;
  }
}

/** Time that passes when a test says so. */
class StepTiming implements Timing {
  #now = 0;
  #wakes: (() => void)[] = [];

  now(): number {
    return this.#now;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => this.#wakes.push(resolve));
  }

  wakeAll(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }

  /** Lets so many questions be asked and answered. */
  async step(count = 1): Promise<void> {
    for (let left = count; left > 0; left--) {
      this.#now += ASK_MS;
      this.wakeAll();
      // Whoever has been woken asks, hears the answer, and waits again.
      while (this.#wakes.length < 2) await new Promise<void>((resolve) => queueMicrotask(resolve));
    }
  }
}

/** Two brokers that are watched, and what came of it. */
async function watchTwo(
  play: (scene: {
    readonly a: SaidBroker;
    readonly b: SaidBroker;
    readonly watch: Watch<SaidBroker>;
    readonly timing: StepTiming;
  }) => Promise<void>,
): Promise<string[]> {
  const said: string[] = [];
  const history = new ClusterHistory([(event) => {
    if (event.type === "cameLate") said.push(`${event.what} of ${event.reign}`);
    if (event.type === "reignBegan") said.push(`${event.reign} begins ${event.epoch}`);
    if (event.type === "reignEnded") said.push(`${event.reign} ends`);
  }]);
  const timing = new StepTiming();
  const [a, b] = [new SaidBroker("a"), new SaidBroker("b")];
  const watch = new Watch([a, b], history, LEASE_MS, timing);
  await timing.step();
  Object.assign(a, { role: "active", epoch: 1 });
  await timing.step();
  await play({ a, b, watch, timing });
  const over = watch[Symbol.asyncDispose]();
  timing.wakeAll();
  await over;
  return said;
}

Deno.test("a confirm of a broker after a takeover is found, once its lease is over in any case", async () => {
  const said = await watchTwo(async ({ a, b, watch, timing }) => {
    watch.noteWork(a.reign, "confirm");
    Object.assign(b, { role: "active", epoch: 2 });
    await timing.step();
    assertEquals([watch.active, watch.epoch], [b, 2]);
    await timing.step(5);
    // So long it may have been on its way.
    watch.noteWork(a.reign, "delivery");
    await timing.step();
    watch.noteWork(a.reign, "delivery");
    watch.noteWork(b.reign, "confirm");
  });
  assertEquals(said, ["a#1 begins 1", "b#1 begins 2", "delivery of a#1"]);
});

Deno.test("a broker that follows and takes over again in the same process has another reign", async () => {
  const said = await watchTwo(async ({ a, b, watch, timing }) => {
    Object.assign(a, { role: "standby" });
    Object.assign(b, { role: "active", epoch: 2 });
    await timing.step();
    Object.assign(a, { role: "active", epoch: 3 });
    Object.assign(b, { role: "standby" });
    await timing.step(10);
    watch.noteWork(a.reign, "confirm");
  });
  assertEquals(said.filter((line) => line.includes("begins")), [
    "a#1 begins 1",
    "b#1 begins 2",
    "a#2 begins 3",
  ]);
  assertEquals(said.filter((line) => line.includes(" of ")), []);
});
