/**
 * Measures what `handle` costs, with handlers that do nothing: the same messages with the plain loop and
 * with handlers, in turn.
 *
 * ```text
 * deno run -A bench/features/handle.ts [--rounds 5] [--messages 800000] [--quick]
 * ```
 *
 * @module
 */

import type { Connection, Follower, Handling } from "@simplemq/simplemq";
import { runMain } from "../harness/frame/main.ts";
import { compareWays, type NamedWay } from "../harness/frame/ways.ts";

const BODY = new Uint8Array(100);
const BATCH = 2000;

/** A way to take messages; resolves when there were so many. */
interface Way extends NamedWay {
  readonly take: (follower: Follower, count: number) => Promise<void>;
}

/** Handles messages until there were so many. */
async function handle(
  follower: Follower,
  count: number,
  begin: (note: () => void) => Handling,
): Promise<void> {
  const done = Promise.withResolvers<void>();
  let left = count;
  const work = begin(() => {
    if (--left === 0) done.resolve();
  });
  await done.promise;
  await work.close();
  await follower.close();
}

const WAYS: readonly Way[] = [
  {
    name: "the loop",
    async take(follower, count) {
      let left = count;
      for await (const message of follower.getMessages()) {
        await message.ack();
        if (--left === 0) break;
      }
      await follower.close();
    },
  },
  {
    name: "handle, sync",
    take: (follower, count) => handle(follower, count, (note) => follower.handle(note)),
  },
  ...[1, 10, 100].map((concurrency): Way => ({
    name: `handle, async, concurrency ${concurrency}`,
    take: (follower, count) =>
      handle(follower, count, (note) =>
        follower.handle(async () => {
          await undefined;
          note();
        }, { concurrency })),
  })),
];

/** Sends messages, then takes them; returns how many were taken in a second. */
async function measure(connection: Connection, { take }: Way, count: number): Promise<number> {
  await connection.cursor().createStream("work");
  const publisher = connection.publisher("work");
  for (let sent = 0; sent < count; sent += BATCH) {
    const bodies = new Array<Uint8Array>(Math.min(BATCH, count - sent)).fill(BODY);
    publisher.sendMessages(bodies);
  }
  await publisher.close({ drainMs: 60_000 });
  const start = performance.now();
  await take(connection.follower("work"), count);
  const rate = count / (performance.now() - start) * 1000;
  await connection.cursor().deleteStream("work");
  return rate;
}

if (import.meta.main) await runMain(() => compareWays("handle", WAYS, measure));
