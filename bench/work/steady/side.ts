/**
 * A program of its own: the publishers, or the follower, of messages that are sent steadily. It says
 * `ready`, reads a line with the time on the shared clock at which the first message is due, and prints
 * what it has found as a line of JSON. It ends when its standard input does.
 *
 * ```text
 * deno run -A side.ts '{"side": "publishing", "clientUrl": …, "port": …, "stream": …, …}'
 * ```
 *
 * @module
 */

import { Account } from "../../harness/account.ts";
import { runMain } from "../../harness/frame/main.ts";
import { LatencyLog } from "../../harness/latency_log.ts";
import { readNumber } from "../../harness/numbered_body.ts";
import type { OpenClient, PeerPublisher } from "../../harness/peer_client.ts";
import { print } from "../../harness/print.ts";
import { readLines } from "../../harness/process/child.ts";
import { toLocalTime } from "../../harness/process/monotonic.ts";
import { Ticker } from "../../harness/process/ticker.ts";
import { watchForStall } from "../../harness/stall.ts";
import type { Percentiles } from "../../harness/statistics.ts";
import type { Host, SteadyWork } from "../work.ts";
import { Schedule } from "./schedule.ts";
import { sendOnSchedule } from "./steady_sender.ts";

/** What a process does. */
export type Side = "publishing" | "following";

/** What a side is told. */
export interface SidePlan extends Pick<Host, "clientUrl" | "port"> {
  readonly side: Side;
  readonly stream: string;
  readonly work: SteadyWork;
  readonly count: number;
  /** So many messages are not timed. */
  readonly warmUpCount: number;
}

/** What the publishers have found. */
export interface Published {
  readonly confirmedCount: number;
  readonly confirmMs: Percentiles;
  readonly lateMs: Percentiles;
  readonly sinceSentMs: Percentiles;
}

/** What the follower has found. */
export interface Followed {
  readonly takenCount: number;
  readonly takenSum: number;
  readonly deliveryMs: Percentiles;
}

/** Waits for the line with the begin; the process ends with its input. */
async function waitForBegin(): Promise<number> {
  print("ready");
  const lines = readLines(Deno.stdin.readable);
  const { value } = await lines.next();
  void lines.next().then(() => Deno.exit(1));
  return toLocalTime(Number(value));
}

async function publish(open: () => ReturnType<OpenClient>, plan: SidePlan): Promise<Published> {
  const { stream, work, count, warmUpCount } = plan;
  const publishers: PeerPublisher[] = [];
  while (publishers.length < (work.publishers ?? 1)) {
    publishers.push(await (await open()).openPublisher([stream]));
  }
  const { bodyBytes } = work;
  const account = new Account();
  const latency = new LatencyLog(warmUpCount + 1, count - warmUpCount);
  using ticker = await Ticker.start();
  const begin = await waitForBegin();
  const timing = { ticker, begin, warmUpCount };
  const shipment = { publishers, first: 1, count, bodyBytes, account, latency, ...timing };
  await watchForStall(sendOnSchedule(work, shipment), () => account.progress);
  const { confirmedCount } = account;
  const { confirm: confirmMs, late: lateMs, sinceSent: sinceSentMs } = latency;
  return { confirmedCount, confirmMs, lateMs, sinceSentMs };
}

async function follow(open: () => ReturnType<OpenClient>, plan: SidePlan): Promise<Followed> {
  const { stream, work, count, warmUpCount } = plan;
  const follower = await (await open()).openFollower([stream]);
  const account = new Account();
  const latency = new LatencyLog(warmUpCount + 1, count - warmUpCount);
  const schedule = new Schedule(work, await waitForBegin());
  const following = follower.follow((body) => {
    const number = readNumber(body, work.bodyBytes);
    if (number > warmUpCount) {
      latency.due(number, schedule.dueAt(number));
      latency.delivered(number);
    }
    account.take(number);
    if (account.takenCount === count) follower.stop();
  });
  await watchForStall(following, () => account.progress);
  const { takenCount, takenSum } = account;
  return { takenCount, takenSum, deliveryMs: latency.delivery };
}

async function main(): Promise<void> {
  const plan: SidePlan = JSON.parse(Deno.args[0] ?? "");
  const { openClient }: { openClient: OpenClient } = await import(plan.clientUrl);
  const open = () => openClient(plan.port);
  const found = await (plan.side === "publishing" ? publish(open, plan) : follow(open, plan));
  print(JSON.stringify(found));
}

if (import.meta.main) await runMain(main, "side");
