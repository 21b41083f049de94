/**
 * Measures requests and replies: how many a second, and how long each takes.
 *
 * ```text
 * deno task bench:requests [--rounds 5] [--messages 800000]
 * ```
 *
 * @module
 */

import { connect } from "@simplemq/simplemq";
import { BrokerProcess, type EngineName, HOSTNAME } from "../harness/broker_process.ts";
import { killChildren } from "../harness/process/child.ts";
import { print, tell } from "../harness/print.ts";
import { readScale } from "../harness/frame/scale.ts";
import { summarise } from "../harness/statistics.ts";
import { formatNumber, formatTable } from "../harness/table.ts";
import {
  answerRequests,
  measureTrips,
  prepareRequests,
  type TripPlan,
  type TripResult,
} from "./round_trips.ts";

/** How many requests are under way at a time, and which share of the messages of a round they are. */
const PLANS = [
  { inFlight: 1, share: 1 / 400 },
  { inFlight: 100, share: 1 / 20 },
  { inFlight: 1000, share: 1 / 10 },
] as const;

const ENGINES: readonly EngineName[] = ["journal", "memory"];

/** Requests of one kind, with what each round has shown. */
interface Row {
  readonly engine: EngineName;
  readonly plan: TripPlan;
  readonly results: readonly TripResult[];
}

async function measure(rounds: number, messages: number): Promise<void> {
  const rows: Row[] = [];
  let count = 0;
  for (const engine of ENGINES) {
    await using broker = await BrokerProcess.start(engine);
    const open = () => connect({ hostname: HOSTNAME, port: broker.port, name: "bench" });
    await using requester = await open();
    const responder = await open();
    await prepareRequests(requester);
    const answering = answerRequests(responder);
    let askedCount = 0;
    for (const { inFlight, share } of PLANS) {
      const plan = { inFlight, count: Math.max(inFlight, Math.round(messages * share)) };
      const results: TripResult[] = [];
      for (let round = 0; round <= rounds; round++) {
        const what = round === 0 ? "warm-up" : `round ${round} of ${rounds}`;
        tell(`${engine}, ${inFlight} under way, ${what}`);
        const result = await measureTrips(requester, plan);
        askedCount += plan.count;
        if (round > 0) results.push(result);
      }
      rows.push({ engine, plan, results });
    }
    await responder.close();
    const answeredCount = await answering;
    if (answeredCount !== askedCount) {
      throw new Error(`${askedCount} requests were made, ${answeredCount} were answered`);
    }
    count += askedCount;
  }
  print(formatRows(rows));
  print(
    `\n${formatNumber(count)} requests were made; each was delivered once, and got its own reply.`,
  );
}

function formatRows(rows: readonly Row[]): string {
  const head = ["engine", "under way", "requests/s", "lowest", "highest", "p50 ms", "p99 ms"];
  const cells = rows.map(({ engine, plan, results }) => {
    const rate = summarise(results.map(({ rate }) => rate));
    const p50 = summarise(results.map(({ latencyMs }) => latencyMs.p50));
    const p99 = summarise(results.map(({ latencyMs }) => latencyMs.p99));
    return [
      engine,
      formatNumber(plan.inFlight),
      formatNumber(rate.median),
      formatNumber(rate.lowest),
      formatNumber(rate.highest),
      formatNumber(p50.median, 3),
      formatNumber(p99.median, 3),
    ];
  });
  return formatTable({ head, rows: cells });
}

if (import.meta.main) {
  try {
    const { rounds, messages } = readScale(Deno.args);
    await measure(rounds, messages);
  } catch (error) {
    tell(`The bench has failed: ${error instanceof Error ? error.message : error}`);
    killChildren();
    Deno.exit(1);
  }
}
