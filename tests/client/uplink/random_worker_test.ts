/**
 * Workers that do anything that programs can do to followers, over links that are cut: whatever it is,
 * every promise settles, and what was ended stays so.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { startBroker, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { Random } from "../../support/random.ts";
import { Ledger, RandomWorker } from "./random_worker.ts";
import { withRandom } from "../support.ts";

/** Long enough for a slow machine; a test that waits so long has failed. */
const PATIENCE_MS = 30_000;

const MESSAGE_COUNT = 1000;

Deno.test("whatever workers do, every promise settles, and what was ended stays so", async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  await t.step(`seed ${seed}`, async () => {
    await using broker = await startBroker();
    await using proxy = new Proxy(broker.port);
    await using connection = await broker.connect();
    const cursor = connection.cursor();
    await cursor.createStream("work", { backoffMs: [0], ackTimeoutMs: 100 });
    const bodies = Array.from({ length: MESSAGE_COUNT }, (_, index) => index + 1);
    await connection.publisher("work").sendMessages(bodies);
    const random = new Random(seed);
    const ledger = new Ledger();
    const workers = [1, 2].map(() => new RandomWorker(random, proxy, ledger));
    const reached = ledger.reach([
      ["taken", 500],
      ["confirmed", 50],
      ["not confirmed", 2],
      ["refused", 2],
    ]);
    const running = Promise.all(workers.map((worker) => worker.run()));
    const fail = (cause: Error) => {
      const open = workers.map(({ openCount }) => openCount);
      const counts = JSON.stringify([...ledger.counts]);
      throw new Error(`${open} promises are open after ${counts}`, { cause });
    };
    // Who has lost a link comes back at once.
    await withRandom(0, async () => {
      await deadline(Promise.race([reached, running]), PATIENCE_MS).catch(fail);
      for (const worker of workers) worker.end();
      await deadline(running, PATIENCE_MS).catch(fail);
    });
    assertEquals(ledger.faults, []);

    // Nobody holds anything any more: what is left is here, and all the rest was ended by somebody.
    await until("nothing is held", async () => (await cursor.getStream("work")).pending === 0);
    const left = new Set<number>();
    for (let from = 1;;) {
      const messages = await cursor.peek("work", { from, limit: 1000 });
      for (const { id } of messages) left.add(id);
      if (messages.length === 0) break;
      from = messages.at(-1)!.id + 1;
    }
    for (let id = 1; id <= MESSAGE_COUNT; id++) {
      if (left.has(id)) assert(!ledger.ended.has(id), `${id} is ended, and there`);
      else if (!ledger.said.has(id)) {
        const { cause, attempts } = await findDead(id);
        assertEquals([cause, attempts], ["maxDeliveries", 20], `${id} is lost`);
      }
    }

    async function findDead(id: number) {
      const dead = await cursor.peek("work.dead", { limit: 1000 });
      const letter = dead.find(({ deadLetter }) => deadLetter?.id === id)?.deadLetter;
      assert(letter !== undefined, `${id} is lost`);
      return letter;
    }
  });
});
