import { readSegmentName } from "../../../../src/engine/journal/segments/segment_file.ts";
import type { PlacesPiece, SnapshotPiece } from "../../../../src/broker/state/snapshot.ts";
import type { BrokerLife, ClusterBroker } from "./cluster_broker.ts";
import type { WorldParts } from "./world_parts.ts";

/** Compares what all brokers have, in memory and on their disks; they must be at rest. */
export function compareStates(
  { ledger: { violations } }: WorldParts,
  active: BrokerLife,
  brokers: readonly ClusterBroker[],
): void {
  const expected = describeState(active);
  for (const { life } of brokers) {
    if (life === undefined || life === active) continue;
    const found = describeState(life);
    for (const what of new Set([...expected.keys(), ...found.keys()])) {
      const [one, other] = [found.get(what), expected.get(what)];
      const isForgotten = what.startsWith("outcome") && (one === undefined || other === undefined);
      if (one === other || isForgotten) continue;
      const isHeld = what.startsWith("heldLanes");
      if (isHeld && areOver(one, other, active) && areOver(other, one, life)) continue;
      violations.push(`${what}: ${life.name} has ${one}, and ${active.name} has ${other}`);
      break;
    }
    compareFiles(violations, active, life);
  }
}

/**
 * The state without what is different in each process: the clock, in which order there is what, and how it is written.
 * Outcomes that publishers do not ask for any more, or that were no events, only some processes know.
 */
function describeState({ engine }: BrokerLife): Map<string, string> {
  const found = new Map<string, string>();
  let places: PlacesPiece["places"] = [];
  for (const piece of engine.takeSnapshot() as Iterable<SnapshotPiece>) {
    if (piece.piece === "counters") {
      found.set("counters", JSON.stringify({ ...piece, clock: undefined }));
    } else if (piece.piece === "publisher") {
      // Refusals and repetitions are no events: a standby does not know the last number.
      found.set(`publisher ${piece.number}`, piece.identity);
    } else if (piece.piece === "places") {
      places = piece.goesOn ? [...places, ...piece.places] : piece.places;
    } else if (piece.piece === "outcomes") {
      for (const [sequence, count, shift] of piece.batches) {
        const ids = places.map(([stream, id]) => `${stream}:${id + shift}`);
        found.set(`outcome ${piece.publisher}#${sequence}`, `${count} ${ids.sort()}`);
      }
    } else if (piece.piece === "stream") {
      found.set(`stream ${piece.number}`, JSON.stringify(piece));
    } else if (piece.piece === "schedules") {
      for (const schedule of piece.schedules) {
        found.set(`schedule ${schedule.name}`, JSON.stringify(schedule));
      }
    } else if (piece.piece === "limits") {
      for (const [name, settings] of piece.limits) {
        found.set(`limit ${name}`, JSON.stringify(settings));
      }
    } else if (piece.piece === "lanes") {
      const lanes = piece.lanes.toSorted(([one], [other]) => one < other ? -1 : 1);
      found.set(`lanes ${piece.stream}`, JSON.stringify(lanes));
    } else if (piece.piece === "heldLanes") {
      found.set(`heldLanes ${piece.stream}`, JSON.stringify(piece.held));
    } else if (piece.piece === "breakers") {
      // A probe that nobody has seen is no event: a standby waits for the next one as if it had been seen.
      const breakers = piece.breakers.map(({ lane, open }) => `${lane} ${open?.openedAt}`).sort();
      found.set(`breakers ${piece.stream}`, breakers.join());
    } else if (piece.piece !== "gaps") {
      found.set(`${piece.piece} ${piece.stream}`, JSON.stringify(piece));
    }
  }
  return found;
}

/** Whether the lanes that only others hold back are free by the time of a broker: each has a clock of its own. */
function areOver(
  others: string | undefined,
  own: string | undefined,
  { engine }: BrokerLife,
): boolean {
  const known = new Map<string, number>(JSON.parse(own ?? "[]"));
  const held: [string, number][] = JSON.parse(others ?? "[]");
  return held.every(([lane, until]) => known.get(lane) === until || until <= engine.now);
}

/** Files that two brokers have are the same as far as both go. */
function compareFiles(violations: string[], one: BrokerLife, other: BrokerLife): void {
  const disks = [one.broker.disk, other.broker.disk] as const;
  const names = disks[0].list().map(({ name }) => name).filter(isSegment);
  const others = new Set(disks[1].list().map(({ name }) => name));
  let compared = 0;
  for (const name of names) {
    if (!others.has(name)) continue;
    const [left, right] = disks.map((disk) => disk.readAll(name)) as [Uint8Array, Uint8Array];
    const length = Math.min(left.length, right.length);
    compared += length;
    for (let at = 0; at < length; at++) {
      if (left[at] === right[at]) continue;
      violations.push(`${name} is not the same at ${at} at ${one.name} and at ${other.name}`);
      break;
    }
  }
  if (compared === 0) violations.push(`${one.name} and ${other.name} have no file in common`);
}

function isSegment(name: string): boolean {
  return readSegmentName(name) !== undefined;
}
