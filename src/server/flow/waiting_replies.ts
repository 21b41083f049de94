/** A session with waiting replies. */
export interface ReplyWaiter {
  /** All bytes that wait for its client. */
  readonly outboundBytes: number;
  /** Ends the session: its client is the slowest, and there is no more room. */
  endAsSlow(): void;
  /** Closes the connection of a session that was ended: what waits for its client is dropped. */
  cutOff(): void;
}

/** How much of the room is in use when enough sessions were ended, so that this is done rarely. */
const KEPT_PART = 7 / 8;

/**
 * The replies, and the answers of cursors, that wait for slow clients, over all sessions. Replies cannot be
 * held back as deliveries are: the replier would have to wait for another client.
 */
export class WaitingReplies {
  readonly #bytesMax: number;
  /** An upper bound for each session; updated only when there is no more room. */
  readonly #waiting = new Map<ReplyWaiter, number>();
  #bytes = 0;
  /** Sessions that were ended: what waited for their clients may still be read for a moment. */
  readonly #leaving = new Map<ReplyWaiter, number>();
  #leavingBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The bytes that wait for clients, without those of ended sessions. */
  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Notes replies for a session; without room, ends the sessions with the most waiting bytes. */
  add(waiter: ReplyWaiter, bytes: number): void {
    if (this.#leaving.has(waiter)) return;
    this.#set(waiter, Math.min(this.#waiting.get(waiter) ?? 0, waiter.outboundBytes) + bytes);
    if (this.#bytes > this.#bytesMax) this.#makeRoom();
  }

  /** Removes a session whose connection is closed. */
  remove(waiter: ReplyWaiter): void {
    this.#bytes -= this.#waiting.get(waiter) ?? 0;
    this.#waiting.delete(waiter);
    this.#leavingBytes -= this.#leaving.get(waiter) ?? 0;
    this.#leaving.delete(waiter);
  }

  #makeRoom(): void {
    for (const [waiter, noted] of this.#waiting) {
      this.#set(waiter, Math.min(noted, waiter.outboundBytes));
    }
    const kept = this.#bytesMax * KEPT_PART;
    if (this.#bytes <= kept) return;
    const slowestFirst = [...this.#waiting].sort(([, one], [, other]) => other - one);
    for (const [waiter, bytes] of slowestFirst) {
      if (this.#bytes <= kept) break;
      this.remove(waiter);
      this.#leaving.set(waiter, bytes);
      this.#leavingBytes += bytes;
      waiter.endAsSlow();
    }
    if (this.#leavingBytes <= this.#bytesMax) return;
    for (const waiter of [...this.#leaving.keys()]) waiter.cutOff();
  }

  #set(waiter: ReplyWaiter, bytes: number): void {
    this.#bytes += bytes - (this.#waiting.get(waiter) ?? 0);
    this.#waiting.set(waiter, bytes);
  }
}
