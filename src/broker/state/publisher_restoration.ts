import { DEDUP_COUNT_MAX } from "../../protocol/messages/stream_options.ts";
import type { PublisherClosed, PublisherOpened, StoredAt } from "../event.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { TextMap } from "../collections/text_map.ts";
import type { StoredIn } from "../engine.ts";
import type { Router } from "./router.ts";
import type { Stream } from "../stream/stream.ts";
import type { SharedPlaces } from "./outcome_log.ts";
import { KEPT } from "./snapshot_pieces.ts";
import type { PieceHead } from "../events/piece_head.ts";
import type { PublisherRecord } from "./publisher_record.ts";
import type { PublisherRegistry } from "./publisher_registry.ts";
import type {
  CountersPiece,
  DedupIdsPiece,
  GapsPiece,
  OutcomesPiece,
  PlacesPiece,
  PublisherPiece,
  SameIdsPiece,
} from "./snapshot.ts";

/** A batch that was stored by an earlier broker. */
export interface RestoredBatch {
  readonly publisher: number;
  /** The number of its first message among all that the publisher sent. */
  readonly sequence: number;
  readonly count: number;
  /** The publisher no longer asked for outcomes of messages below this number; 0 if unknown. */
  readonly settled: number;
  readonly storedIn: readonly StoredAt[];
}

/** Dedup ids of a snapshot, which are read when they are asked for. */
interface ToldIds {
  readonly stream: number;
  readonly read: () => DedupIdsPiece;
}

/** The publishers of an earlier broker, by number, gathered from its log. */
export class PublisherRestoration {
  readonly #registry: PublisherRegistry;
  readonly #records = new Map<number, PublisherRecord>();
  /** The publisher whose pieces a snapshot is giving; undefined if it is known already. */
  #told: PublisherRecord | undefined;
  #places: SharedPlaces = { storedIn: [], useCount: 0 };

  /** Dedup ids that were read lately: one message may be in many streams. */
  readonly #texts: TextMap<string>;
  /** The dedup ids that a snapshot gave last, of one stream, if others may refer to them. */
  #idsTold: ToldIds[] = [];

  constructor(registry: PublisherRegistry, hash?: KeyedHash) {
    this.#registry = registry;
    this.#texts = new TextMap(hash);
  }

  /** Begins a snapshot: references do not reach into the one before. */
  beginSnapshot(): void {
    this.#told = undefined;
    this.#idsTold = [];
  }

  /**
   * Takes over dedup ids of a snapshot; returns them, references resolved.
   *
   * @param isWanted Whether they are of a stream that is not known yet; others may still refer to them.
   */
  restoreDedupIds(
    piece: DedupIdsPiece | SameIdsPiece,
    isWanted: boolean,
  ): DedupIdsPiece["messageIds"] {
    if (piece.piece === "sameIds") {
      if (!isWanted || this.#idsTold[0]?.stream !== piece.like) return [];
      return this.#idsTold.flatMap((told) => this.#resolve(told.read(), piece.shift));
    }
    this.#noteIds(piece.stream, () => piece);
    return isWanted ? this.#resolve(piece, 0) : [];
  }

  /** Keeps dedup ids of a stream that is known as they are: others may refer to them. */
  #keepIds({ number, bytes, read }: PieceHead): void {
    const copy = bytes.slice();
    this.#noteIds(number, () => read(copy) as DedupIdsPiece);
  }

  #noteIds(stream: number, read: () => DedupIdsPiece): void {
    if (this.#idsTold[0]?.stream !== stream) this.#idsTold = [];
    this.#idsTold.push({ stream, read });
  }

  /** Takes over dedup ids of a stream, if it is the one that is told of. */
  restoreIdsOf(told: Stream | undefined, piece: DedupIdsPiece | SameIdsPiece): void {
    const stream = told?.number === piece.stream ? told : undefined;
    const ids = this.restoreDedupIds(piece, stream !== undefined);
    for (const [dedupId, id, at] of stream === undefined ? [] : ids) {
      stream!.dedupIds.add(dedupId, { id, at, isStored: true }, stream!.options.dedupWindowMs);
    }
  }

