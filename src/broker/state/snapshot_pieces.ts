import type { DedupIdSnapshot } from "../store/dedup_window.ts";
import type { SharedPlaces } from "./outcome_log.ts";
import type { PublisherRecord } from "./publisher_record.ts";
import type {
  BreakersPiece,
  CountersPiece,
  DedupIdsPiece,
  GapsPiece,
  HeldLanesPiece,
  OutcomesPiece,
  PlacesPiece,
  SnapshotPiece,
  StreamPiece,
} from "./snapshot.ts";
import type { LanesPiece } from "../lanes/lane_event.ts";
import type { Stream } from "../stream/stream.ts";
import type { UnwrittenStreams } from "../stream/unwritten_streams.ts";

/** The rough limit of a piece's bytes, unless a single entry is larger. */
const PIECE_BYTES: number = 64 * 1024;

/** The bytes of one number with its punctuation, rounded up. */
const NUMBER_BYTES = 20;

/** Stands in the place of a replaced message's id. */
export const KEPT = -1;

export interface SnapshotSource {
  /** The time, in milliseconds: dedup ids older than their window are left out. */
  readonly now: number;
  readonly counters: Omit<CountersPiece, "piece">;
  readonly streams: Iterable<Stream>;
  readonly unwritten: UnwrittenStreams;
  readonly publishers: Iterable<PublisherRecord>;
  /** What is told behind the streams: it may refer to them. */
  readonly parts?: readonly SnapshotPart[];
}

/** A part of the state that is told in pieces of its own. */
export interface SnapshotPart {
  /** @param bytesMax About how many bytes a piece may have. */
  takePieces(bytesMax: number): Iterable<SnapshotPiece>;
}

/**
 * Takes a snapshot, piece by piece. Time may pass between two pieces: decisions made meanwhile are written
 * behind the snapshot, and nothing becomes durable while one is taken.
 *
 * @param bytesMax The rough limit of a piece's bytes.
 */
export function* takePieces(
  { now, counters, streams, unwritten, publishers, parts = [] }: SnapshotSource,
  bytesMax: number = PIECE_BYTES,
): Generator<SnapshotPiece> {
  yield { piece: "counters", ...counters };
  let told: ToldIds | undefined;
  for (const stream of streams) {
    if (unwritten.isCreated(stream.number)) continue;
    yield describeStream(stream);
    yield* takeBreakers(stream, bytesMax);
    yield* takeLanes(stream, bytesMax);
    yield* takeHeldLanes(stream, now, bytesMax);
    if (stream.dedupIds.size === 0) continue;
    const dedupIds = stream.dedupIds.takeSnapshot(now, stream.options.dedupWindowMs);
    const shift = told && findShift(told.dedupIds, dedupIds);
    if (shift === undefined) {
      told = { stream: stream.number, dedupIds };
      yield* takeDedupIds(told, bytesMax);
    } else yield { piece: "sameIds", stream: stream.number, like: told!.stream, shift };
  }
  // Last: one that is deleted while the others are told of is here then.
  for (const { number, name, nextId } of unwritten.deleted) {
    if (!unwritten.isCreated(number)) yield { piece: "stream", number, name, nextId };
  }
  for (const part of parts) yield* part.takePieces(bytesMax);
  for (const record of publishers) {
    if (record.number > 0) yield* takePublisher(record, bytesMax);
  }
}

function describeStream(stream: Stream): StreamPiece {
  const { number, name, intake, givenOptions, share: { isPaused } } = stream;
  return {
    piece: "stream",
    number,
    name,
    nextId: intake.storedNextId,
    ...Object.keys(givenOptions).length > 0 && { options: givenOptions },
    ...isPaused && { isPaused },
  };
}

function* takeBreakers({ number, share }: Stream, bytesMax: number): Generator<BreakersPiece> {
  const all = [...share.breakers?.listOpen() ?? []].map(([{ lane }, open]) => {
    return { ...lane && { lane: lane.name }, open };
  });
  const measure = ({ lane = "", open: { reason } }: (typeof all)[number]) =>
    3 * (lane.length + reason.length) + 8 * NUMBER_BYTES;
  for (const breakers of cut(all, bytesMax, measure)) {
    yield { piece: "breakers", stream: number, breakers };
  }
}

function* takeHeldLanes(
  { number, share }: Stream,
  now: number,
  bytesMax: number,
): Generator<HeldLanesPiece> {
  const all = (share.lanes?.listHeld(now) ?? []).map(({ name, heldUntil }) =>
    [name, heldUntil] as const
  );
  for (const held of cut(all, bytesMax, ([name]) => 3 * name.length + 2 * NUMBER_BYTES)) {
    yield { piece: "heldLanes", stream: number, held };
  }
}

