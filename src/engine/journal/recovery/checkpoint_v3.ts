import type { StreamOptionsInput } from "../../../../protocol.ts";
import { decodeJson, type EncodedRecord, RecordType } from "../../../broker/events/record.ts";
import type { SnapshotPiece } from "../../../broker/state/snapshot.ts";

interface PlaceV3 {
  readonly stream: string;
  readonly firstId: number;
}

/** A checkpoint of versions 1 to 3 of the format: one JSON text. */
export interface CheckpointV3 {
  readonly nextStreamNumber: number;
  readonly nextPublisherNumber: number;
  readonly streams: readonly {
    readonly number: number;
    readonly name: string;
    readonly nextId: number;
    readonly options?: StreamOptionsInput;
    readonly isPaused?: boolean;
    readonly messageIds?: readonly {
      readonly messageId: string;
      readonly id: number;
      readonly at: number;
    }[];
  }[];
  readonly publishers: readonly PublisherV3[];
}

interface PublisherV3 {
  readonly number: number;
  readonly identity: string;
  readonly lastSequence: number;
  readonly batches: readonly {
    readonly sequence: number;
    readonly count: number;
    readonly outcome?: { readonly storedIn?: readonly PlaceV3[] };
  }[];
}

/** Reads a piece of a checkpoint, or all pieces of one that versions before have written as a whole. */
export function readPieces(record: EncodedRecord): Iterable<SnapshotPiece> {
  const value = decodeJson(record);
  if (record.type === RecordType.checkpoint) return cutCheckpoint(value as CheckpointV3);
  return [value as SnapshotPiece];
}

function* cutCheckpoint(checkpoint: CheckpointV3): Generator<SnapshotPiece> {
  const { nextStreamNumber, nextPublisherNumber, streams, publishers } = checkpoint;
  yield { piece: "counters", nextStreamNumber, nextPublisherNumber };
  for (const { messageIds = [], ...stream } of streams) {
    yield { piece: "stream", ...stream };
    yield {
      piece: "messageIds",
      stream: stream.number,
      messageIds: messageIds.map(({ messageId, id, at }) => [messageId, id, at]),
    };
  }
  for (const publisher of publishers) yield* cutPublisher(publisher);
}

function* cutPublisher(
  { number, identity, lastSequence, batches }: PublisherV3,
): Generator<SnapshotPiece> {
  yield { piece: "publisher", number, identity, lastSequence, settled: 0 };
  // Missing batches were refused, or are so old that they are not asked for.
  const gaps: [number, number][] = [];
  let next = 1;
  for (const { sequence, count } of batches) {
    if (sequence > next) gaps.push([next, sequence]);
    next = Math.max(next, sequence + count);
  }
  yield { piece: "gaps", publisher: number, gaps };
  let [first] = batches;
  for (const batch of batches) {
    const { sequence, count, outcome } = batch;
    const storedIn = outcome?.storedIn ?? [];
    const shift = findShift(first?.outcome?.storedIn ?? [], storedIn);
    if (shift === undefined || batch === first) {
      first = batch;
      const places = storedIn.map(({ stream, firstId }) => [stream, firstId] as const);
      yield { piece: "places", publisher: number, places };
    }
    yield { piece: "outcomes", publisher: number, batches: [[sequence, count, shift ?? 0]] };
  }
}

/** The distance of ids from others, if the streams are the same and it is equal in all of them. */
function findShift(from: readonly PlaceV3[], to: readonly PlaceV3[]): number | undefined {
  if (from.length !== to.length) return undefined;
  const shift = (to[0]?.firstId ?? 0) - (from[0]?.firstId ?? 0);
  const isSame = to.every(({ stream, firstId }, index) => {
    const place = from[index]!;
    return place.stream === stream && firstId - place.firstId === shift;
  });
  return isSame ? shift : undefined;
}
