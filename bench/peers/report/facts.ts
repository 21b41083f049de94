import { describeSurroundings, type Fact } from "../../harness/frame/surroundings.ts";
import type { AbsentPeer, KnownPeer, Measurement } from "./findings.ts";
import { listPackages, readPackageVersion } from "../packages.ts";
import type { Peer } from "../peer.ts";
import type { Supply } from "../servers/supply.ts";
import { summarise } from "../../harness/statistics.ts";
import { formatNumber } from "../../harness/table.ts";

/** Packages that no client is made of. */
const NO_CLIENTS = ["minimist", "vega", "vega-lite"];

/** Who can be measured, and who cannot. */
export interface Attendance {
  /** Those whose servers are there. */
  readonly present: readonly Peer[];
  /** What is told of them. */
  readonly known: readonly KnownPeer[];
  /** Those whose servers are not. */
  readonly absent: readonly AbsentPeer[];
}

/** Looks for the servers of the peers, and asks them for their versions. */
export async function callPeers(
  peers: readonly Peer[],
  { servers, lack = "there is no server" }: Pick<Supply, "servers" | "lack">,
): Promise<Attendance> {
  const present: Peer[] = [];
  const known: KnownPeer[] = [];
  const absent: AbsentPeer[] = [];
  for (const peer of peers) {
    const { name, title, durability, flushed, settings, packages } = peer;
    if (packages !== undefined && servers === undefined) {
      absent.push({ name, title, reason: lack });
      continue;
    }
    present.push(peer);
    known.push({
      name,
      title,
      durability,
      flushed,
      settings,
      version: await peer.readVersion(servers!),
    });
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
  const names = (await listPackages()).filter((name) => !NO_CLIENTS.includes(name));
  const versions = await Promise.all(names.map(readPackageVersion));
  return names.map((name, index) => `${name} ${versions[index]}`).join("; ");
}
