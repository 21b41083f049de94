import type { Account } from "../../harness/account.ts";
import type { LatencyLog } from "../../harness/latency_log.ts";
import { writeNumber } from "../../harness/numbered_body.ts";
import type { PeerPublisher } from "../../harness/peer_client.ts";
import { Ticker } from "../../harness/process/ticker.ts";
import type { Shipment, Way } from "../../harness/sending.ts";
import { GRAIN_MS, type Pace, Schedule } from "./schedule.ts";

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

/** What is sent steadily. */
export interface SteadyShipment extends Pick<Shipment, "first" | "count" | "bodyBytes"> {
  /** They take turns. */
  readonly publishers: readonly PeerPublisher[];
  readonly account: Account;
  readonly latency: LatencyLog;
  /** Ready to begin. */
  readonly ticker: Ticker;
  /** When the first message is due, in milliseconds of `performance.now()`. */
  readonly begin: number;
  /** So many messages are not timed. */
  readonly warmUpCount: number;
}

/**
 * Sends messages when they are due, none of them awaited: at each tick all that are due by then. They are
 * timed from when they were due, so that a pause counts for all that it has held up. How late they were sent
 * is in the log, too: that is the grain of the ticks, and what the sender had to do meanwhile. Resolves when
 * all are confirmed.
 */
export async function sendOnSchedule(pace: Pace, shipment: SteadyShipment): Promise<void> {
  const { count, ticker } = shipment;
  const schedule = new Schedule(pace, shipment.begin);
  const sender = new BurstSender(schedule, shipment, makeBodies(pace, shipment));
  ticker.begin(schedule.begin, schedule.intervalOf(GRAIN_MS));
  for (let sent = 0; sent < count;) {
    await ticker.next();
    const now = performance.now();
    const dueCount = Math.min(count, schedule.countDue(now));
    for (; sent < dueCount; sent += schedule.burst) sender.send(sent + 1, now);
  }
  await sender.confirmed;
}

/**
 * The way to send so many messages a second, on the schedule of each publisher.
 *
 * @param warmUpCount So many messages are not timed.
 */
export function sendSteadily(pace: Pace, warmUpCount: number = 0): Way {
  const send = async (shipment: Shipment) => {
    using ticker = await Ticker.start();
    const publishers = [shipment.publisher];
    const begin = performance.now();
    await sendOnSchedule(pace, { ...shipment, publishers, ticker, begin, warmUpCount });
  };
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

/** Sends messages that are due at the same time, without a function that waits for each of them. */
class BurstSender {
  readonly #schedule: Schedule;
  readonly #shipment: SteadyShipment;
  readonly #bodies: readonly Uint8Array[];
  readonly #confirming = Promise.withResolvers<void>();
  #unconfirmedCount: number;
  #turn = 0;

  constructor(schedule: Schedule, shipment: SteadyShipment, bodies: readonly Uint8Array[]) {
    this.#schedule = schedule;
    this.#shipment = shipment;
    this.#bodies = bodies;
    this.#unconfirmedCount = shipment.count;
  }

  /** Resolves when all are confirmed. */
  get confirmed(): Promise<void> {
    return this.#confirming.promise;
  }

  /** @param first The place of the first one in the shipment, from 1. */
  send(first: number, now: number): void {
    const { burst } = this.#schedule;
    const { publishers } = this.#shipment;
    const publisher = publishers[this.#turn++ % publishers.length]!;
    if (burst === 1) {
      this.#confirm(publisher.send(this.#prepare(first, first, now)), first);
      return;
    }
    const batch: Uint8Array[] = [];
    while (batch.length < burst) batch.push(this.#prepare(first, first + batch.length, now));
    this.#confirm(publisher.sendBatch(batch), first);
  }

  /** Makes the body of a message, and notes that it is about to be sent. */
  #prepare(first: number, place: number, now: number): Uint8Array {
    const { latency, warmUpCount } = this.#shipment;
    const body = this.#bodies[place % this.#bodies.length]!;
    const number = this.#numberOf(place);
    writeNumber(body, number);
    if (first > warmUpCount) latency.sent(number, this.#schedule.dueAt(first), now);
    return body;
  }

  #confirm(sending: Promise<unknown>, first: number): void {
    sending.then(() => this.#note(first), this.#confirming.reject);
  }

  #note(first: number): void {
    const { account, latency } = this.#shipment;
    const { burst } = this.#schedule;
    const number = this.#numberOf(first);
    for (let index = 0; index < burst; index++) latency.confirmed(number + index);
    account.confirm(burst);
    this.#unconfirmedCount -= burst;
    if (this.#unconfirmedCount <= 0) this.#confirming.resolve();
  }

  #numberOf(place: number): number {
    return this.#shipment.first + place - 1;
  }
}
