/**
 * Measures requests and replies: how many a second, and how long each takes.
 *
 * ```text
 * deno task bench:requests [--rounds 5] [--messages 800000] [--quick]
 * ```
 *
 * @module
 */

import { BrokerProcess, type EngineName, ENGINES } from "../harness/broker_process.ts";
import { runMain, runRounds } from "../harness/frame/main.ts";
import { readScale } from "../harness/frame/scale.ts";
import { print } from "../harness/print.ts";
import { summarise } from "../harness/statistics.ts";
import { formatColumns, formatNumber, spread } from "../harness/table.ts";
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

/** Requests of one kind, and the results of all rounds. */
interface Row {
  readonly engine: EngineName;
  readonly plan: TripPlan;
  readonly results: readonly TripResult[];
}

async function measure(rounds: number, messages: number): Promise<void> {
  const rows: Row[] = [];
  for (const engine of ENGINES) rows.push(...await measureEngine(engine, rounds, messages));
  print(formatRows(rows));
  const count = rows.reduce((sum, { plan }) => sum + plan.count * (rounds + 1), 0);
  print(
    `\n${formatNumber(count)} requests were made; each was delivered once, and got its own reply.`,
  );
}

async function measureEngine(
  engine: EngineName,
  rounds: number,
  messages: number,
): Promise<Row[]> {
  await using broker = await BrokerProcess.start(engine);
  await using requester = await broker.connect();
  const responder = await broker.connect();
  await prepareRequests(requester);
  const answering = answerRequests(responder);
  const rows: Row[] = [];
  let askedCount = 0;
  for (const { inFlight, share } of PLANS) {
    const plan = { inFlight, count: Math.max(inFlight, Math.round(messages * share)) };
    const results = await runRounds(`${engine}, ${inFlight} under way`, rounds, async () => {
      askedCount += plan.count;
      return await measureTrips(requester, plan);
    });
    rows.push({ engine, plan, results });
  }
  await responder.close();
  const answeredCount = await answering;
  if (answeredCount === askedCount) return rows;
  throw new Error(`${askedCount} requests were made, ${answeredCount} were answered`);
}

function formatRows(rows: readonly Row[]): string {
  const find = ({ results }: Row, read: (result: TripResult) => number) =>
    summarise(results.map(read));
  return formatColumns(rows, [
    ["engine", ({ engine }) => engine],
    ["under way", ({ plan }) => plan.inFlight],
    ...spread<Row>("requests/s", (row) => find(row, ({ rate }) => rate)),
    ["p50 ms", (row) => find(row, ({ latencyMs }) => latencyMs.p50).median, 3],
    ["p99 ms", (row) => find(row, ({ latencyMs }) => latencyMs.p99).median, 3],
  ]);
}

if (import.meta.main) {
  await runMain(async () => {
    const { rounds, messages } = readScale(Deno.args);
    await measure(rounds, messages);
  });
}
