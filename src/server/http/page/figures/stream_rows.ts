import type { StreamInfo } from "../../../../../protocol.ts";
import type { Engine } from "../../../../broker/engine.ts";
import { isDeadName } from "../../../../protocol/messages/stream_options.ts";
import { Snapshots } from "../../figures/snapshots.ts";
import type { Column } from "../../figures/sorted_rows.ts";

/** Messages a second. */
export interface StreamRates {
  readonly published: number;
  readonly delivered: number;
  readonly acknowledged: number;
}

/** What the list of streams shows of one. */
export interface StreamRow {
  readonly name: string;
  readonly ready: number;
  readonly delayed: number;
  readonly pending: number;
  readonly parked: number;
  readonly followers: number;
  readonly bytes: number;
  readonly nextId: number;
  readonly isPaused: boolean;
  /** Whether its breaker is open: then only probes are delivered. */
  readonly isBroken: boolean;
  readonly isDead: boolean;
  readonly oldestReadyMs: number | undefined;
  /** The totals by which the next rates are found. */
  readonly totals: StreamRates;
  /** Undefined if it was not there at the last look. */
  readonly rates: StreamRates | undefined;
  /** For how long nothing was seen to come, in seconds; undefined if nothing has come since somebody looks. */
  readonly quietSeconds: number | undefined;
}

/** What keeps messages of a stream where they are; `growing` are dead letters that came lately. */
export type StreamState = "paused" | "broken" | "noFollower" | "waiting" | "growing";

/** A message that is ready for longer than this waits, in milliseconds. */
const WAITING_MS = 60_000;

/** Dead letters that came within this time are new, in seconds. */
const NEW_SECONDS = 60;

/** Finds what keeps messages where they are; a stream that is paused is so without messages, too. */
export function findStates(row: StreamRow): StreamState[] {
  const { isDead, isPaused, ready, followers, oldestReadyMs = 0, quietSeconds = Infinity } = row;
  const { isBroken } = row;
  const states: StreamState[] = [];
  if (isPaused) states.push("paused");
  if (isBroken) states.push("broken");
  // Dead letters wait for people, and not for followers.
  if (isDead) {
    if (ready > 0 && quietSeconds < NEW_SECONDS) states.push("growing");
    return states;
  }
  if (ready > 0 && followers === 0) states.push("noFollower");
  if (ready > 0 && oldestReadyMs > WAITING_MS) states.push("waiting");
  return states;
}

/** Whether somebody should look at a stream. */
export function isStuck(row: StreamRow): boolean {
  return row.ready > 0 && findStates(row).length > 0;
}

/** The columns by which streams can be sorted. */
export const STREAM_COLUMNS: Readonly<Record<string, Column<StreamRow>>> = {
  name: (row) => row.name,
  ready: (row) => row.ready,
  delayed: (row) => row.delayed,
  pending: (row) => row.pending,
  parked: (row) => row.parked,
  followers: (row) => row.followers,
  bytes: (row) => row.bytes,
  nextId: (row) => row.nextId,
  oldestReadyMs: (row) => row.oldestReadyMs ?? -1,
  published: (row) => row.rates?.published ?? -1,
  delivered: (row) => row.rates?.delivered ?? -1,
  acknowledged: (row) => row.rates?.acknowledged ?? -1,
  isPaused: (row) => Number(row.isPaused),
};

/** Takes snapshots of all streams. */
export function makeStreamSnapshots(
  engine: Engine,
  now: () => number,
): Snapshots<StreamInfo, StreamRow> {
  return new Snapshots({
    list: (after) => engine.listStreams(after),
    isSame: ({ name }, row) => name === row.name,
    make: makeStreamRow,
    now,
  });
}

/** Makes a row; the rates are those since the row before. */
export function makeStreamRow(
  info: StreamInfo,
  before: Pick<StreamRow, "totals" | "quietSeconds"> | undefined,
  seconds: number,
): StreamRow {
  const { name, ready, delayed, pending, parked, followers, bytes, nextId, isPaused } = info;
  const { published, delivered, acknowledged } = info.totals;
  const totals = { published, delivered, acknowledged };
  return {
    name,
    ready,
    delayed,
    pending,
    parked,
    followers,
    bytes,
    nextId,
    isPaused,
    isBroken: info.breaker !== undefined,
    isDead: isDeadName(name),
    oldestReadyMs: info.oldestReadyMs,
    totals,
    rates: before && findRates(before.totals, totals, seconds),
    quietSeconds: before && findQuiet(before, published, seconds),
  };
}

/** For how long nothing has come, in seconds. */
function findQuiet(
  { totals, quietSeconds }: Pick<StreamRow, "totals" | "quietSeconds">,
  published: number,
  seconds: number,
): number | undefined {
  if (published > totals.published) return 0;
  return quietSeconds === undefined ? undefined : quietSeconds + seconds;
}

/** What happened a second; undefined if a total is lower than before: it is another stream of that name. */
export function findRates(
  before: StreamRates,
  after: StreamRates,
  seconds: number,
): StreamRates | undefined {
  const published = (after.published - before.published) / seconds;
  const delivered = (after.delivered - before.delivered) / seconds;
  const acknowledged = (after.acknowledged - before.acknowledged) / seconds;
  if (!(Math.min(published, delivered, acknowledged) >= 0)) return undefined;
  return { published, delivered, acknowledged };
}
