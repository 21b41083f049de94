/**
 * Moves so many messages from publishers to followers, and accounts for them.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { Account } from "./account.ts";
import { InFlight } from "./in_flight.ts";
import { readNumber, writeNumber } from "./numbered_body.ts";
import { watchForStall } from "./stall.ts";
import type { Host } from "../peers/host.ts";
import type { PeerClient, PeerFollower, PeerPublisher } from "../peers/peer.ts";

/**
 * So many bytes of bodies the publishers may be ahead of the followers: a lasting rate is one at which
 * nothing piles up.
 */
const LEAD_BYTES_MAX = 64 * 1024 * 1024;

/** A batch of large bodies has fewer of them: nobody keeps hundreds of megabytes under way. */
const BATCH_BYTES_MAX = 512 * 1024;

/** After so many calls of `post` there is a call of `flush`. */
const FLUSH_COUNT = 1024;

/** So many of those calls may be unresolved. */
const FLUSHES_IN_FLIGHT = 8;

/** What to move, and how. */
export interface TransferPlan {
  /** How long each body is. */
  readonly bodyBytes: number;
  /** How many messages. */
  readonly count: number;
  /** How many streams get each of them. */
  readonly streams: number;
  /** How many publishers, each with a connection of its own. */
  readonly publishers: number;
  /** How many followers, each with a connection of its own. */
  readonly followers: number;
  /** `batch`: the fastest documented way. `single`: a plain loop of calls that nobody awaits. */
  readonly way: "batch" | "single";
  /** So many bytes of bodies the publishers may be ahead of the followers, if not the usual ones. */
  readonly leadBytesMax?: number;
}

/** The messages of one publisher. */
interface Part {
  readonly publisher: PeerPublisher;
  /** The number of its first message. */
  readonly first: number;
  /** The number after the one of its last message. */
  readonly end: number;
}

let streamCount = 0;

/** Gives names to streams that nobody has used. */
export function nameStreams(count: number): string[] {
  return Array.from({ length: count }, () => `bench-${++streamCount}`);
}

/**
 * Moves messages on streams of their own.
 *
 * @returns Messages sent per second, from the first call to the broker's word that all of them are
 *   acknowledged.
 * @throws {Error} If not everything is accounted for, or nothing goes on any more.
 */
export async function transfer(host: Host, plan: TransferPlan): Promise<number> {
  const account = new Account(plan.count, plan.streams);
  const streams = nameStreams(plan.streams);
  await using clients = new AsyncDisposableStack();
  const open = async () => clients.use(await host.openClient(host.port));
  const cursor = await open();
  for (const stream of streams) await cursor.createStream(stream);
  const publishers = await openMany(plan.publishers, open, (one) => one.openPublisher(streams));
  const followers = await openMany(plan.followers, open, (one) => one.openFollower(streams));

  const begin = performance.now();
  const following = follow(followers, account, plan.bodyBytes);
  const sending = publishers.map((publisher, index) => {
    const first = 1 + Math.floor(plan.count * index / plan.publishers);
    const end = 1 + Math.floor(plan.count * (index + 1) / plan.publishers);
    return send({ publisher, first, end }, account, plan);
  });
  await watchForStall(Promise.all([following, ...sending]), () => account.progress);
  const seconds = (performance.now() - begin) / 1000;

  await checkStreams(cursor, streams, account);
  return plan.count / seconds;
}

async function openMany<T>(
  count: number,
  open: () => Promise<PeerClient>,
  make: (client: PeerClient) => Promise<T>,
): Promise<T[]> {
  const made: T[] = [];
  while (made.length < count) made.push(await make(await open()));
  return made;
}

/** Follows until the account is complete. */
export async function follow(
  followers: readonly PeerFollower[],
  account: Account,
  bodyBytes: number,
): Promise<void> {
  await Promise.all(followers.map((follower) =>
    follower.follow((body) => {
      account.take(readNumber(body, bodyBytes));
      if (account.isComplete) { for (const one of followers) one.stop(); }
    })
  ));
}

/** Publishes a part; resolves when all of it is confirmed. */
export async function send(part: Part, account: Account, plan: TransferPlan): Promise<void> {
  await (plan.way === "batch" ? sendBatches : sendSingles)(part, account, plan);
}

async function sendBatches(
  { publisher, first, end }: Part,
  account: Account,
  plan: TransferPlan,
): Promise<void> {
  const { bodyBytes } = plan;
  const { batchesInFlight } = publisher;
  const batchCount = Math.min(
    publisher.batchCount,
    Math.max(1, Math.floor(BATCH_BYTES_MAX / bodyBytes)),
  );
  const inFlight = new InFlight(batchesInFlight);
  // Every batch that is in flight has bodies of its own: a client may send them later.
  const pool = Array.from({ length: batchesInFlight + 1 }, () => makeBodies(batchCount, bodyBytes));
  let number = first;
  for (let turn = 0; number < end; turn++) {
    const bodies = pool[turn % pool.length]!.slice(0, end - number);
    for (const body of bodies) writeNumber(body, number++);
    const { length } = bodies;
    await inFlight.add(publisher.sendBatch(bodies).then(() => account.confirm(length)));
    await waitForFollowers(account, plan);
  }
  await inFlight.end();
}

async function sendSingles(
  { publisher, first, end }: Part,
  account: Account,
  plan: TransferPlan,
): Promise<void> {
  const { bodyBytes } = plan;
  const inFlight = new InFlight(FLUSHES_IN_FLIGHT);
  const body = new Uint8Array(bodyBytes);
  let flushed = first;
  for (let number = first; number < end;) {
    writeNumber(body, number++);
    publisher.post!(body);
    if ((number - first) % FLUSH_COUNT !== 0 && number !== end) continue;
    const count = number - flushed;
    flushed = number;
    await inFlight.add(publisher.flush!().then(() => account.confirm(count)));
    await waitForFollowers(account, plan);
  }
  await inFlight.end();
}

function makeBodies(count: number, bytes: number): Uint8Array[] {
  return Array.from({ length: count }, () => new Uint8Array(bytes));
}

async function waitForFollowers(account: Account, plan: TransferPlan): Promise<void> {
  const { bodyBytes, leadBytesMax = LEAD_BYTES_MAX } = plan;
  while (account.lead * bodyBytes > leadBytesMax) await delay(1);
}

/** Checks that everything is accounted for, and removes the streams. */
export async function checkStreams(
  cursor: PeerClient,
  streams: readonly string[],
  account: Account,
): Promise<void> {
  let left = 0;
  for (const stream of streams) left += await cursor.countLeft(stream);
  account.checkLeft(left);
  for (const stream of streams) await cursor.deleteStream(stream);
}
