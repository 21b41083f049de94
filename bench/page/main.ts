/**
 * Measures what the management page costs others: confirms while many log in with passwords, and
 * throughput while a tab is open.
 *
 * ```text
 * deno task bench:page [--parts logins,tab] [--rounds 5] [--quick]
 * ```
 *
 * The brokers are processes of their own; with and without take turns in each round, and ratios are of
 * the same round.
 *
 * @module
 */

import { Arguments } from "../harness/frame/arguments.ts";
import { repeat, runMain } from "../harness/frame/main.ts";
import { describeSurroundings, formatFacts } from "../harness/frame/surroundings.ts";
import { print } from "../harness/print.ts";
import { CpuMeter } from "../harness/process/cpu_meter.ts";
import { runRound } from "../harness/round.ts";
import { BATCHES } from "../harness/sending.ts";
import { type Percentiles, summarise } from "../harness/statistics.ts";
import { formatColumns } from "../harness/table.ts";
import { compare } from "../tls/comparison.ts";
import { sendSteadily } from "../work/steady/steady_sender.ts";
import { PageBroker } from "./page_broker.ts";

/** How many log in at once, every four seconds, each from an address of its own. */
const LOGINS = 50;

/** What the publisher sends while they do: messages a second, each of so many bytes. */
const PACE = { rate: 500 };
const BODY_BYTES = 100;

/** How long it is watched, in seconds, and what comes before. */
const SECONDS = 4;
const WARM_UP = 300;

/** The messages of a round of throughput. */
const MESSAGES = 2_000_000;

interface Scale {
  readonly rounds: number;
  readonly seconds: number;
  readonly messages: number;
}

const PARTS = ["logins", "tab"] as const;

/** Where the logins are made: nowhere, at the publisher's broker, or at another one, which costs the machine as much. */
const STORMS = ["none", "here", "at another broker"] as const;

type Storm = typeof STORMS[number];

async function measureLogins({ rounds, seconds }: Scale): Promise<string> {
  await using here = await PageBroker.start("journal");
  await using there = await PageBroker.start("journal");
  const statuses = new Map<number, number>();
  const samples = await repeat("logins: round", rounds, async () => {
    const found: Partial<Record<Storm, Percentiles>> = {};
    for (const storm of STORMS) {
      const target = storm === "none" ? undefined : storm === "here" ? here : there;
      const worker = target && startLogins(target.httpPort, statuses);
      found[storm] = await publishSteadily(here, seconds);
      worker?.terminate();
    }
    return found as Record<Storm, Percentiles>;
  });
  const p99 = (storm: Storm) => samples.map((sample) => sample[storm].p99);
  const table = formatColumns(STORMS, [
    [`${LOGINS} logins at once`, (storm) => storm],
    ["confirm p50 ms", (storm) => summarise(samples.map((one) => one[storm].p50)).median, 2],
    ["p99 ms", (storm) => summarise(p99(storm)).median, 2],
    ["p99, ratio", (storm) => compare(p99(storm), p99("none")).median, 2],
    ["highest", (storm) => compare(p99(storm), p99("none")).highest, 2],
  ]);
  const told = [...statuses].map(([status, count]) => `${count} with ${status}`).join(", ");
  return `${table}\nAnswers: ${told}`;
}

/** Has many log in at once, again and again, until it is terminated. */
function startLogins(port: number, statuses: Map<number, number>): Worker {
  const worker = new Worker(new URL("./login_worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data: status }: MessageEvent<number>) => {
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  worker.postMessage({ port, count: LOGINS });
  return worker;
}

async function publishSteadily({ broker }: PageBroker, seconds: number): Promise<Percentiles> {
  await using publishing = await broker.connect();
  await using following = await broker.connect();
  const { latency } = await broker.during(runRound({ publishing, following }, {
    way: sendSteadily(PACE, WARM_UP),
    bodyBytes: BODY_BYTES,
    count: WARM_UP + Math.ceil(PACE.rate * seconds),
  }));
  return latency.confirm;
}

async function measureTab({ rounds, messages }: Scale): Promise<string> {
  await using page = await PageBroker.start("memory");
  const samples = await repeat("tab: round", rounds + 1, async () => {
    const without = await publishAll(page, messages);
    const closeTab = await page.openTab();
    const withTab = await publishAll(page, messages);
    closeTab();
    return { without, withTab };
  });
  // Everything is new in the first one.
  const counted = samples.slice(1);
  const rows = [
    { name: "no tab", found: counted.map(({ without }) => without) },
    { name: "a tab", found: counted.map(({ withTab }) => withTab) },
  ];
  const read = (index: number, part: keyof Throughput) =>
    rows[index]!.found.map((one) => one[part]);
  const ratio = (part: keyof Throughput) => compare(read(1, part), read(0, part));
  return formatColumns([0, 1], [
    ["100 B, batches of 256, memory", (index) => rows[index]!.name],
    ["messages/s", (index) => summarise(read(index, "rate")).median, 0],
    ["ratio", (index) => index === 0 ? 1 : ratio("rate").median, 3],
    ["broker CPU, µs/message", (index) => summarise(read(index, "cpu")).median, 3],
    ["ratio", (index) => index === 0 ? 1 : ratio("cpu").median, 3],
  ]);
}

/** What a broker passed on, and what it took. */
interface Throughput {
  /** Messages a second. */
  readonly rate: number;
  /** Microseconds of the broker's processor time for each message. */
  readonly cpu: number;
}

async function publishAll({ broker }: PageBroker, count: number): Promise<Throughput> {
  await using publishing = await broker.connect();
  await using following = await broker.connect();
  const meter = new CpuMeter(broker.pid);
  meter.start();
  const plan = { way: BATCHES, bodyBytes: 100, count };
  const { rate } = await broker.during(runRound({ publishing, following }, plan));
  meter.stop();
  return { rate, cpu: meter.taken!.broker / count * 1e6 };
}

async function measure(args: readonly string[]): Promise<void> {
  const flags = new Arguments(args, ["parts", "rounds"], ["quick"]);
  const isQuick = flags.has("quick");
  const scale = {
    rounds: flags.readCount("rounds", isQuick ? 1 : 5),
    seconds: isQuick ? 0.5 : SECONDS,
    messages: isQuick ? 2000 : MESSAGES,
  };
  print(formatFacts(describeSurroundings([])));
  for (const part of flags.readSome("parts", PARTS, (part) => part)) {
    print(`\n${await (part === "logins" ? measureLogins(scale) : measureTab(scale))}`);
  }
}

if (import.meta.main) await runMain(() => measure(Deno.args));
