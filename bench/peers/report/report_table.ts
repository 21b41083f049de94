import type { Percentiles, Summary } from "../../harness/statistics.ts";
import { type Column, formatColumns, formatNumber, spread } from "../../harness/table.ts";
import type { Result } from "../../work/work.ts";
import { type AgendaEntry, BARE } from "../agenda.ts";
import { type Findings, findResults, type KnownPeer, sumUp } from "./findings.ts";

/** The one that ratios are of. */
const OURS = "simplemq";

/** The first columns of all tables. */
const PEER: readonly Column<KnownPeer>[] = [
  ["peer", ({ title }) => title],
  ["on disk before a confirm", ({ durability }) => durability],
];

/** Reads a figure of a work. */
type Read = (result: Result) => number | undefined;

/** Writes the table of a work, and what has to be said of it; `undefined` if nobody has done it. */
export function makeWorkTable(findings: Findings, entry: AgendaEntry): string[] | undefined {
  const { id, work } = entry;
  const peers = findings.peers.filter(({ name }) => findResults(findings, name, id).length > 0);
  if (peers.length === 0) return undefined;
  const table = new WorkTable(findings, id, peers);
  switch (work.kind) {
    case "throughput":
      return [table.formatRates(work.bodyBytes)];
    case "fan-out":
      return [
        `Messages published in a second; each of them was delivered ${work.streams} times.`,
        table.formatRates(work.bodyBytes),
      ];
    case "awaited":
      return ["In milliseconds, from the call.", table.formatTimes()];
    case "steady":
      return [
        "In milliseconds, from when a message was due. Publisher and follower have a process each. Times of " +
        "hundreds of milliseconds tell that a peer could not keep up. The bare program has the same arrivals, " +
        "and only writes and flushes, in one process, what has come during the last flush. The last column " +
        "is the p99 divided by what one write and fdatasync takes on the same disk in the same visit (its p50).",
        table.formatTimes((result) => result.flushMs?.p50),
      ];
    case "backlog":
      return [
        "Start: from the start of the server, with the backlog on its disk, until a follower has the first " +
        "message.",
        table.formatBacklog(),
      ];
    case "flush":
      return undefined;
    case "idle":
      return [table.formatIdle()];
  }
}

/** The table of a work: a row for each peer, or two where times are told. */
class WorkTable {
  readonly #findings: Findings;
  readonly #id: string;
  /** Those that have done it. */
  readonly #peers: readonly KnownPeer[];

  constructor(findings: Findings, id: string, peers: readonly KnownPeer[]) {
    this.#findings = findings;
    this.#id = id;
    this.#peers = peers;
  }

