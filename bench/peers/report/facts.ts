import { describeSurroundings, type Fact } from "../../harness/frame/surroundings.ts";
import type { AbsentPeer, KnownPeer, Measurement } from "./findings.ts";
import type { Peer } from "../peer.ts";
import { hasProgram } from "../program.ts";
import { summarise } from "../../harness/statistics.ts";
import { formatNumber } from "../../harness/table.ts";

/** Packages that no client is made of. */
const NO_CLIENTS = ["minimist", "vega", "vega-lite"];

/** Who can be measured, and who cannot. */
export interface Attendance {
  /** Those whose programs were found. */
  readonly present: readonly Peer[];
  /** What is told of them. */
  readonly known: readonly KnownPeer[];
  /** Those whose programs were not. */
  readonly absent: readonly AbsentPeer[];
}

/** Looks for the programs of the peers, and asks them for their versions. */
export async function callPeers(peers: readonly Peer[]): Promise<Attendance> {
  const present: Peer[] = [];
  const known: KnownPeer[] = [];
  const absent: AbsentPeer[] = [];
  for (const peer of peers) {
    const { name, title, durability, settings, program, install } = peer;
    if (program !== undefined && !await hasProgram(program)) {
      absent.push({ name, title, program, ...(install !== undefined && { install }) });
      continue;
    }
    present.push(peer);
    known.push({ name, title, durability, settings, version: await peer.readVersion() });
  }
  return { present, known, absent };
}

/** Describes the machine and the versions of all that took part. */
export async function describeRun(peers: readonly KnownPeer[]): Promise<readonly Fact[]> {
  const versions = peers.map(({ title, version }) => `${title} ${version}`).join("; ");
  return [
    ["Compared", versions],
    ["Clients", await describeClients()],
    ...describeSurroundings([]),
  ];
}

/** Tells what the disk takes, if that was measured. */
export function describeDisk(measurements: readonly Measurement[]): readonly Fact[] {
  const times = measurements.map(({ result }) => result.flushMs?.p50)
    .filter((time) => time !== undefined);
  if (times.length === 0) return [];
  const [median, lowest, highest] = Object.values(summarise(times))
    .map((time) => formatNumber(time, 3));
  const value = `one write and fdatasync takes p50 ${median} ms (${lowest} to ${highest})`;
  return [["Disk", value]];
}

/** The packages of the clients, with the versions that are loaded. */
async function describeClients(): Promise<string> {
  const { imports }: { imports: Record<string, string> } = await readJson("deno.json");
  const { specifiers }: { specifiers: Record<string, string> } = await readJson("deno.lock");
  return Object.entries(imports)
    .filter(([name, specifier]) => specifier.startsWith("npm:") && !NO_CLIENTS.includes(name))
    .map(([name, specifier]) => {
      // A lock leaves the caret out, and names what else a package was resolved with.
      const locked = specifiers[specifier.replace("@^", "@")]?.split("_")[0];
      return `${name} ${locked ?? specifier.split("@").at(-1)}`;
    })
    .join("; ");
}

async function readJson<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL(`../${name}`, import.meta.url)));
}
