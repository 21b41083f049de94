import { delay } from "@std/async/delay";
import { Account } from "../harness/account.ts";
import { LatencyLog } from "../harness/latency_log.ts";
import { readNumber } from "../harness/numbered_body.ts";
import type { PeerClient } from "../harness/peer_client.ts";
import { readTreeBytes } from "../harness/process/process_meter.ts";
import { BATCHES } from "../harness/sending.ts";
import { watchForStall } from "../harness/stall.ts";
import { type BacklogWork, type Host, type Result, SETTLE_MS } from "./work.ts";

const STREAM = "bench-backlog";

/** So many messages are followed after the start: they show that the backlog is there. */
const SAMPLE_COUNT = 5_000;

/** A broker that was started must deliver within this time, in milliseconds. */
const START_MS = 300_000;

/** So long between two attempts to follow, in milliseconds. */
const ATTEMPT_MS = 10;

/**
 * Measures a long backlog: publishes everything, reads the memory, starts the broker again, and follows
 * some of it. All of it was confirmed; what was not followed is counted.
 */
export async function measureBacklog(host: Host, work: BacklogWork): Promise<Result> {
  const fillSeconds = await fill(host, work);
  await delay(SETTLE_MS);
  const backlogBytes = readTreeBytes(host.pid, host.sharedBytes ?? 0);
  if (host.restart === undefined) throw new Error("The broker cannot be started again");
  const { startedAt } = await host.restart();
  const deliveredAt = await followSome(host, work);
  const startSeconds = (deliveredAt - startedAt) / 1000;
  const memory = backlogBytes === undefined ? {} : { backlogBytes };
  return { count: work.count, fillSeconds, startSeconds, ...memory };
}

/** Publishes everything; returns how long that takes, in seconds. */
async function fill({ open }: Host, { bodyBytes, count }: BacklogWork): Promise<number> {
  await using client = await open("publishing");
  await client.createStream(STREAM);
  const publisher = await client.openPublisher([STREAM]);
  const account = new Account();
  const first = account.send(count);
  const latency = new LatencyLog(first);
  const begin = performance.now();
  const shipment = { publisher, first, count, bodyBytes, account, latency, leadMax: Infinity };
  await watchForStall(BATCHES.send(shipment), () => account.progress);
  const seconds = (performance.now() - begin) / 1000;
  await checkLeft(client, count);
  return seconds;
}

/**
 * Follows some messages of a broker that was just started; each must be one of those that were sent, and
 * none may come twice.
 *
 * @returns When the first one came, in milliseconds since 1970.
 */
async function followSome({ open }: Host, { bodyBytes, count }: BacklogWork): Promise<number> {
  const wanted = Math.min(SAMPLE_COUNT, count);
  const taken = new Set<number>();
  let firstAt = 0;
  await using client = await insist(() => open("following"));
  const follower = await insist(() => client.openFollower([STREAM]));
  const take = (body: Uint8Array) => {
    if (taken.size === 0) firstAt = Date.now();
    const number = readNumber(body, bodyBytes);
    if (number < 1 || number > count || taken.has(number)) {
      throw new Error(`Message ${number} of ${count} has come, or has come twice`);
    }
    taken.add(number);
    if (taken.size === wanted) follower.stop();
  };
  await watchForStall(follower.follow(take), () => taken.size);
  await checkLeft(client, count - taken.size);
  return firstAt;
}

/** Tries until it succeeds: a broker may take connections before it is ready for them. */
async function insist<T>(act: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + START_MS;;) {
    try {
      return await act();
    } catch (error) {
      if (performance.now() > end) throw error;
      await delay(ATTEMPT_MS);
    }
  }
}

/** @throws {Error} If another number of messages is left. */
async function checkLeft(client: PeerClient, expected: number): Promise<void> {
  const left = await client.countLeft(STREAM);
  if (left !== expected) throw new Error(`The broker has ${left} messages left, not ${expected}`);
}
