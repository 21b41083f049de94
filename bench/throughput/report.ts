/**
 * What the bench has found out, as a page of Markdown.
 *
 * @module
 */

import type { EngineName } from "../harness/broker_process.ts";
import type { FlushTimes } from "../flush_time.ts";
import type { Percentiles } from "../harness/latency_log.ts";
import type { RoundPlan, RoundResult } from "../harness/round.ts";
import { findQuantile, summarise, type Summary } from "../harness/statistics.ts";
import type { Fact } from "../harness/frame/surroundings.ts";
import { formatNumber, formatTable } from "../harness/table.ts";

/** Rounds of one kind. */
export interface Row {
  /** What held the streams. */
  readonly engine: EngineName;
  /** What was done in each. */
  readonly plan: RoundPlan;
  /** What each has shown. */
  readonly results: readonly RoundResult[];
}

/** Everything that was measured. */
export interface Findings {
  /** Where it was measured. */
  readonly facts: readonly Fact[];
  /** The rounds. */
  readonly rows: readonly Row[];
  /** What a flush took on the journal's disk, and what a receipt, in turn; for each round. */
  readonly flushes: readonly FlushTimes[];
  /** From starting a broker to the first handshake, in milliseconds. */
  readonly startMs: readonly number[];
  /** Bytes of memory for an idle connection; none where the system does not tell. */
  readonly idleBytes: readonly number[];
  /** On how many connections that was measured. */
  readonly connections: number;
}

/** Writes the page. */
export function formatReport(findings: Findings): string {
  const { facts, rows, flushes } = findings;
  const timed = rows.filter(({ plan }) => plan.way.isTimed);
  return [
    facts.map(([what, value]) => `- ${what}: ${value}`).join("\n"),
    "Published, confirmed, delivered and acknowledged; the median of all rounds:",
    formatThroughput(rows),
    "Each message awaited before the next one is sent, in milliseconds:",
    formatLatency(timed),
    formatFlushes(flushes),
    "The broker's process:",
    formatProcess(findings),
    formatAccount(rows),
  ].join("\n\n");
}

function formatThroughput(rows: readonly Row[]): string {
  const head = ["published with", "engine", "body", "messages/s", "lowest", "highest", "MB/s"]
    .concat("rounds of", "of memory");
  const cells = rows.map((row) => {
    const { engine, plan } = row;
    const rate = rateOf(row);
    return [
      plan.way.name,
      engine,
      formatBody(plan),
      ...formatSummary(rate),
      formatNumber(rate.median * plan.bodyBytes / 1e6),
      formatNumber(plan.count),
      formatShare(row, rows),
    ];
  });
  return formatTable({ head, rows: cells });
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

/** What a receipt takes beside what the disk takes. */
function formatFlushes(flushes: readonly FlushTimes[]): string {
  const flush = findQuantile(flushes.flatMap(({ flushMs }) => flushMs), 0.5);
  const receipt = findQuantile(flushes.flatMap(({ receiptMs }) => receiptMs), 0.5);
  const ratios = summarise(
    flushes.map(({ flushMs, receiptMs }) =>
      findQuantile(receiptMs, 0.5) / findQuantile(flushMs, 0.5)
    ),
  );
  const [median, lowest, highest] = formatSummary(ratios, 2);
  return `In turn with one write and fdatasync on the same disk (p50 ${
    formatNumber(flush, 3)
  } ms), a receipt takes p50 ${
    formatNumber(receipt, 3)
  } ms: ${median} times as long (${lowest} to ${highest}).`;
}

function formatLatency(rows: readonly Row[]): string {
  const head = ["from sendMessage to", "engine", "body", "p50", "p99", "lowest p99", "highest p99"];
  const cells = rows.flatMap(({ engine, plan, results }) => {
    const latencies = results.map(({ latency }) => latency);
    const confirms = formatLatencies(latencies.map((log) => log.confirm));
    const deliveries = formatLatencies(latencies.map((log) => log.delivery));
    return [
      ["its receipt", engine, formatBody(plan), ...confirms],
      ["the follower", engine, formatBody(plan), ...deliveries],
    ];
  });
  return formatTable({ head, rows: cells });
}

function formatLatencies(latencies: readonly Percentiles[]): string[] {
  const p50 = summarise(latencies.map(({ p50 }) => p50));
  const p99 = summarise(latencies.map(({ p99 }) => p99));
  return [formatNumber(p50.median, 3), ...formatSummary(p99, 3)];
}

function formatProcess({ startMs, idleBytes, connections }: Findings): string {
  const head = ["what", "median", "lowest", "highest", "measured"];
  const rows = [
    [
      "spawn to first handshake, ms",
      ...formatSummary(summarise(startMs)),
      `${startMs.length} times`,
    ],
  ];
  if (idleBytes.length > 0) {
    const kilobytes = summarise(idleBytes.map((bytes) => bytes / 1000));
    const measured = `${idleBytes.length} times ${formatNumber(connections)}`;
    rows.push(["idle connection, kB of memory", ...formatSummary(kilobytes, 1), measured]);
  }
  return formatTable({ head, rows });
}

/** Tells what was accounted for; a round that does not add up has ended the bench before. */
function formatAccount(rows: readonly Row[]): string {
  const count = rows.reduce((sum, { plan, results }) => sum + plan.count * results.length, 0);
  return `Accounted for: ${
    formatNumber(count)
  } messages, each stored, taken and acknowledged once.`;
}

function formatBody({ bodyBytes }: RoundPlan): string {
  return `${formatNumber(bodyBytes)} B`;
}

function formatSummary({ median, lowest, highest }: Summary, decimals = 0): string[] {
  return [median, lowest, highest].map((value) => formatNumber(value, decimals));
}
