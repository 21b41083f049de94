import { summarise } from "../harness/statistics.ts";
import { type AgendaEntry, DURABLE } from "./agenda.ts";
import { drawBars } from "../charts/bar_chart.ts";
import {
  describeRounds,
  type Findings,
  findResults,
  type KnownPeer,
  sumUp,
} from "./report/findings.ts";
import type { Result } from "../work/work.ts";

/** A chart in a file. */
export interface Picture {
  /** The file's name. */
  readonly name: string;
  readonly svg: string;
}

/** Works whose rates are drawn, and the names of the files. */
const RATES = [
  ["throughput-100", "throughput"],
  ["throughput-1k", "throughput-1kib"],
  ["throughput-16k", "throughput-16kib"],
  ["four-by-four", "four-by-four"],
  ["fan-out", "fan-out"],
] as const;

/** So many characters of a peer's durability are in a line. */
const LINE_LENGTH = 26;

/** Draws all charts that there are figures for. */
export async function drawCharts(findings: Findings): Promise<Picture[]> {
  const pictures = await Promise.all([
    ...RATES.map(([id, file]) => drawRates(findings, id, file)),
    drawLatency(findings),
    drawBacklog(findings),
  ]);
  return pictures.flat();
}

async function drawRates(findings: Findings, id: string, file: string): Promise<Picture[]> {
  const { entry, peers } = select(findings, id);
  if (entry === undefined || peers.length === 0) return [];
  const rates = peers.map(({ name }) => {
    return summarise(findResults(findings, name, id).map(({ rate = 0 }) => rate));
  });
  const svg = await drawBars({
    title: entry.title,
    subtitle: `Published, confirmed, delivered and acknowledged; the median of ${
      describeRounds(findings)
    }, and the lowest and the highest. Longer is better.`,
    unit: "messages/s",
    categories: peers.map(describe),
    series: [{
      name: "rate",
      values: rates.map(({ median }) => median),
      lowest: rates.map(({ lowest }) => lowest),
      highest: rates.map(({ highest }) => highest),
    }],
  });
  return [{ name: `${file}.svg`, svg }];
}

async function drawLatency(findings: Findings): Promise<Picture[]> {
  const { entry, peers } = select(findings, "awaited");
  if (entry === undefined || peers.length === 0) return [];
  const trace = (name: string, read: (result: Result) => number | undefined) => {
    const values = peers.map((peer) => sumUp(findings, peer.name, entry.id, read)?.median);
    return { name, values };
  };
  const svg = await drawBars({
    title: "Latency, 100 B, one message at a time",
    subtitle: `From the call; the next message is sent when this one is confirmed; the median of ${
      describeRounds(findings)
    }. Shorter is better.`,
    unit: "milliseconds, each line is ten times the one before",
    categories: peers.map(describe),
    isLogarithmic: true,
    series: [
      trace("confirmed, p50", ({ confirmMs }) => confirmMs?.p50),
      trace("confirmed, p99", ({ confirmMs }) => confirmMs?.p99),
      trace("delivered, p50", ({ deliveryMs }) => deliveryMs?.p50),
      trace("delivered, p99", ({ deliveryMs }) => deliveryMs?.p99),
    ],
  });
  return [{ name: "latency.svg", svg }];
}

async function drawBacklog(findings: Findings): Promise<Picture[]> {
  const bars = ["backlog-1m", "backlog-10m"].flatMap((id) => {
    const { entry, peers } = select(findings, id);
    if (entry?.work.kind !== "backlog") return [];
    const count = entry.work.count.toLocaleString("en-US");
    return peers.flatMap(({ name, title }) => {
      const memory = sumUp(findings, name, id, ({ backlogBytes }) => backlogBytes);
      if (memory === undefined) return [];
      return [{ category: `${title}\n${count} messages`, value: memory.median / 1e6 }];
    });
  });
  if (bars.length === 0) return [];
  const svg = await drawBars({
    title: "Memory of the server with a backlog",
    subtitle: "Messages of 100 B, published, confirmed and not yet followed. Shorter is better.",
    unit: "MB",
    categories: bars.map(({ category }) => category),
    series: [{ name: "memory", values: bars.map(({ value }) => value) }],
  });
  return [{ name: "backlog-memory.svg", svg }];
}

/** Finds a work, and those of the peers with results that keep messages on a disk. */
function select(
  findings: Findings,
  id: string,
): { readonly entry: AgendaEntry | undefined; readonly peers: readonly KnownPeer[] } {
  const entry = findings.agenda.find((entry) => entry.id === id);
  const peers = findings.peers.filter(({ name }) =>
    DURABLE.includes(name) && findResults(findings, name, id).length > 0
  );
  return { entry, peers };
}

/** The name of a bar: the peer, and its durability in lines of its own. */
function describe({ title, durability }: KnownPeer): string {
  const lines: string[] = [""];
  for (const word of durability.split(" ")) {
    const line = `${lines.at(-1)} ${word}`.trim();
    if (line.length > LINE_LENGTH) lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return [title, ...lines].filter((line) => line !== "").join("\n");
}