  #resolve({ messageIds }: DedupIdsPiece, shift: number): DedupIdsPiece["messageIds"][number][] {
    return messageIds.map(([text, id, at]) => [this.#share(text), id + shift, at]);
  }

  /**
   * Passes a piece about a publisher, or the details of a stream, that are known; returns false for any other.
   *
   * @param told The stream that is told of; undefined if it is known already.
   */
  passPiece(head: PieceHead, told: Stream | undefined): boolean {
    const { piece, number } = head;
    switch (piece) {
      case "breakers":
      case "heldLanes":
        return told === undefined;
      case "messageIds":
        if (told?.number === number) return false;
        this.#keepIds(head);
        return true;
      case "sameIds":
        return told?.number !== number;
      case "publisher":
        if (!this.#records.has(number)) return false;
        this.#told = undefined;
        return true;
      case "gaps":
      case "places":
      case "outcomes":
        return this.#told?.number !== number;
      default:
        return false;
    }
  }

  /** Takes over a piece of a snapshot; the pieces of a publisher follow each other. */
  restorePiece(piece: PublisherPiece | GapsPiece | PlacesPiece | OutcomesPiece): void {
    if (piece.piece === "publisher") {
      this.#told = undefined;
      this.#places = { storedIn: [], useCount: 0 };
      if (this.#records.has(piece.number)) return;
      this.#told = this.#add(piece.number, piece.identity, piece.owner);
      this.#told.restoreSequence(piece.lastSequence);
      this.#told.forgetBelow(piece.settled);
      this.#told.doubtfulUntil = piece.doubtfulUntil ?? 0;
      return;
    }
    const record = this.#told;
    if (record === undefined || record.number !== piece.publisher) return;
    if (piece.piece === "gaps") {
      for (const [from, to] of piece.gaps) record.leaveOut(from, to);
    } else if (piece.piece === "places") {
      const before = piece.goesOn ? this.#places.storedIn : [];
      const storedIn = piece.places.map(([stream, firstId, other]): StoredIn => {
        if (other === undefined) return { stream, firstId };
        const joined = other === KEPT ? { isKept: true } : { replaced: other };
        return { stream, firstId, ...joined };
      });
      this.#places = { storedIn: before.concat(storedIn), useCount: 0 };
    } else {
      for (const [sequence, count, shift] of piece.batches) {
        record.restoreOutcome({ sequence, count, places: this.#places, shift });
      }
    }
  }

  /** Takes over until when publishers are forgotten. */
  restoreForgotten(
    { forgottenUntil = 0, forgottenBy = [[null, forgottenUntil]] }: CountersPiece,
  ): void {
    for (const [owner, until] of forgottenBy) {
      this.#registry.noteForgotten(until, owner ?? undefined);
    }
  }

  openPublisher({ number, identity, owner, doubtfulUntil = 0 }: PublisherOpened): void {
    const known = this.#records.get(number);
    const record = known ?? this.#add(number, identity, owner);
    // A publisher from before there were users is noted again when it has one.
    record.owner ??= owner;
    if (known === undefined) record.doubtfulUntil = doubtfulUntil;
  }

  closePublisher({ number, lostAt = 0 }: PublisherClosed): void {
    const record = this.#records.get(number);
    this.#registry.noteForgotten(lostAt, record?.owner);
    if (record === undefined) return;
    this.#records.delete(number);
    // Nothing is written: its end was just read.
    record.number = 0;
    this.#registry.forget(record);
  }

  /**
   * Notes a batch, so that a repetition is recognised.
   *
   * @param router Knows the names of its streams, if the batch does not.
   */
  notePublished(batch: RestoredBatch, router?: Router): void {
    const { publisher, sequence, count, settled } = batch;
    const record = this.#records.get(publisher);
    if (record === undefined) return;
    record.forgetBelow(settled);
    if (record.hasSeen(sequence)) return;
    const storedIn = router === undefined ? batch.storedIn : nameStreams(batch.storedIn, router);
    record.restore(sequence, count, storedIn);
  }

  /** Returns the earlier copy of a text, so that it is in memory once. */
  #share(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    // Dedup ids come stream by stream.
    if (this.#texts.size >= 2 * DEDUP_COUNT_MAX) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }

  #add(number: number, identity: string, owner: string | undefined): PublisherRecord {
    const record = this.#registry.create(identity);
    record.number = number;
    record.owner = owner;
    this.#records.set(number, record);
    this.#registry.restore(record);
    return record;
  }
}

/** The streams by name, which is not written with each batch, without those that are gone. */
function nameStreams(storedIn: readonly StoredAt[], router: Router): StoredIn[] {
  const named: StoredIn[] = [];
  for (const { number, firstId, replaced, isKept } of storedIn) {
    const stream = router.getNumbered(number)?.name;
    if (stream === undefined) continue;
    const isAlone = replaced === undefined && isKept === undefined;
    named.push(isAlone ? { stream, firstId } : { stream, firstId, replaced, isKept });
  }
  return named;
}
