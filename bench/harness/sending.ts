import { delay } from "@std/async/delay";
import type { Account } from "./account.ts";
import { InFlight } from "./in_flight.ts";
import type { LatencyLog } from "./latency_log.ts";
import { writeNumber } from "./numbered_body.ts";
import type { PeerPublisher } from "./peer_client.ts";

/** The messages that one publisher sends. */
export interface Shipment {
  readonly publisher: PeerPublisher;
  /** The number of its first message. */
  readonly first: number;
  /** How many messages it sends. */
  readonly count: number;
  readonly bodyBytes: number;
  /** Gets the confirms. */
  readonly account: Account;
  /** Gets the times, if the way of sending is timed. */
  readonly latency: LatencyLog;
  /** The publisher waits while {@linkcode Account.lead} is above this. */
  readonly leadMax: number;
}

/** A way to send. */
export interface Way {
  /** Its name in tables. */
  readonly name: string;
  /** Which part of the messages of the fastest way to send, so that rounds take about as long. */
  readonly share: number;
  /** Whether it notes the time of each message. */
  readonly isTimed: boolean;
  /** Sends; resolves when all messages are confirmed. */
  send(shipment: Shipment): Promise<void>;
}

/** A batch of large bodies has fewer of them: nobody keeps hundreds of megabytes under way. */
const BATCH_BYTES_MAX = 512 * 1024;

/** After so many un-awaited calls there is a call of `flush`. */
const FLUSH_COUNT = 1024;

/** So many of those calls may be unresolved. */
const FLUSHES_IN_FLIGHT = 8;

/** The fastest documented way. */
export const BATCHES: Way = {
  name: "sendMessages, 256 at a time",
  share: 1,
  isTimed: false,
  send: sendBatches,
};

/** A plain loop of calls that nobody awaits. */
export const PIPELINED: Way = {
  name: "sendMessage, pipelined",
  share: 1 / 2,
  isTimed: false,
  send: sendPipelined,
};

/** The next message is sent when this one is confirmed. */
export const AWAITED: Way = {
  name: "sendMessage, each awaited",
  share: 1 / 80,
  isTimed: true,
  send: sendAwaited,
};

/** The ways, the fastest one first. */
export const WAYS: readonly Way[] = [BATCHES, PIPELINED, AWAITED];

async function sendBatches(shipment: Shipment): Promise<void> {
  const { publisher, first, count, bodyBytes, account } = shipment;
  const { batchesInFlight, copiesBodies = false } = publisher;
  const length = Math.min(
    publisher.batchCount,
    Math.max(1, Math.floor(BATCH_BYTES_MAX / bodyBytes)),
  );
  // A client that does not copy may send bodies later: each batch in flight has its own.
  const poolSize = copiesBodies ? 1 : batchesInFlight + 1;
  const pool = Array.from({ length: poolSize }, () => {
    return Array.from({ length }, () => new Uint8Array(bodyBytes));
  });
  const inFlight = new InFlight(batchesInFlight);
  const end = first + count;
  let number = first;
  for (let turn = 0; number < end; turn++) {
    const batch = pool[turn % pool.length]!.slice(0, end - number);
    for (const body of batch) writeNumber(body, number++);
    const { length } = batch;
    await inFlight.add(publisher.sendBatch(batch).then(() => account.confirm(length)));
    await waitForFollowers(shipment);
  }
  await inFlight.end();
}

async function sendPipelined(shipment: Shipment): Promise<void> {
  const { publisher, first, count, bodyBytes, account } = shipment;
  const inFlight = new InFlight(FLUSHES_IN_FLIGHT);
  const body = new Uint8Array(bodyBytes);
  const end = first + count;
  let flushed = first;
  for (let number = first; number < end;) {
    writeNumber(body, number++);
    publisher.post!(body);
    if ((number - first) % FLUSH_COUNT !== 0 && number !== end) continue;
    const posted = number - flushed;
    flushed = number;
    await inFlight.add(publisher.flush!().then(() => account.confirm(posted)));
    await waitForFollowers(shipment);
  }
  await inFlight.end();
}

async function sendAwaited(shipment: Shipment): Promise<void> {
  const { publisher, first, count, bodyBytes, account, latency } = shipment;
  const body = new Uint8Array(bodyBytes);
  for (let number = first; number < first + count; number++) {
    writeNumber(body, number);
    latency.sent(number);
    await publisher.send(body);
    latency.confirmed(number);
    account.confirm(1);
  }
}

async function waitForFollowers({ account, leadMax }: Shipment): Promise<void> {
  while (account.lead > leadMax) await delay(1);
}
