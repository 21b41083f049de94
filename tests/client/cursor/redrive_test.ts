/**
 * Sending dead letters back where there is no room for them.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { BrokerError, type PeekedMessage } from "@simplemq/simplemq";
import {
  redrive,
  type RedriveOptions,
  type RedriveResult,
} from "../../../src/client/cursor/redrive.ts";
import { startBroker } from "../../support/broker/broker.ts";

/** Redrives so many dead letters, in pages of ten; `answers` is what the broker says to each step. */
async function run(
  count: number,
  answers: (RedriveResult | Error)[],
  options: RedriveOptions = {},
): Promise<{ result: RedriveResult; steps: number[][] }> {
  const steps: number[][] = [];
  const peek = (from: number) => {
    const ids = Array.from(
      { length: Math.max(0, Math.min(10, count + 1 - from)) },
      (_, i) => from + i,
    );
    return Promise.resolve(ids.map((id) => ({ id }) as PeekedMessage));
  };
  const send = (ids: readonly number[]) => {
    steps.push([...ids]);
    const answer = answers[steps.length - 1] ?? { count: ids.length, skipped: 0 };
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return { result: await redrive({ peek, send }, options, count + 1), steps };
}

const details = { stream: "work", what: "messages", depth: 5, limit: 5, room: 0 } as const;
const full = new BrokerError("STREAM_FULL", "the stream is full", { details });

Deno.test("redrive(): a stream that is full ends it, and how many were sent back is told", async () => {
  const error = await assertRejects(
    () => run(30, [{ count: 10, skipped: 0 }, { count: 3, skipped: 7 }, full]),
    BrokerError,
  );
  assertEquals([error.code, error.message], ["STREAM_FULL", "the stream is full"]);
  assertEquals(error.details, { ...details, redriven: 13 });
  assertStrictEquals(error.cause, full);
});

Deno.test("redrive(): other errors are passed on as they are", async () => {
  const other = new BrokerError("DISK_FULL", "the disk is full");
  assertStrictEquals(await run(20, [other]).catch((error) => error), other);
});

Deno.test("redrive(): what is skipped is not tried again, and does not count for the limit", async () => {
  const { result, steps } = await run(20, [{ count: 0, skipped: 5 }], { limit: 5 });
  assertEquals(result, { count: 5, skipped: 5 });
  assertEquals(steps, [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]);
  const answers = Array.from({ length: 4 }, () => ({ count: 0, skipped: 5 }));
  assertEquals((await run(20, answers, { limit: 5 })).result, { count: 0, skipped: 20 });
});

Deno.test("redrive() into a stream that is full says how many were sent back", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  await connection.publisher("work").sendMessages([1, 2, 3, 4]);
  let count = 0;
  for await (const message of connection.follower("work").getMessages()) {
    await message.reject("no", { confirm: true });
    if (++count === 4) break;
  }
  await cursor.updateStream("work", { maxMessages: 2 });
  assertEquals(await cursor.redrive("work"), { count: 2, skipped: 2 });
  const error = await assertRejects(() => cursor.redrive("work"), BrokerError);
  assertEquals([error.code, error.details.redriven], ["STREAM_FULL", 0]);
});

Deno.test("redrive() sends back what is chosen, as fast as is allowed", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  assertEquals(await cursor.redrive("work"), { count: 0, skipped: 0 });
  await assertRejects(() => cursor.redrive("nowhere"), BrokerError);
  await connection.publisher("work").sendMessages(Array.from({ length: 30 }, (_, i) => i));
  let count = 0;
  for await (const message of connection.follower("work").getMessages()) {
    await message.reject("no", { confirm: ++count === 30 });
    if (count === 30) break;
  }
  const filter = ({ body }: { body: unknown }) => Number(body) % 2 === 0;
  assertEquals(await cursor.redrive("work", { filter, limit: 5 }), { count: 5, skipped: 0 });
  const rate = { filter: () => Promise.resolve(true), ratePerSecond: 200 };
  assertEquals(await cursor.redrive("work.dead", rate), { count: 25, skipped: 0 });
  assertEquals((await cursor.getStream("work")).ready, 30);
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => cursor.redrive("work", { signal }), Error, "enough");
  await assertRejects(() => cursor.redrive("work", { ratePerSecond: 0 }), RangeError);
  assert((await cursor.explain("work")).length > 0);
  assertEquals(await cursor.purgeStream("work"), 30);
  await assertRejects(() => cursor.getMessage("work", 1), BrokerError);
  await assertRejects(
    // @ts-expect-error: what a program without types may do
    () => cursor.createStream("x", { maxMessage: 1 }),
    RangeError,
    'Cannot create stream "x": ',
  );
  await cursor.updateStream("work", { maxDeliveries: 3 });
  assertEquals((await cursor.getStream("work")).options.maxDeliveries, 3);
});
