import { Confirmation } from "./confirmation.ts";
import type { BatchOutcome, BatchWaiter, OutgoingBatch } from "../outgoing/outgoing_batch.ts";

/** The confirm of a message. */
export interface Receipt {
  /** The streams in which the message is stored, and its id in each. */
  readonly streams: readonly StoredMessage[];
  /**
   * Whether a message with the same `dedupId` had been stored before. Then this one is not stored, and
   * `streams` tells where the other one is. A message that the client itself has sent again, after a
   * lost connection, is not a duplicate.
   */
  readonly duplicate: boolean;
  /**
   * The id of the message that this one has replaced, by its `coalesce` id; absent if it has replaced none. With
   * several streams, `streams` tells it for each, and this is the first of them.
   */
  readonly replaced?: number;
  /**
   * The id of the message that stays in the place of this one, by its `coalesce` id; absent if this one was
   * stored. With several streams, `streams` tells it for each, and this is the first of them.
   */
  readonly kept?: number;
}

/** Where a message is stored. */
export interface StoredMessage {
  /** The stream. */
  readonly stream: string;
  /** The message's id in the stream. */
  readonly id: number;
  /** The id of the message that it has replaced there; absent if it has replaced none. */
  readonly replaced?: number;
  /** `true` if the message with that id was there before and stays, and this one was let go; else absent. */
  readonly kept?: true;
}

/** The confirm of a batch of messages. */
export interface BatchReceipt {
  /** The streams in which the messages are stored, with their ids; a long batch has several ranges. */
  readonly streams: readonly StoredRangeReceipt[];
}

/** Where consecutive messages of a batch are stored. */
export interface StoredRangeReceipt {
  /** The stream. */
  readonly stream: string;
  /** The id of the first message. */
  readonly firstId: number;
  /** The id of the last message. */
  readonly lastId: number;
}

export class MessageConfirmation extends Confirmation<Receipt> implements BatchWaiter {
  confirm({ storedIn, isDuplicate }: BatchOutcome, index: number): void {
    const streams: StoredMessage[] = [];
    let joined: Pick<Receipt, "replaced" | "kept"> | undefined;
    for (const { stream, firstId, replaced, isKept } of storedIn) {
      const id = firstId + index;
      if (isKept) {
        streams.push({ stream, id, kept: true });
        joined = { kept: id, ...joined };
      } else if (replaced !== undefined) {
        streams.push({ stream, id, replaced });
        joined = { replaced, ...joined };
      } else streams.push({ stream, id });
    }
    this.resolve({ streams, duplicate: isDuplicate, ...joined });
  }
}

/** Collects the outcomes of the batches of one `sendMessages` call. */
export class BatchCollector {
  readonly #confirmation: Confirmation<BatchReceipt>;
  readonly #streams: StoredRangeReceipt[] = [];
  #batch: OutgoingBatch | undefined;
  #piece = { count: 0 };
  /** The number of open batches, and one for the call itself until it has ended. */
  #openCount = 1;

  constructor(confirmation: Confirmation<BatchReceipt>) {
    this.#confirmation = confirmation;
  }

  /** Counts a message that is about to be added to a batch. */
  countIn(batch: OutgoingBatch): void {
    if (batch !== this.#batch) {
      this.#batch = batch;
      this.#piece = { count: 0 };
      batch.addWaiter(this.#wait(this.#piece));
    }
    this.#piece.count++;
  }

  /** No more messages come. */
  end(): void {
    if (--this.#openCount > 0) return;
    this.#confirmation.resolve({ streams: this.#streams });
  }

  #wait(piece: { count: number }): BatchWaiter {
    const confirmation = this.#confirmation;
    this.#openCount++;
    return {
      get isAbandoned() {
        return confirmation.isAbandoned;
      },
      confirm: (outcome, first) => this.#confirm(outcome, first, piece.count),
      refuse: (error) => confirmation.refuse(error),
      split: (count) => {
        const rest = { count: piece.count - count };
        piece.count = count;
        return this.#wait(rest);
      },
    };
  }

  #confirm(outcome: BatchOutcome, first: number, count: number): void {
    for (const { stream, firstId } of outcome.storedIn) {
      this.#streams.push({
        stream,
        firstId: firstId + first,
        lastId: firstId + first + count - 1,
      });
    }
    this.end();
  }
}
