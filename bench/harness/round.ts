/**
 * One round: messages are published, confirmed, delivered and acknowledged, and accounted for.
 *
 * @module
 */

import type { Connection, Follower } from "@simplemq/simplemq";
import { Account } from "./account.ts";
import { LatencyLog } from "./latency_log.ts";
import { readNumber } from "./numbered_body.ts";
import type { Way } from "./sending.ts";
import { watchForStall } from "./stall.ts";

/** What to do in a round. */
export interface RoundPlan {
  /** How to send. */
  readonly way: Way;
  /** How long each body is. */
  readonly bodyBytes: number;
  /** How many messages to send. */
  readonly count: number;
}

/** Whose connections a round uses: an application that publishes, and one that follows. */
export interface Clients {
  /** The connection of the publisher. */
  readonly publishing: Connection;
  /** The connection of the follower. */
  readonly following: Connection;
}

/** What a round has shown. */
export interface RoundResult {
  /** Messages per second, from the first call to the broker's word that all are acknowledged. */
  readonly rate: number;
  /** How long single messages took, if the way of sending notes it. */
  readonly latency: LatencyLog;
}

let streamCount = 0;

/**
 * Runs a round on a stream of its own.
 *
 * @throws {Error} If not everything is accounted for, or nothing goes on any more.
 */
export async function runRound(clients: Clients, plan: RoundPlan): Promise<RoundResult> {
  const stream = `bench-${++streamCount}`;
  const cursor = clients.following.cursor();
  await cursor.createStream(stream);
  const publisher = clients.publishing.publisher(stream);
  const follower = clients.following.follower(stream);
  const account = new Account(plan.count);
  const latency = new LatencyLog();

  const begin = performance.now();
  const sending = plan.way.send({ publisher, bodyBytes: plan.bodyBytes, account, latency });
  const following = follow(follower, { plan, account, latency });
  await watchForStall(Promise.all([sending, following]), () => account.progress);
  // The broker answers after what was said before: the last acknowledgements are done then.
  const state = await cursor.getStream(stream);
  const seconds = (performance.now() - begin) / 1000;

  account.check(state);
  await Promise.all([publisher.close(), follower.close()]);
  await cursor.deleteStream(stream);
  return { rate: plan.count / seconds, latency };
}

/** Takes and acknowledges, the way that the README shows. */
async function follow(
  follower: Follower,
  { plan, account, latency }: { plan: RoundPlan; account: Account; latency: LatencyLog },
): Promise<void> {
  for await (const message of follower.getMessages()) {
    const number = readNumber(message.bytes, plan.bodyBytes);
    if (plan.way.isTimed) latency.delivered(number);
    account.take(number);
    await follower.ackMessage(message);
    if (account.isComplete) break;
  }
}
