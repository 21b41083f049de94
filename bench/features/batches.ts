/**
 * Measures what batches cost, with and without keys, with handlers that do nothing: the same messages with
 * the plain loop and in batches of 100, in turn.
 *
 * ```text
 * deno run -A bench/features/batches.ts [--rounds 5] [--messages 800000] [--quick]
 * ```
 *
 * @module
 */

import type { Connection, Follower } from "@simplemq/simplemq";
import { runMain } from "../harness/frame/main.ts";
import { compareWays, type NamedWay } from "../harness/frame/ways.ts";

const BODY = new Uint8Array(100);
const SENT_TOGETHER = 2000;
const SIZE = 100;
const KEYS = 100;

/** A way to take messages; resolves when there were so many. */
interface Way extends NamedWay {
  readonly hasKeys: boolean;
  readonly take: (follower: Follower, count: number) => Promise<void>;
}

async function loop(follower: Follower, count: number): Promise<void> {
  let left = count;
  for await (const message of follower.getMessages()) {
    await message.ack();
    if (--left === 0) break;
  }
}

function batches(by: "key" | null): Way["take"] {
  return async (follower, count) => {
    let left = count;
    for await (const batch of follower.getBatches({ size: SIZE, by })) {
      await batch.ack();
      left -= batch.messages.length;
      if (left === 0) break;
    }
  };
}

const WAYS: readonly Way[] = [
  { name: "the loop", hasKeys: false, take: loop },
  { name: "batches of 100", hasKeys: false, take: batches(null) },
  { name: "the loop, 100 keys", hasKeys: true, take: loop },
  { name: "batches of 100, 100 keys", hasKeys: true, take: batches(null) },
  { name: "batches of 100 by key, 100 keys", hasKeys: true, take: batches("key") },
];

/** Sends messages, then takes them; returns how many were taken in a second. */
async function measure(connection: Connection, way: Way, count: number): Promise<number> {
  await connection.cursor().createStream("work");
  const publisher = connection.publisher("work");
  const key = (_: unknown, index: number) => `customer-${index % KEYS}`;
  for (let sent = 0; sent < count; sent += SENT_TOGETHER) {
    const bodies = new Array<Uint8Array>(Math.min(SENT_TOGETHER, count - sent)).fill(BODY);
    publisher.sendMessages(bodies, way.hasKeys ? { key } : {});
  }
  await publisher.close({ drainMs: 60_000 });
  const follower = connection.follower("work");
  const start = performance.now();
  await way.take(follower, count);
  const rate = count / (performance.now() - start) * 1000;
  await follower.close();
  await connection.cursor().deleteStream("work");
  return rate;
}

if (import.meta.main) await runMain(() => compareWays("batches", WAYS, measure));
