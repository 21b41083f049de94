import type { Percentiles } from "../../harness/statistics.ts";
import { formatNumber, type Table } from "../../harness/table.ts";
import type { Result } from "../../work/work.ts";
import { BARE, DURABLE } from "../agenda.ts";
import { describeRounds, type Findings, type KnownPeer, sumUp } from "./findings.ts";

/** Reads a figure of a work. */
type Read = (result: Result) => number | undefined;

/** A column: its head, the work, its figure, and how to write that. */
type Figure = readonly [head: string, work: string, read: Read, write: (value: number) => string];

const readRate: Read = ({ rate }) => rate;
const readServerCpu: Read = ({ cpu, count }) => cpu && cpu.broker * 1e6 / count;
const readClientsCpu: Read = ({ cpu, count }) => cpu && cpu.clients * 1e6 / count;
const readConfirm = (part: keyof Percentiles): Read => ({ confirmMs }) => confirmMs?.[part];
const readMegabytes: Read = ({ backlogBytes }) => backlogBytes && backlogBytes / 1e6;
const readKilobytes: Read = ({ connectionBytes }) => connectionBytes && connectionBytes / 1e3;

const RATES: readonly Figure[] = [
  ["100 B", "throughput-100", readRate, formatNumber],
  ["1 KiB", "throughput-1k", readRate, formatNumber],
  ["16 KiB", "throughput-16k", readRate, formatNumber],
  ["100 B, four by four", "four-by-four", readRate, formatNumber],
  ["server's CPU, µs", "throughput-100", readServerCpu, formatTime],
  ["clients' CPU, µs", "throughput-100", readClientsCpu, formatTime],
];

const TIMES: readonly Figure[] = [
  ["one at a time, p50", "awaited", readConfirm("p50"), formatTime],
  ["p99", "awaited", readConfirm("p99"), formatTime],
  ["1,000/s, p50", "steady-1k", readConfirm("p50"), formatTime],
  ["p99", "steady-1k", readConfirm("p99"), formatTime],
  ["10,000/s, p50", "steady-10k", readConfirm("p50"), formatTime],
  ["p99", "steady-10k", readConfirm("p99"), formatTime],
  ["p99.9", "steady-10k", readConfirm("p999"), formatTime],
  ["delivered, p99", "steady-10k", ({ deliveryMs }) => deliveryMs?.p99, formatTime],
];

const STOCKS: readonly Figure[] = [
  ["a million, MB", "backlog-1m", readMegabytes, formatNumber],
  ["ten million, MB", "backlog-10m", readMegabytes, formatNumber],
  ["a million filled, s", "backlog-1m", ({ fillSeconds }) => fillSeconds, formatTime],
  ["started, s", "backlog-1m", ({ startSeconds }) => startSeconds, formatTime],
  ["ten million started, s", "backlog-10m", ({ startSeconds }) => startSeconds, formatTime],
  ["an idle connection, kB", "idle", readKilobytes, formatTime],
];

/** The throughput of all peers, and what a message costs. */
export function summariseRates(findings: Findings): Table {
  return makeTable(findings, RATES, ["flushes to disk", ({ flushed }) => flushed]);
}

/** The latency of all peers, in milliseconds. */
export function summariseTimes(findings: Findings): Table {
  return makeTable(findings, TIMES);
}

/** What queued messages and connections cost. */
export function summariseStocks(findings: Findings): Table {
  return makeTable(findings, STOCKS);
}

/** So many times the throughput of the peers that keep messages on a disk, with small and large bodies. */
export function summariseFactors(findings: Findings): readonly Factors[] {
  const factor = (peer: string, work: string) => {
    const [ours, theirs] = ["simplemq", peer].map((one) => sumUp(findings, one, work, readRate));
    if (ours === undefined || theirs === undefined) return "";
    const ratio = ours.median / theirs.median;
    // The report writes three digits that count, or all before the point.
    return `${Math.round(ratio < 100 ? Number(ratio.toPrecision(3)) : ratio)}×`;
  };
  const others = findings.peers.filter(({ name }) => name !== "simplemq" && DURABLE.includes(name));
  return others.map((peer) => ({
    peer,
    factors: ["throughput-100", "throughput-1k"].map((work) => factor(peer.name, work)),
  }));
}

/** How SimpleMQ compares with a peer. */
export interface Factors {
  readonly peer: KnownPeer;
  readonly factors: readonly string[];
}

/** Which versions were measured, where and how often, in a paragraph. */
export function describeVersions(findings: Findings): string {
  const versions = new Map<string, string>();
  for (const { name, title, version } of findings.peers) {
    if (name !== BARE) versions.set(title.split(",")[0]!.replace(/ on .*/, ""), version);
  }
  const fact = (name: string) => findings.facts.find(([what]) => what === name)?.[1];
  const names = [...versions].map(([name, version]) => `${name} ${version.split(" ")[0]}`);
  const below = findings.peers.map(({ version }) => / on (.*)/.exec(version)?.[1]);
  const stores = [...new Set(below.filter((one) => one !== undefined))];
  const note = fact("Note");
  return [
    `Versions: ${[...names, ...stores].join(", ")}.`,
    `Measured ${fact("Date")}, in ${describeRounds(findings)}${
      note === undefined ? "" : `, ${note}`
    },`,
    `on ${fact("Machine")}; ${fact("Disk") ?? "the disk was not measured"}.`,
  ].join(" ");
}

/** The name of a peer, with its settings as code. */
export function formatTitle({ name, title }: Pick<KnownPeer, "name" | "title">): string {
  if (name === BARE) return "a bare program, for reference";
  return title.replace(/\b(everysec|always)\b/, "`$1`");
}

function makeTable(
  findings: Findings,
  figures: readonly Figure[],
  ...texts: readonly (readonly [string, (peer: KnownPeer) => string])[]
): Table {
  const rows = findings.peers.map((peer) => ({
    texts: [formatTitle(peer), ...texts.map(([, read]) => read(peer))],
    cells: figures.map(([, work, read, write]) => {
      const found = sumUp(findings, peer.name, work, read);
      return found === undefined ? "" : write(found.median);
    }),
  }));
  return {
    head: ["broker", ...texts.map(([head]) => head), ...figures.map(([head]) => head)],
    textCount: 1 + texts.length,
    rows: rows.filter(({ cells }) => cells.some((cell) => cell !== ""))
      .map(({ texts, cells }) => [...texts, ...cells]),
  };
}

/** Writes three digits that count. */
function formatTime(value: number): string {
  return formatNumber(value, value < 10 ? 2 : value < 100 ? 1 : 0);
}
