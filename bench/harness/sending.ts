/**
 * The ways to send many messages.
 *
 * @module
 */

import type { Publisher, SendBatchOptions } from "@simplemq/simplemq";
import { delay } from "@std/async/delay";
import type { Account } from "./account.ts";
import { InFlight } from "./in_flight.ts";
import type { LatencyLog } from "./latency_log.ts";
import { writeNumber } from "./numbered_body.ts";

/** What is to be sent, and where that is noted. */
export interface Shipment {
  /** Who sends it. */
  readonly publisher: Publisher;
  /** How long each body is. */
  readonly bodyBytes: number;
  /** Where confirms are counted; it says how many messages to send. */
  readonly account: Account;
  /** Where times are noted. */
  readonly latency: LatencyLog;
}

/** A way to send. */
export interface Way {
  /** What the table calls it. */
  readonly name: string;
  /** Which part of the messages of the fastest way to send, so that rounds take about as long. */
  readonly share: number;
  /** Whether it notes the time of each message. */
  readonly isTimed: boolean;
  /** Sends messages 1 to `account.count`; resolves when all of them are confirmed. */
  send(shipment: Shipment): Promise<void>;
}

/** So many messages are handed over in one call of `sendMessages`. */
const BATCH_COUNT = 256;

/** So many of those calls may be without a receipt. */
const BATCHES_IN_FLIGHT = 32;

/** After so many calls of `sendMessage` that are not awaited there is a call of `flush`. */
const FLUSH_COUNT = 1024;

/** So many of those calls may be unresolved. */
const FLUSHES_IN_FLIGHT = 8;

/**
 * So many bytes of bodies the publisher may be ahead of the follower: a lasting rate is one at which
 * nothing piles up, and what piles up would fill the broker's memory some time.
 */
const LEAD_BYTES_MAX = 64 * 1024 * 1024;

/** The ways, the fastest one first. */
export const WAYS: readonly Way[] = [
  {
    name: `sendMessages, ${BATCH_COUNT} at a time`,
    share: 1,
    isTimed: false,
    send: (shipment) => sendBatches(shipment),
  },
  { name: "sendMessage, pipelined", share: 1 / 2, isTimed: false, send: sendPipelined },
  { name: "sendMessage, each awaited", share: 1 / 80, isTimed: true, send: sendAwaited },
];

/** Sends many messages in each call, with the same options. */
export async function sendBatches(
  { publisher, bodyBytes, account }: Shipment,
  options?: SendBatchOptions,
): Promise<void> {
  const inFlight = new InFlight(BATCHES_IN_FLIGHT);
  // The call copies them, so that they can be used again after it.
  const bodies = Array.from({ length: BATCH_COUNT }, () => new Uint8Array(bodyBytes));
  for (let sentCount = 0; sentCount < account.count;) {
    const batch = bodies.slice(0, account.count - sentCount);
    for (const body of batch) writeNumber(body, ++sentCount);
    const { length } = batch;
    await inFlight.add(publisher.sendMessages(batch, options).then(() => account.confirm(length)));
    await waitForFollower(account, sentCount, bodyBytes);
  }
  await inFlight.end();
}

async function sendPipelined({ publisher, bodyBytes, account }: Shipment): Promise<void> {
  const inFlight = new InFlight(FLUSHES_IN_FLIGHT);
  const body = new Uint8Array(bodyBytes);
  let flushedCount = 0;
  for (let number = 1; number <= account.count; number++) {
    writeNumber(body, number);
    publisher.sendMessage(body);
    if (number % FLUSH_COUNT !== 0 && number !== account.count) continue;
    const count = number - flushedCount;
    flushedCount = number;
    await inFlight.add(publisher.flush().then(() => account.confirm(count)));
    await waitForFollower(account, number, bodyBytes);
  }
  await inFlight.end();
}

async function sendAwaited(shipment: Shipment): Promise<void> {
  const { publisher, bodyBytes, account, latency } = shipment;
  const body = new Uint8Array(bodyBytes);
  for (let number = 1; number <= account.count; number++) {
    writeNumber(body, number);
    latency.sent(number);
    await publisher.sendMessage(body);
    latency.confirmed(number);
    account.confirm(1);
  }
}

async function waitForFollower(account: Account, sentCount: number, bytes: number): Promise<void> {
  while ((sentCount - account.takenCount) * bytes > LEAD_BYTES_MAX) await delay(1);
}
