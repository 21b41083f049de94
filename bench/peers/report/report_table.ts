/**
 * The table of a work: a row for each peer, or two where times are told.
 *
 * @module
 */

import type { Percentiles } from "../../harness/latency_log.ts";
import type { Summary } from "../../harness/statistics.ts";
import { formatNumber, formatTable } from "../../harness/table.ts";
import { type AgendaEntry, BARE } from "../agenda.ts";
import { type Findings, findResults, type KnownPeer, sumUp } from "./findings.ts";
import type { Result } from "../../work/work.ts";

/** The one that ratios are of. */
const OURS = "simplemq";

/** The first columns of all tables. */
const HEAD = ["peer", "on disk before a confirm"];

/** What the cells of a table are made of. */
interface Rows {
  readonly findings: Findings;
  /** The id of the work. */
  readonly id: string;
  /** Those that have done it. */
  readonly peers: readonly KnownPeer[];
}

/** Writes the table of a work, and what has to be said of it; `undefined` if nobody has done it. */
export function makeWorkTable(findings: Findings, entry: AgendaEntry): string[] | undefined {
  const { id, work } = entry;
  const peers = findings.peers.filter(({ name }) => findResults(findings, name, id).length > 0);
  if (peers.length === 0) return undefined;
  const rows = { findings, id, peers };
  switch (work.kind) {
    case "throughput":
      return [formatRates(rows, work.bodyBytes)];
    case "fan-out":
      return [
        `Messages published in a second; each of them was delivered ${work.streams} times.`,
        formatRates(rows, work.bodyBytes),
      ];
    case "awaited":
      return ["In milliseconds, from the call.", formatTimes(rows)];
    case "steady":
      return [
        "In milliseconds, from the turn of a timer in which a message was sent, or from 3 ms after the turn " +
        "before if that is earlier. The last column is the p99 divided by what " +
        "one write and fdatasync takes on the same disk in the same visit (its p50).",
        formatTimes(rows, (result) => result.flushMs?.p50),
      ];
    case "backlog":
      return [formatBacklog(rows)];
    case "idle":
      return [formatIdle(rows)];
  }
}

function formatRates(rows: Rows, bodyBytes: number): string {
  const { findings, id, peers } = rows;
  const limit = sumUp(findings, BARE, id, readRate)?.median;
  const head = [...HEAD, "messages/s", "lowest", "highest", "MB/s", "ratio"];
  if (limit !== undefined) head.push("of the bare program");
  const cells = peers.map((peer) => {
    const rate = sumUp(findings, peer.name, id, readRate);
    const row = [
      ...formatPeer(peer),
      ...formatSummary(rate),
      formatMaybe(rate && rate.median * bodyBytes / 1e6, 1),
      formatRatio(rows, peer, readRate),
    ];
    if (limit !== undefined) row.push(formatShare(rate, limit));
    return row;
  });
  return formatTable({ head, rows: cells });
}

function formatTimes(rows: Rows, readFlush?: (result: Result) => number | undefined): string {
  const { findings, id, peers } = rows;
  const head = [...HEAD, "until", "p50", "p99", "p99.9", "lowest p99", "highest p99"];
  head.push("ratio of p50", "ratio of p99");
  if (readFlush !== undefined) head.push("p99 in fdatasyncs");
  const ends: (readonly [string, (result: Result) => Percentiles | undefined])[] = [
    ["confirmed", (result) => result.confirmMs],
    ["delivered", (result) => result.deliveryMs],
  ];
  const cells = peers.flatMap((peer) =>
    ends.map(([end, read]) => {
      const find = (key: keyof Percentiles) =>
        sumUp(findings, peer.name, id, (result) => read(result)?.[key]);
      const p99 = find("p99");
      const row = [
        ...formatPeer(peer),
        end,
        formatMaybe(find("p50")?.median, 3),
        formatMaybe(p99?.median, 3),
        formatMaybe(find("p999")?.median, 3),
        formatMaybe(p99?.lowest, 3),
        formatMaybe(p99?.highest, 3),
        formatRatio(rows, peer, (result) => read(result)?.p50),
        formatRatio(rows, peer, (result) => read(result)?.p99),
      ];
      if (readFlush !== undefined) {
        const flushes = sumUp(findings, peer.name, id, (result) => {
          const flush = readFlush(result);
          const time = read(result)?.p99;
          return flush === undefined || time === undefined ? undefined : time / flush;
        });
        row.push(formatMaybe(flushes?.median, 1));
      }
      return row;
    })
  );
  return formatTable({ head, rows: cells });
}

function formatBacklog(rows: Rows): string {
  const { findings, id, peers } = rows;
  const head = [...HEAD, "fill, s", "memory, MB", "drain, s"];
  head.push("ratio of memory", "ratio of fill", "ratio of drain");
  const cells = peers.map((peer) => {
    const find = (read: (result: Result) => number | undefined) =>
      sumUp(findings, peer.name, id, read)?.median;
    return [
      ...formatPeer(peer),
      formatMaybe(find(readFill), 1),
      formatMaybe(find(readMegabytes)),
      formatMaybe(find(readDrain), 1),
      formatRatio(rows, peer, readMegabytes),
      formatRatio(rows, peer, readFill),
      formatRatio(rows, peer, readDrain),
    ];
  });
  return formatTable({ head, rows: cells });
}

function formatIdle(rows: Rows): string {
  const { findings, id, peers } = rows;
  const head = [...HEAD, "kB for a connection", "ratio", "messages/s of the pair", "ratio of it"];
  const cells = peers.map((peer) => [
    ...formatPeer(peer),
    formatMaybe(sumUp(findings, peer.name, id, readKilobytes)?.median, 1),
    formatRatio(rows, peer, readKilobytes),
    formatMaybe(sumUp(findings, peer.name, id, readRate)?.median),
    formatRatio(rows, peer, readRate),
  ]);
  return formatTable({ head, rows: cells });
}

const readRate = ({ rate }: Result) => rate;
const readFill = ({ fillSeconds }: Result) => fillSeconds;
const readDrain = ({ drainSeconds }: Result) => drainSeconds;
const readMegabytes = ({ backlogBytes }: Result) => backlogBytes && backlogBytes / 1e6;
const readKilobytes = ({ connectionBytes }: Result) => connectionBytes && connectionBytes / 1e3;

function formatPeer({ title, durability }: KnownPeer): string[] {
  return [title, durability];
}

/** What is ours divided by what is a peer's, from the medians of both. */
function formatRatio(
  { findings, id }: Rows,
  { name }: KnownPeer,
  read: (result: Result) => number | undefined,
): string {
  const ours = sumUp(findings, OURS, id, read);
  const theirs = sumUp(findings, name, id, read);
  if (name === OURS || ours === undefined || theirs === undefined) return "";
  // A system counts memory in pages: few connections may seem to take none.
  if (theirs.median <= 0) return "";
  const ratio = ours.median / theirs.median;
  // Three digits that count.
  const decimals = ratio > 0 ? 2 - Math.floor(Math.log10(ratio)) : 0;
  return formatNumber(ratio, Math.min(4, Math.max(0, decimals)));
}

function formatShare(rate: Summary | undefined, limit: number): string {
  return rate === undefined ? "" : `${formatNumber(100 * rate.median / limit)} %`;
}

function formatSummary(summary: Summary | undefined): string[] {
  return [summary?.median, summary?.lowest, summary?.highest].map((value) => formatMaybe(value));
}

function formatMaybe(value: number | undefined, decimals = 0): string {
  return value === undefined ? "" : formatNumber(value, decimals);
}
