/**
 * What the bench has found out, as a page of Markdown.
 *
 * @module
 */

import type { Latency } from "./latency.ts";
import type { RoundPlan, RoundResult } from "./round.ts";
import { summarise, type Summary } from "./statistics.ts";
import type { Fact } from "./surroundings.ts";
import { formatNumber, formatTable } from "./table.ts";

/** Rounds of one kind. */
export interface Row {
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
  /** From starting a broker to the first handshake, in milliseconds. */
  readonly startMs: readonly number[];
  /** Bytes of memory for an idle connection; none where the system does not tell. */
  readonly idleBytes: readonly number[];
  /** On how many connections that was measured. */
  readonly connections: number;
}

/** Writes the page. */
export function formatReport(findings: Findings): string {
  const { facts, rows } = findings;
  return [
    facts.map(([what, value]) => `- ${what}: ${value}`).join("\n"),
    "Published, confirmed, delivered and acknowledged; the median of all rounds:",
    formatThroughput(rows),
    "Each message awaited before the next one is sent, in milliseconds:",
    formatLatency(rows.filter(({ plan }) => plan.way.isTimed)),
    "The broker's process:",
    formatProcess(findings),
    formatAccount(rows),
  ].join("\n\n");
}

function formatThroughput(rows: readonly Row[]): string {
  const head = ["published with", "body", "messages/s", "lowest", "highest", "MB/s", "rounds of"];
  const cells = rows.map(({ plan, results }) => {
    const rate = summarise(results.map(({ rate }) => rate));
    return [
      plan.way.name,
      formatBody(plan),
      ...formatSummary(rate),
      formatNumber(rate.median * plan.bodyBytes / 1e6),
      formatNumber(plan.count),
    ];
  });
  return formatTable({ head, rows: cells });
}

function formatLatency(rows: readonly Row[]): string {
  const head = ["from sendMessage to", "body", "p50", "p99", "lowest p99", "highest p99"];
  const cells = rows.flatMap(({ plan, results }) => {
    const latencies = results.map(({ latency }) => latency);
    return [
      ["its receipt", formatBody(plan), ...formatLatencies(latencies.map((log) => log.confirm))],
      ["the follower", formatBody(plan), ...formatLatencies(latencies.map((log) => log.delivery))],
    ];
  });
  return formatTable({ head, rows: cells });
}

function formatLatencies(latencies: readonly Latency[]): string[] {
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
