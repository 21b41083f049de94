import type { Connection, Publisher } from "@simplemq/simplemq";
import { findQuantile } from "../harness/statistics.ts";

/** The stream that requests go to. */
const STREAM = "bench-requests";

/** A request that takes longer has been lost, in milliseconds. */
const TIMEOUT_MS = 60_000;

/** Requests from one connection that are answered over another one. */
export interface TripPlan {
  /** How many requests in all. */
  readonly count: number;
  /** How many of them are under way at a time. */
  readonly inFlight: number;
}

/** The figures of round trips. */
export interface TripResult {
  /** Requests a second. */
  readonly rate: number;
  /** Milliseconds from a request to its reply. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

/**
 * Answers requests until the connection is closed: with the number that each has brought, plus one.
 *
 * @returns Resolves when it has ended, to how many were answered.
 */
export async function answerRequests(connection: Connection): Promise<number> {
  let count = 0;
  for await (const message of connection.follower<number>(STREAM).getMessages()) {
    message.reply(message.body + 1);
    message.ack();
    count++;
  }
  return count;
}

/** Creates the stream that requests go to. */
export async function prepareRequests(connection: Connection): Promise<void> {
  await connection.cursor().createStream(STREAM);
}

/**
 * Makes requests and waits for all replies.
 *
 * @throws {Error} If one has not come, or is another one's.
 */
export async function measureTrips(connection: Connection, plan: TripPlan): Promise<TripResult> {
  await using publisher = connection.publisher(STREAM);
  const latencies = new Float64Array(plan.count);
  let next = 0;
  const start = performance.now();
  const lanes = Array.from({ length: plan.inFlight }, async () => {
    while (next < plan.count) {
      const number = next++;
      latencies[number] = await makeTrip(publisher, number);
    }
  });
  await Promise.all(lanes);
  const seconds = (performance.now() - start) / 1000;
  const missing = latencies.filter((ms) => !(ms > 0)).length;
  if (missing > 0) throw new Error(`${missing} of ${plan.count} requests have no reply`);
  return {
    rate: plan.count / seconds,
    latencyMs: { p50: findQuantile(latencies, 0.5), p99: findQuantile(latencies, 0.99) },
  };
}

/** Makes one request; resolves to how long its reply took, in milliseconds. */
async function makeTrip(publisher: Publisher, number: number): Promise<number> {
  const start = performance.now();
  const { body } = await publisher.request<number>(number, { timeoutMs: TIMEOUT_MS });
  if (body !== number + 1) throw new Error(`Request ${number} got the reply ${body}`);
  return performance.now() - start;
}
