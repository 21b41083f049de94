/**
 * A stream: its messages, which of them are ready, and who waits for them.
 *
 * A message is ready, then pending at one follower, then gone; or it comes back and is ready again.
 * What is neither ready nor in a pending list is gone.
 *
 * @module
 */

import type { BrokerError, MessageBatch, StreamInfo } from "../../protocol.ts";
import { type Attachment, AttachmentLine } from "./attachment.ts";
import { Backlog } from "./backlog.ts";
import type { Place } from "./pager.ts";
import { ReadyList } from "./ready_list.ts";
import type { Residency } from "./residency.ts";
import { StreamRestoration } from "./stream_restoration.ts";

/** How to make a stream. */
export interface StreamOptions {
  /** Its number, never used for another one. */
  readonly number: number;
  /** Its name. */
  readonly name: string;
  /** The id that its first message will have. */
  readonly nextId?: number;
  /** Which bytes are in memory, over all streams. */
  readonly residency: Residency;
}

/** A named, ordered store of messages. */
export class Stream {
  /** Its number, never used for another one. */
  readonly number: number;
  /** Its name. */
  readonly name: string;
  /** The bytes of its messages. */
  readonly backlog: Backlog;
  /** The followers that wait for messages. */
  readonly waiting: AttachmentLine = new AttachmentLine();
  /** All followers of the stream, waiting or not. */
  readonly attachments: Set<Attachment> = new Set();
  /** What it is being made of again; not there once that is done. */
  restoration: StreamRestoration | undefined;
  #ready: ReadyList;
  #nextId: number;
  #storedNextId: number;
  #pendingCount = 0;
  #damage: BrokerError | undefined;

  /** Creates an empty stream. */
  constructor({ number, name, nextId = 1, residency }: StreamOptions) {
    this.number = number;
    this.name = name;
    this.backlog = new Backlog(residency);
    this.#ready = new ReadyList(nextId);
    this.#nextId = nextId;
    this.#storedNextId = nextId;
  }

  /** The messages that wait to be taken. */
  get ready(): ReadyList {
    return this.#ready;
  }

  /** The id that the next message will get. */
  get nextId(): number {
    return this.#nextId;
  }

  /** The id behind the last message that is stored. */
  get storedNextId(): number {
    return this.#storedNextId;
  }

  /** Why it is not served, if it is not. */
  get damage(): BrokerError | undefined {
    return this.#damage;
  }

  /** Sets ids aside for a batch that is about to be stored; they are not used for anything else. */
  reserveIds(count: number): number {
    const firstId = this.#nextId;
    this.#nextId += count;
    return firstId;
  }

  /** Takes ids back that were set aside, these and all later ones: their batches were not stored. */
  returnIds(firstId: number): void {
    this.#nextId = Math.max(this.#storedNextId, Math.min(this.#nextId, firstId));
  }

  /** Notes that ids were used, up to below `nextId`. */
  skipIds(nextId: number): void {
    this.#storedNextId = Math.max(this.#storedNextId, nextId);
    this.#nextId = Math.max(this.#nextId, nextId);
  }

  /** Stores a batch under ids that were set aside for it. */
  append(firstId: number, batch: MessageBatch, place?: Place): void {
    this.backlog.append(firstId, batch, place);
    this.skipIds(firstId + batch.count);
    if (this.restoration === undefined) this.#ready.append(batch.count);
  }

  /** Notes that ready messages have gone to a follower. */
  takeReady(count: number): void {
    this.#ready.take(count);
    this.#pendingCount += count;
  }

  /** Makes pending messages ready again. */
  giveBack(firstId: number, count: number, attempts: number): void {
    this.#pendingCount -= count;
    this.#ready.giveBack({ firstId, count, attempts });
  }

  /** Lets go of pending messages that are done; returns how many bytes they were. */
  forgetPending(firstId: number, count: number): number {
    if (this.restoration !== undefined) return this.backlog.forgetPresent(firstId, count);
    this.#pendingCount -= count;
    return this.backlog.forget(firstId, count);
  }

  /** Gives messages another place in the store; those that are gone since it was decided stay so. */
  move(firstId: number, batch: MessageBatch, place: Place): void {
    const { backlog } = this;
    const endId = firstId + batch.count;
    // What is being made again is not here yet, if its first place is gone.
    if (this.restoration !== undefined) return backlog.move(firstId, batch, place);
    const here = backlog.findRuns({ fromId: firstId, toId: endId });
    if (here.length === 0) return;
    backlog.move(firstId, batch, place);
    let id = firstId;
    for (const run of [...here, { firstId: endId, count: 0 }]) {
      if (run.firstId > id) backlog.forget(id, run.firstId - id);
      id = run.firstId + run.count;
    }
  }

  /** Begins to make it again of events that were written down. */
  beginRestoration(): void {
    this.restoration = new StreamRestoration(this.backlog);
  }

  /** Makes what there is ready: nobody holds anything. */
  finishRestoration(): void {
    if (this.restoration === undefined) return;
    this.#ready = this.restoration.makeReadyList(this.#nextId);
    this.restoration = undefined;
  }

  /** Ends its service: some of it cannot be read. */
  noteDamage(error: BrokerError): void {
    this.#damage ??= error;
  }

  /** Tells how it stands. */
  describe(durability: string): StreamInfo {
    return {
      name: this.name,
      ready: this.#ready.count,
      pending: this.#pendingCount,
      followers: this.attachments.size,
      bytes: this.backlog.bytes,
      nextId: this.#nextId,
      durability,
    };
  }
}