/** The settings of lanes: names and settings have some 100 bytes beside the names' own. */
function* takeLanes({ number, share }: Stream, bytesMax: number): Generator<LanesPiece> {
  const all = [...share.lanes?.table ?? []].flatMap(({ name, settings }) =>
    settings === undefined ? [] : [[name, settings] as const]
  );
  for (const lanes of cut(all, bytesMax, ([name]) => 3 * name.length + 5 * NUMBER_BYTES)) {
    yield { piece: "lanes", stream: number, lanes };
  }
}

interface ToldIds {
  readonly stream: number;
  readonly dedupIds: readonly DedupIdSnapshot[];
}

/** The distance of messages' ids from others, if it is equal for all and the dedup ids are the same. */
function findShift(
  from: readonly DedupIdSnapshot[],
  to: readonly DedupIdSnapshot[],
): number | undefined {
  if (from.length !== to.length || to.length === 0) return undefined;
  const shift = to[0]!.id - from[0]!.id;
  const isSame = to.every(({ dedupId, id, at }, index) => {
    const other = from[index]!;
    return id - other.id === shift && at === other.at && dedupId === other.dedupId;
  });
  return isSame ? shift : undefined;
}

function* takeDedupIds(
  { stream, dedupIds }: ToldIds,
  bytesMax: number,
): Generator<DedupIdsPiece> {
  const all = dedupIds.map(({ dedupId, id, at }) => [dedupId, id, at] as const);
  const parts = cut(all, bytesMax, ([dedupId]) => 3 * dedupId.length + 2 * NUMBER_BYTES);
  for (const part of parts) yield { piece: "messageIds", stream, messageIds: part };
}

function* takePublisher(record: PublisherRecord, bytesMax: number): Generator<SnapshotPiece> {
  const { number, identity, lastStoredSequence: lastSequence, settledSequence: settled } = record;
  const { owner, doubtfulUntil } = record;
  const whose = owner !== undefined && { owner };
  const doubt = doubtfulUntil > 0 && { doubtfulUntil };
  yield { piece: "publisher", number, identity, ...whose, lastSequence, settled, ...doubt };
  yield* takeGaps(record, bytesMax);
  yield* takeOutcomes(record, bytesMax);
}

function* takeGaps(record: PublisherRecord, bytesMax: number): Generator<GapsPiece> {
  const all = record.listGaps().map(({ from, to }) => [from, to] as const);
  for (const gaps of cut(all, bytesMax, () => 2 * NUMBER_BYTES)) {
    yield { piece: "gaps", publisher: record.number, gaps };
  }
}

function* takeOutcomes(
  { number: publisher, stored }: PublisherRecord,
  bytesMax: number,
): Generator<PlacesPiece | OutcomesPiece> {
  let told: SharedPlaces | undefined;
  for (let first = 0; first < stored.length;) {
    const { places } = stored[first]!;
    let end = first + 1;
    while (end < stored.length && stored[end]!.places === places) end++;
    if (places !== told || first === 0) yield* takePlaces(publisher, places, bytesMax);
    told = places;
    const all = stored.slice(first, end).map(({ sequence, count, shift }) =>
      [sequence, count, shift] as const
    );
    for (const batches of cut(all, bytesMax, () => 3 * NUMBER_BYTES)) {
      yield { piece: "outcomes", publisher, batches };
    }
    first = end;
  }
}

function* takePlaces(
  publisher: number,
  shared: SharedPlaces | undefined,
  bytesMax: number,
): Generator<PlacesPiece> {
  const all = (shared?.storedIn ?? []).map(({ stream, firstId, isKept, replaced }) => {
    const other = isKept ? KEPT : replaced;
    return other === undefined ? [stream, firstId] as const : [stream, firstId, other] as const;
  });
  let goesOn = false;
  for (const places of cut(all, bytesMax, ([stream]) => stream.length + NUMBER_BYTES)) {
    yield { piece: "places", publisher, places, ...goesOn && { goesOn } };
    goesOn = true;
  }
  if (!goesOn) yield { piece: "places", publisher, places: [] };
}

/** Cuts a list into parts of limited size; none of them is empty. */
export function* cut<T>(
  all: readonly T[],
  bytesMax: number,
  measure: (item: T) => number,
): Generator<readonly T[]> {
  let first = 0;
  let bytes = 0;
  for (let index = 0; index < all.length; index++) {
    const size = measure(all[index]!);
    if (index > first && bytes + size > bytesMax) {
      yield all.slice(first, index);
      first = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (first < all.length) yield all.slice(first);
}
