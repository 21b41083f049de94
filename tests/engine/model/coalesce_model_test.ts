/**
 * Random commands for coalescing, for an engine whose log is an array: many seeds; and a long burst. A longer
 * run is
 * `COALESCE_SEEDS=1000 deno test -A tests/engine/model/coalesce_model_test.ts`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { LocalEngine } from "../../../src/engine/local_engine.ts";
import { ArrayLog, EventArray } from "../array_log.ts";
import { doc } from "../conformance/coalescing/coalescing.ts";
import { runCoalesceModel } from "../conformance/coalescing/coalesce_model.ts";
import { EngineUse, TestClock } from "../engine_use.ts";

/** How many runs there are, the seed of the first, and the commands of each. */
const SEEDS = Number(Deno.env.get("COALESCE_SEEDS") ?? 8);
const SEED = Number(Deno.env.get("COALESCE_SEED") ?? 1);
const STEPS = 80;

Deno.test(`coalescing does what a small model says, with seeds from ${SEED} on`, async () => {
  for (let seed = SEED; seed < SEED + SEEDS; seed++) {
    const clock = new TestClock();
    const array = new EventArray();
    const open = () => LocalEngine.open({ log: new ArrayLog(array), now: () => clock.now });
    const use = new EngineUse(await open(), { clock, reopen: open });
    await runCoalesceModel(use, seed, STEPS);
    await use.engine.close();
  }
});

Deno.test("a burst of 10,000 in five seconds is one message, with the last body, and no memory stays", async () => {
  const clock = new TestClock();
  const log = new ArrayLog(new EventArray());
  const engine = await LocalEngine.open({ log, now: () => clock.now });
  const use = new EngineUse(engine, { clock });
  await use.create("docs");
  const publisher = use.publisher("docs");
  const follower = use.follower("docs");
  for (let count = 1; count <= 10_000; count++) {
    publisher.sendWished(doc(`${count}`, { quietMs: 1000, atMostMs: 6000 }));
    publisher.settled = publisher.nextSequence - 100;
    if (count % 200 === 0) {
      await publisher.outcomes();
      use.advance(100);
    }
  }
  assertEquals(follower.sink.texts, []);
  use.advance(899);
  await use.fence();
  assertEquals(follower.sink.texts, []);
  use.advance(1);
  assertEquals(await follower.received(1), ["docs:10000×1 10000"]);
  await follower.ack(1);
  const { totals, bytes, pending, delayed } = await engine.getStream("docs");
  assertEquals([bytes, pending, delayed, totals.replaced, totals.delivered], [0, 0, 0, 9999, 1]);
  assertEquals(engine.bookedBytes, 0);
});
