/**
 * A stream: its messages, which of them are ready, and who waits for them.
 *
 * A message is ready, then pending at one follower, then gone; or it comes back and is ready again.
 * What is neither ready nor in a pending list is gone.
 *
 * @module
 */

import type { MessageBatch, StreamInfo } from "../../protocol.ts";
import { type Attachment, AttachmentLine } from "./attachment.ts";
import { Backlog } from "./backlog.ts";
import { ReadyList } from "./ready_list.ts";

/** A named, ordered store of messages. */
export class Stream {
  /** Its name. */
  readonly name: string;
  /** The bytes of its messages. */
  readonly backlog: Backlog = new Backlog();
  /** The messages that wait to be taken. */
  readonly ready: ReadyList = new ReadyList(1);
  /** The followers that wait for messages. */
  readonly waiting: AttachmentLine = new AttachmentLine();
  /** All followers of the stream, waiting or not. */
  readonly attachments: Set<Attachment> = new Set();
  #nextId = 1;
  #pendingCount = 0;

  /**
   * Creates an empty stream.
   *
   * @param name Its name.
   */
  constructor(name: string) {
    this.name = name;
  }

  /** The id that the next message will get. */
  get nextId(): number {
    return this.#nextId;
  }

  /** Sets ids aside for a batch that is about to be stored; they are not used for anything else. */
  reserveIds(count: number): number {
    const firstId = this.#nextId;
    this.#nextId += count;
    return firstId;
  }

  /** Stores a batch under ids that were set aside for it. */
  append(firstId: number, batch: MessageBatch): void {
    this.backlog.append(firstId, batch);
    this.ready.append(batch.count);
  }

  /** Notes that ready messages have gone to a follower. */
  takeReady(count: number): void {
    this.ready.take(count);
    this.#pendingCount += count;
  }

  /** Makes pending messages ready again. */
  giveBack(firstId: number, count: number, attempts: number): void {
    this.#pendingCount -= count;
    this.ready.giveBack({ firstId, count, attempts });
  }

  /** Lets go of pending messages that are done; returns how many bytes they were. */
  forgetPending(firstId: number, count: number): number {
    this.#pendingCount -= count;
    return this.backlog.forget(firstId, count);
  }

  /** Tells how it stands. */
  describe(durability: string): StreamInfo {
    return {
      name: this.name,
      ready: this.ready.count,
      pending: this.#pendingCount,
      followers: this.attachments.size,
      bytes: this.backlog.bytes,
      nextId: this.#nextId,
      durability,
    };
  }
}
