import type { CpuTimes } from "../harness/process/cpu_meter.ts";
import type { EngineName } from "../harness/broker_process.ts";
import { type Fact, formatFacts } from "../harness/frame/surroundings.ts";
import type { RoundPlan } from "../harness/round.ts";
import { findQuantile, summarise, type Summary } from "../harness/statistics.ts";
import { type Column, formatColumns, formatNumber, spread } from "../harness/table.ts";
import type { Pass } from "../harness/transfer.ts";
import type { ReceiptTimes } from "./receipt_time.ts";

/** A round, with the processor time that it took, where the system tells. */
export interface RoundResult extends Pass {
  readonly cpu: CpuTimes | undefined;
}

/** Rounds of one kind. */
export interface Row {
  readonly engine: EngineName;
  readonly plan: RoundPlan;
  readonly results: readonly RoundResult[];
}

/** Everything that was measured. */
export interface Findings {
  readonly facts: readonly Fact[];
  readonly rows: readonly Row[];
  /** For each round, the times of flushes and of receipts on the journal's disk. */
  readonly receipts: readonly ReceiptTimes[];
  /** From starting a broker to the first handshake, in milliseconds. */
  readonly startMs: readonly number[];
  /** Bytes of memory for an idle connection; none where the system does not tell. */
  readonly idleBytes: readonly number[];
  /** Which part of one processor a broker with idle clients takes, in the same way. */
  readonly idleCpu: readonly number[];
  /** On how many connections, or clients, both were measured. */
  readonly connections: number;
}

/** Writes the page, as Markdown. */
export function formatReport(findings: Findings): string {
  const { facts, rows, receipts } = findings;
  return [
    formatFacts(facts),
    "Published, confirmed, delivered and acknowledged; the median of all rounds:",
    formatThroughput(rows),
    "Processor time for each message, in microseconds; the mean of all rounds:",
    formatCpu(rows),
    "Each message awaited before the next one is sent, in milliseconds:",
    formatLatency(rows.filter(({ plan }) => plan.way.isTimed)),
    formatReceipts(receipts),
    "The broker's process:",
    formatProcess(findings),
    formatAccount(rows),
  ].join("\n\n");
}

function formatThroughput(rows: readonly Row[]): string {
  return formatColumns(rows, [
    ["published with", ({ plan }) => plan.way.name],
    ["engine", ({ engine }) => engine],
    ["body", formatBody],
    ...spread<Row>("messages/s", rateOf),
    ["MB/s", (row) => rateOf(row).median * row.plan.bodyBytes / 1e6],
    ["rounds of", ({ plan }) => plan.count],
    ["of memory", (row) => formatShare(row, rows)],
  ]);
}

/** What messages cost: the mean, because the system counts in coarse steps. */
function formatCpu(rows: readonly Row[]): string {
  const mean = (side: keyof CpuTimes) => ({ plan, results }: Row) => {
    if (results.some(({ cpu }) => cpu === undefined)) return "";
    const seconds = results.reduce((sum, { cpu }) => sum + cpu![side], 0);
    return formatNumber(seconds / (plan.count * results.length) * 1e6, 2);
  };
  return formatColumns(rows, [
    ["published with", ({ plan }) => plan.way.name],
    ["engine", ({ engine }) => engine],
    ["body", formatBody],
    ["broker", mean("broker")],
    ["clients", mean("clients")],
  ]);
}

function rateOf({ results }: Row): Summary {
  return summarise(results.map(({ rate }) => rate));
}

/** How much of the memory engine's rate a row reaches, in the same run. */
function formatShare(row: Row, rows: readonly Row[]): string {
  const { way, bodyBytes } = row.plan;
  const other = rows.find(({ engine, plan }) =>
    engine === "memory" && plan.way === way && plan.bodyBytes === bodyBytes
  );
  if (other === undefined || other === row) return "";
  return `${formatNumber(100 * rateOf(row).median / rateOf(other).median)} %`;
}

function formatLatency(rows: readonly Row[]): string {
  const ends = rows.flatMap((row) => {
    const latencies = row.results.map(({ latency }) => latency);
    return [
      { row, end: "its receipt", times: latencies.map(({ confirm }) => confirm) },
      { row, end: "the follower", times: latencies.map(({ delivery }) => delivery) },
    ];
  });
  type End = typeof ends[number];
  const find = ({ times }: End, key: "p50" | "p99") => summarise(times.map((time) => time[key]));
  return formatColumns(ends, [
    ["from sendMessage to", ({ end }) => end],
    ["engine", ({ row }) => row.engine],
    ["body", ({ row }) => formatBody(row)],
    ["p50", (end) => find(end, "p50").median, 3],
    ["p99", (end) => find(end, "p99").median, 3],
    ["lowest p99", (end) => find(end, "p99").lowest, 3],
    ["highest p99", (end) => find(end, "p99").highest, 3],
  ]);
}

/** What a receipt takes beside what the disk takes. */
function formatReceipts(receipts: readonly ReceiptTimes[]): string {
  const flush = findQuantile(receipts.flatMap(({ flushMs }) => flushMs), 0.5);
  const receipt = findQuantile(receipts.flatMap(({ receiptMs }) => receiptMs), 0.5);
  const ratios = summarise(receipts.map(({ flushMs, receiptMs }) => {
    return findQuantile(receiptMs, 0.5) / findQuantile(flushMs, 0.5);
  }));
  const [median, lowest, highest] = [ratios.median, ratios.lowest, ratios.highest]
    .map((ratio) => formatNumber(ratio, 2));
  return `In turn with one write and fdatasync on the same disk (p50 ${
    formatNumber(flush, 3)
  } ms), a receipt takes p50 ${
    formatNumber(receipt, 3)
  } ms: ${median} times as long (${lowest} to ${highest}).`;
}

function formatProcess({ startMs, idleBytes, idleCpu, connections }: Findings): string {
  interface Fact {
    readonly what: string;
    readonly values: readonly number[];
    readonly decimals: number;
    readonly measured: string;
  }
  const rows: Fact[] = [{
    what: "spawn to first handshake, ms",
    values: startMs,
    decimals: 0,
    measured: `${startMs.length} times`,
  }, {
    what: "idle connection, kB of memory",
    values: idleBytes.map((bytes) => bytes / 1000),
    decimals: 1,
    measured: `${idleBytes.length} times ${formatNumber(connections)}`,
  }, {
    what: "broker with idle clients, % of a processor",
    values: idleCpu.map((part) => 100 * part),
    decimals: 2,
    measured: `${formatNumber(connections)} with a publisher and a follower each`,
  }];
  const read = (key: keyof Summary): Column<Fact> => [key, ({ values, decimals }) => {
    return formatNumber(summarise(values)[key], decimals);
  }];
  return formatColumns(rows.filter(({ values }) => values.length > 0), [
    ["what", ({ what }) => what],
    read("median"),
    read("lowest"),
    read("highest"),
    ["measured", ({ measured }) => measured],
  ]);
}

/** Tells what was accounted for; a round that does not add up has ended the bench before. */
function formatAccount(rows: readonly Row[]): string {
  const count = rows.reduce((sum, { plan, results }) => sum + plan.count * results.length, 0);
  return `Accounted for: ${
    formatNumber(count)
  } messages, each stored, taken and acknowledged once.`;
}

function formatBody({ plan }: Row): string {
  return `${formatNumber(plan.bodyBytes)} B`;
}