  formatRates(bodyBytes: number): string {
    const limit = this.#sumUp(BARE, readRate)?.median;
    const find = ({ name }: KnownPeer) => this.#sumUp(name, readRate);
    const columns: Column<KnownPeer>[] = [
      ...PEER,
      ...spread("messages/s", find),
      ["MB/s", (peer) => scale(find(peer)?.median, bodyBytes / 1e6), 1],
      this.#ratio("ratio", readRate),
      this.#median("server's CPU, µs", readServerCpu, 2),
      this.#median("clients' CPU, µs", readClientsCpu, 2),
    ];
    if (limit !== undefined) {
      columns.push(["of the bare program", (peer) => formatShare(find(peer), limit)]);
    }
    return formatColumns(this.#peers, columns);
  }

  /** @param readFlush Reads the time of a flush that times are divided by, too. */
  formatTimes(readFlush?: Read): string {
    const rows = this.#peers.flatMap((peer) => [
      { peer, end: "confirmed", read: (result: Result) => result.confirmMs },
      { peer, end: "delivered", read: (result: Result) => result.deliveryMs },
    ]).filter(({ peer, read }) => this.#sumUp(peer.name, (result) => read(result)?.p50));
    type Row = typeof rows[number];
    const find = ({ peer, read }: Row, key: keyof Percentiles) =>
      this.#sumUp(peer.name, (result) => read(result)?.[key]);
    const columns: Column<Row>[] = [
      ...PEER.map(([head, read]): Column<Row> => [head, ({ peer }) => read(peer)]),
      ["until", ({ end }) => end],
      ["p50", (row) => find(row, "p50")?.median, 3],
      ["p99", (row) => find(row, "p99")?.median, 3],
      ["p99.9", (row) => find(row, "p999")?.median, 3],
      ["lowest p99", (row) => find(row, "p99")?.lowest, 3],
      ["highest p99", (row) => find(row, "p99")?.highest, 3],
      ["ratio of p50", ({ peer, read }) => this.#formatRatio(peer, (one) => read(one)?.p50)],
      ["ratio of p99", ({ peer, read }) => this.#formatRatio(peer, (one) => read(one)?.p99)],
    ];
    if (readFlush !== undefined) {
      columns.push(["p99 in fdatasyncs", ({ peer, read }) => {
        const readFlushes = (result: Result) => divide(read(result)?.p99, readFlush(result));
        return this.#sumUp(peer.name, readFlushes)?.median;
      }, 1]);
    }
    return formatColumns(rows, columns);
  }

  formatBacklog(): string {
    return formatColumns(this.#peers, [
      ...PEER,
      this.#median("fill, s", readFill, 1),
      this.#median("memory, MB", readMegabytes),
      this.#median("start, s", readStart, 2),
      this.#ratio("ratio of memory", readMegabytes),
      this.#ratio("ratio of fill", readFill),
      this.#ratio("ratio of start", readStart),
    ]);
  }

  formatIdle(): string {
    return formatColumns(this.#peers, [
      ...PEER,
      this.#median("kB for a connection", readKilobytes, 1),
      this.#ratio("ratio", readKilobytes),
      this.#median("messages/s of the pair", readRate),
      this.#ratio("ratio of it", readRate),
    ]);
  }

  #sumUp(peer: string, read: Read): Summary | undefined {
    return sumUp(this.#findings, peer, this.#id, read);
  }

  #median(head: string, read: Read, decimals: number = 0): Column<KnownPeer> {
    return [head, ({ name }) => this.#sumUp(name, read)?.median, decimals];
  }

  #ratio(head: string, read: Read): Column<KnownPeer> {
    return [head, (peer) => this.#formatRatio(peer, read)];
  }

  /** The figure of SimpleMQ divided by that of a peer, from the medians of both. */
  #formatRatio({ name }: KnownPeer, read: Read): string {
    const ours = this.#sumUp(OURS, read)?.median;
    const theirs = this.#sumUp(name, read)?.median;
    if (name === OURS || ours === undefined || theirs === undefined) return "";
    // A system counts memory in pages: few connections may seem to take none.
    if (theirs <= 0) return "";
    const ratio = ours / theirs;
    // Three digits that count.
    const decimals = ratio > 0 ? 2 - Math.floor(Math.log10(ratio)) : 0;
    return formatNumber(ratio, Math.min(4, Math.max(0, decimals)));
  }
}

const readRate: Read = ({ rate }) => rate;
const readServerCpu: Read = ({ cpu, count }) => scale(cpu?.broker, 1e6 / count);
const readClientsCpu: Read = ({ cpu, count }) => scale(cpu?.clients, 1e6 / count);
const readFill: Read = ({ fillSeconds }) => fillSeconds;
const readStart: Read = ({ startSeconds }) => startSeconds;
const readMegabytes: Read = ({ backlogBytes }) => scale(backlogBytes, 1 / 1e6);
const readKilobytes: Read = ({ connectionBytes }) => scale(connectionBytes, 1 / 1e3);

function scale(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}

function divide(value: number | undefined, by: number | undefined): number | undefined {
  return value === undefined || by === undefined ? undefined : value / by;
}

function formatShare(rate: Summary | undefined, limit: number): string {
  return rate === undefined ? "" : `${formatNumber(100 * rate.median / limit)} %`;
}
