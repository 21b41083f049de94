import { fileURLToPath } from "node:url";
import { readSharedBytes } from "../harness/process/process_meter.ts";
import { makeWorkspace } from "../harness/process/workspace.ts";
import { tell } from "../harness/print.ts";
import { visit } from "../work/visit.ts";
import { type AgendaEntry, doesWork, findWork } from "./agenda.ts";
import type { Measurement } from "./report/findings.ts";
import type { Peer } from "./peer.ts";
import type { Chroot } from "./servers/chroot.ts";
import { formatResult } from "./report/result.ts";
import { RestartableServer } from "./servers/restartable_server.ts";

/** Names the packages of the clients. */
const CONFIG = fileURLToPath(new URL("./deno.json", import.meta.url));

/** What to measure. */
export interface RoundsPlan {
  readonly rounds: number;
  readonly peers: readonly Peer[];
  readonly agenda: readonly AgendaEntry[];
  /** Where servers get their directories. */
  readonly parent: string;
  /** Runs the servers of those peers that need it. */
  readonly servers: Chroot | undefined;
}

/**
 * Measures in rounds, and gives each measurement as soon as it is there. In each round all peers are
 * visited in turn, so that what disturbs one disturbs all, and each time another one comes first.
 */
export async function* measureRounds(
  { rounds, peers, agenda, parent, servers }: RoundsPlan,
): AsyncGenerator<Measurement> {
  for (let round = 1; round <= rounds; round++) {
    for (const peer of rotate(peers, round - 1)) {
      for (const entries of planVisits(peer, agenda, round)) {
        for await (const { work, result } of visitPeer({ peer, entries, parent, servers })) {
          tell(`round ${round} of ${rounds}: ${peer.title}: ${work}: ${formatResult(result)}`);
          yield { round, peer: peer.name, work, result };
        }
      }
    }
  }
}

function rotate<T>(all: readonly T[], turn: number): readonly T[] {
  const begin = turn % all.length;
  return [...all.slice(begin), ...all.slice(0, begin)];
}

/** Which works are done on the same server; those that are done once have one of their own each. */
function planVisits(
  { name }: Peer,
  agenda: readonly AgendaEntry[],
  round: number,
): (readonly AgendaEntry[])[] {
  const own = agenda.filter((entry) => doesWork(name, entry));
  const repeated = own.filter(({ isOnce = false }) => !isOnce);
  const once = round > 1 ? [] : own.filter(({ isOnce = false }) => isOnce);
  return [repeated, ...once.map((entry) => [entry])].filter(({ length }) => length > 0);
}

/** A visit to a peer. */
interface VisitedPeer extends Pick<RoundsPlan, "parent" | "servers"> {
  readonly peer: Peer;
  readonly entries: readonly AgendaEntry[];
}

async function* visitPeer(
  { peer, entries, parent, servers }: VisitedPeer,
): AsyncGenerator<Pick<Measurement, "work" | "result">> {
  let done = 0;
  try {
    await using workspace = await makeWorkspace(parent);
    const { directory } = workspace;
    const sharedBytes = readSharedBytes();
    await using server = await RestartableServer.start(() => peer.start(directory, servers!));
    const { port, pid } = server;
    const works = entries.map((entry) => findWork(peer.name, entry));
    const plan = {
      clientUrl: peer.client.href,
      config: CONFIG,
      port,
      pid,
      sharedBytes,
      directory,
      works,
    };
    for await (const result of visit(plan, [], () => server.restart())) {
      yield { work: entries[done++]!.id, result };
    }
  } catch (cause) {
    const work = entries[done]?.id ?? "the end of the visit";
    throw new Error(`${peer.title} has failed in ${work}`, { cause });
  }
}
