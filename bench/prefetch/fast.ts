/**
 * A follower that only counts, with one prefetch or another: what does it cost that nobody has chosen
 * one?
 *
 * @module
 */

import type { Connection, FollowerOptions } from "@simplemq/simplemq";
import { Account } from "../harness/account.ts";
import { readNumber, writeNumber } from "../harness/numbered_body.ts";
import { watchForStall } from "../harness/stall.ts";

/** How a follower is told how much it may hold. */
export type Prefetch = NonNullable<FollowerOptions["prefetch"]>;

/** How long each body is. */
const BODY_BYTES = 100;

/** So many messages are published in one call. */
const BATCH_COUNT = 4096;

let streamCount = 0;

/**
 * Publishes so many messages, then takes and acknowledges them.
 *
 * @returns Messages per second, from opening the follower to the broker's word that all of them are
 *   acknowledged.
 * @throws {Error} If not all of them come once.
 */
export async function measureFast(
  connection: Connection,
  prefetch: Prefetch,
  count: number,
): Promise<number> {
  const stream = `fast-${++streamCount}`;
  const cursor = connection.cursor();
  await cursor.createStream(stream);
  const account = new Account(count);
  await fill(connection, stream, account);
  const begin = performance.now();
  const follower = connection.follower(stream, { prefetch });
  const follow = async () => {
    for await (const message of follower.getMessages()) {
      account.take(readNumber(message.bytes, BODY_BYTES));
      await follower.ackMessage(message);
      if (account.isComplete) break;
    }
  };
  await watchForStall(follow(), () => account.progress);
  // The broker answers after what was said before: the last acknowledgements are done then.
  const state = await cursor.getStream(stream);
  const seconds = (performance.now() - begin) / 1000;
  account.check(state);
  await follower.close();
  await cursor.deleteStream(stream);
  return count / seconds;
}

async function fill(connection: Connection, stream: string, account: Account): Promise<void> {
  await using publisher = connection.publisher(stream);
  for (let number = 1; number <= account.count;) {
    const length = Math.min(BATCH_COUNT, account.count + 1 - number);
    const bodies = Array.from({ length }, () => {
      const body = new Uint8Array(BODY_BYTES);
      writeNumber(body, number++);
      return body;
    });
    await publisher.sendMessages(bodies);
    account.confirm(length);
  }
}
