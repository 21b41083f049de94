import type { Account } from "../../harness/account.ts";
import type { LatencyLog } from "../../harness/latency_log.ts";
import { writeNumber } from "../../harness/numbered_body.ts";
import type { PeerPublisher } from "../../harness/peer_client.ts";
import { Sleeper } from "../../harness/process/monotonic.ts";
import type { Shipment, Way } from "../../harness/sending.ts";
import { type Pace, Schedule } from "./schedule.ts";

/**
 * So many bodies take turns, or twice a second's worth: none is written into while a client may still need
 * it. New ones would make garbage, and what measures must not do that.
 */
const BODY_COUNT = 16_384;

/**
 * A client that copies needs few of them. Many are garbage, too: with 100,000 bodies each minor collection
 * of the sender moved 4 MB and took 3 to 5 ms, with 1,000 it takes 0.2 ms.
 */
const COPIED_BODY_COUNT = 1024;

/**
 * The shortest sleep, in milliseconds. To wake up for each of 10,000 messages a second takes all of a core
 * from what is measured (seen: 96 % of one).
 */
export const GRAIN_MS = 0.25;

/** What is sent steadily. */
export interface SteadyShipment extends Pick<Shipment, "first" | "count" | "bodyBytes"> {
  /** They take turns. */
  readonly publishers: readonly PeerPublisher[];
  readonly account: Account;
  readonly latency: LatencyLog;
  /** When the first message is due, in milliseconds of `performance.now()`. */
  readonly begin: number;
  /** So many messages are not timed. */
  readonly warmUpCount: number;
}

/**
 * Sends messages when they are due, none of them awaited: it sleeps until the next one is due, then sends
 * all that are due. They are timed from when they were due, so that a pause counts for all that it has held
 * up. How late they were sent is in the log, too: that is the grain of the sleep, and what the sender had
 * to do meanwhile. Resolves when all are confirmed.
 */
export async function sendOnSchedule(pace: Pace, shipment: SteadyShipment): Promise<void> {
  const { count, publishers } = shipment;
  const schedule = new Schedule(pace, shipment.begin);
  const bodies = makeBodies(pace, shipment);
  const confirming = Promise.withResolvers<void>();
  const sleeper = new Sleeper();
  const { burst } = schedule;
  let unconfirmedCount = count;
  let turn = 0;
  const sendOne = async (first: number) => {
    await sendBurst(publishers[turn++ % publishers.length]!, { shipment, schedule, bodies, first });
    unconfirmedCount -= burst;
    if (unconfirmedCount <= 0) confirming.resolve();
  };
  let woken = -Infinity;
  for (let sent = 0; sent < count;) {
    await sleeper.until(Math.max(schedule.dueAt(sent + 1), woken + GRAIN_MS));
    woken = performance.now();
    const dueCount = Math.min(count, schedule.countDue(woken));
    for (; sent < dueCount; sent += burst) sendOne(sent + 1).catch(confirming.reject);
  }
  await confirming.promise;
}

/**
 * The way to send so many messages a second, on the schedule of each publisher.
 *
 * @param warmUpCount So many messages are not timed.
 */
export function sendSteadily(pace: Pace, warmUpCount: number = 0): Way {
  const send = (shipment: Shipment) =>
    sendOnSchedule(pace, {
      ...shipment,
      publishers: [shipment.publisher],
      begin: performance.now(),
      warmUpCount,
    });
  return { name: `${pace.rate} a second`, share: 1, isTimed: true, send };
}

function makeBodies(
  { rate, burst = 1 }: Pace,
  { count, bodyBytes, publishers }: SteadyShipment,
): readonly Uint8Array[] {
  const areCopied = publishers.every(({ copiesBodies = false }) => copiesBodies);
  const enough = areCopied ? Math.max(COPIED_BODY_COUNT, burst) : Math.max(BODY_COUNT, 2 * rate);
  const length = Math.min(count, enough);
  return Array.from({ length }, () => new Uint8Array(bodyBytes));
}

/** Sends messages that are due at the same time. */
async function sendBurst(
  publisher: PeerPublisher,
  { shipment, schedule, bodies, first }: {
    shipment: SteadyShipment;
    schedule: Schedule;
    bodies: readonly Uint8Array[];
    /** The place of the first one in the shipment, from 1. */
    first: number;
  },
): Promise<void> {
  const { burst } = schedule;
  const { account, latency, warmUpCount } = shipment;
  const begin = shipment.first + first - 1;
  const batch: Uint8Array[] = [];
  for (let index = 0; index < burst; index++) {
    const body = bodies[(first + index) % bodies.length]!;
    writeNumber(body, begin + index);
    if (first > warmUpCount) latency.sent(begin + index, schedule.dueAt(first));
    batch.push(body);
  }
  await (burst === 1 ? publisher.send(batch[0]!) : publisher.sendBatch(batch));
  for (let index = 0; index < burst; index++) latency.confirmed(begin + index);
  account.confirm(burst);
}
