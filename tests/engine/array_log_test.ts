/**
 * The test of the storage port: a log of its own, in an array, does what every log must do, gives the
 * right to append away, and feeds a broker that only follows.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Event, Moved, Published, Transferred } from "../../src/broker/event.ts";
import type { Appender } from "../../src/broker/event_log.ts";
import { LocalEngine } from "../../src/engine/local_engine.ts";
import { turn } from "../support/broker/broker.ts";
import { ArrayLog, EventArray } from "./array_log.ts";
import { engineConformance } from "./engine_conformance.ts";
import { EngineUse, TestClock } from "./engine_use.ts";

engineConformance("array", async (now, report, dateNow) => {
  const array = new EventArray();
  const open = () => LocalEngine.open({ log: new ArrayLog(array), now, report, dateNow });
  return { engine: await open(), reopen: open };
}, { survives: true });

// Each restart is a takeover by a broker that has followed from the beginning.
engineConformance("followed array", async (now, report, dateNow) => {
  const array = new EventArray();
  const begin = (isStandby: boolean) => {
    const log = new ArrayLog(array, isStandby);
    const engine = new LocalEngine({ log, now, report, dateNow });
    return { log, opening: engine.open().then(() => engine) };
  };
  const active = begin(false);
  let standby = begin(true);
  const reopen = () => {
    const { log, opening } = standby;
    log.takeOver();
    standby = begin(true);
    return opening;
  };
  return { engine: await active.opening, reopen };
}, { survives: true });

/** Brokers that share one log, and a clock. */
class Brokers {
  readonly array: EventArray = new EventArray();
  readonly clock: TestClock = new TestClock();

  /** A broker that reads what there is, and decides as soon as its log may be appended to. */
  begin(isStandby = false): { log: ArrayLog; engine: LocalEngine; opening: Promise<EngineUse> } {
    const log = new ArrayLog(this.array, isStandby);
    const engine = new LocalEngine({ log, now: () => this.clock.now });
    const { clock } = this;
    const opening = engine.open().then(() => new EngineUse(engine, { clock, reports: [] }));
    return { log, engine, opening };
  }
}

/** A stream of three durable messages; the first is acknowledged, but that is not durable. */
async function decideTooMuch(use: EngineUse, log: ArrayLog) {
  await use.create("orders");
  const publisher = use.publisher("orders");
  await publisher.store("a", "b", "c");
  const follower = use.follower("orders", { messages: 1 });
  await follower.received(1);
  await use.engine.whenDurable();
  log.isHeld = true;
  const late: string[] = [];
  use.engine.createStream("late").then(() => late.push("created"));
  Promise.resolve(follower.port.ack([{ firstTag: 1, count: 1 }], true))
    .then(() => late.push("acknowledged"));
  publisher.send("d");
  return { publisher, late };
}

/** What must be there: what was durable, and nothing that was only decided. */
async function checkDurable(use: EngineUse): Promise<void> {
  assertEquals((await use.engine.getStreams()).map(({ name }) => name), ["orders"]);
  assertEquals(await use.look("orders"), ["1×1 ready a", "2×0 ready b", "3×0 ready c"]);
  const again = use.publisher("orders", "publisher", { sentUntil: 4 });
  again.sendAs(1, "a", "b", "c");
  again.sendAs(4, "d");
  assertEquals(await again.outcomes(), ["orders:1 again", "orders:4"]);
}

Deno.test("log: a right that is lost undoes what was decided and not durable, and nothing else", async () => {
  const brokers = new Brokers();
  const first = brokers.begin();
  const { publisher, late } = await decideTooMuch(await first.opening, first.log);
  const durable = [...brokers.array.events];
  const second = brokers.begin();
  assertEquals([first.log.lossCount, await publisher.outcomes()], [1, [
    "orders:1",
    "SHUTTING_DOWN",
  ]]);
  await checkDurable(await second.opening);
  // Whatever the first one is still asked for, it adds nothing, and promises nothing.
  const { length } = brokers.array.events;
  publisher.send("e");
  first.engine.createStream("later").then(() => late.push("created"));
  first.log.flush();
  await turn();
  assertEquals(await publisher.outcomes(), ["orders:1", "SHUTTING_DOWN", "SHUTTING_DOWN"]);
  assertEquals([late, brokers.array.events.length], [[], length]);
  assertEquals(brokers.array.events.slice(0, durable.length), durable);
});

Deno.test("log: a broker that follows knows what is durable, serves nothing, and takes over", async () => {
  const brokers = new Brokers();
  const active = brokers.begin();
  const standby = brokers.begin(true);
  let isOpen = false;
  standby.opening.then(() => isOpen = true);
  const { publisher } = await decideTooMuch(await active.opening, active.log);
  const stream = await standby.engine.getStream("orders");
  assertEquals([isOpen, stream.nextId, stream.ready], [false, 4, 0]);
  assertEquals(standby.engine.hasStream("late"), false);
  brokers.clock.now += 5000;
  standby.log.takeOver();
  const use = await standby.opening;
  assertEquals(await publisher.outcomes(), ["orders:1", "SHUTTING_DOWN"]);
  await checkDurable(use);
  const follower = use.follower("orders");
  assertEquals(await follower.received(4), [
    "orders:1×2 a",
    "orders:2×1 b",
    "orders:3×1 c",
    "orders:4×1 d",
  ]);
  await follower.ack(1, 2, 3, 4);
  // What it decides is in the log: a third one knows it.
  const third = await brokers.begin().opening;
  assertEquals(await third.counts("orders"), [0, 0, 0]);
});

Deno.test("log: a broker that follows for long keeps no more than what is there", async () => {
  const brokers = new Brokers();
  const active = brokers.begin();
  const standby = brokers.begin(true);
  const use = await active.opening;
  await use.create("orders");
  const [publisher, follower] = [use.publisher("orders"), use.follower("orders")];
  for (let round = 1; round <= 50; round++) {
    await publisher.store(...new Array<string>(100).fill("x"));
    await follower.received(100 * round);
    await follower.port.ack([{ firstTag: 100 * round - 99, count: 100 }], true);
  }
  assertEquals(standby.engine.bytes, 0);
  const [stream] = standby.engine.state.router.streams;
  assertEquals(stream!.backlog.findRuns(), []);
  standby.log.takeOver();
  assertEquals((await (await standby.opening).engine.getStream("orders")).nextId, 5001);
});

Deno.test("log: a broker that follows can be tended, and closed before it takes over", async () => {
  const brokers = new Brokers();
  const use = await brokers.begin().opening;
  await use.create("orders");
  const { engine } = brokers.begin(true);
  const { length } = brokers.array.events;
  assertEquals([engine.tick(5000), engine.tend(60_000)], [Infinity, Infinity]);
  await engine.close();
  assertEquals(brokers.array.events.length, length);
});

Deno.test("log: messages cannot be committed without an outcome, which the type check tells", () => {
  const events: Event[] = [];
  const log: Pick<Appender, "commit"> = { commit: (event) => events.push(event) };
  const message = {} as { published: Published; transferred: Transferred; moved: Moved };
  // @ts-expect-error Messages count when they are durable.
  log.commit(message.published);
  // @ts-expect-error So do dead letters.
  log.commit(message.transferred);
  // @ts-expect-error And messages in another place.
  log.commit(message.moved);
  assertEquals(events.length, 3);
});
