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
  readonly isDead: boolean;
  readonly oldestReadyMs: number | undefined;
  /** The totals by which the next rates are found. */
  readonly totals: StreamRates;
  /** Undefined if it was not there at the last look. */
  readonly rates: StreamRates | undefined;
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
  before: Pick<StreamRow, "totals"> | undefined,
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
    isDead: isDeadName(name),
    oldestReadyMs: info.oldestReadyMs,
    totals,
    rates: before && findRates(before.totals, totals, seconds),
  };
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
