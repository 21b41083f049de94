/** A session with waiting replies. */
export interface ReplyWaiter {
  /** All bytes that wait for its client. */
  readonly outboundBytes: number;
  /** Ends the session: its client is the slowest, and there is no more room. */
  endAsSlow(): void;
}

/**
 * The replies that wait for slow clients, over all sessions. Replies cannot be held back as deliveries are:
 * the replier would have to wait for another client.
 */
export class WaitingReplies {
  readonly #bytesMax: number;
  /** An upper bound for each session; updated only when there is no more room. */
  readonly #waiting = new Map<ReplyWaiter, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Notes replies for a session; without room, ends the sessions with the most waiting bytes. */
  add(waiter: ReplyWaiter, bytes: number): void {
    this.#set(waiter, Math.min(this.#waiting.get(waiter) ?? 0, waiter.outboundBytes) + bytes);
    if (this.#bytes <= this.#bytesMax) return;
    for (const [other, noted] of this.#waiting) {
      this.#set(other, Math.min(noted, other.outboundBytes));
    }
    while (this.#bytes > this.#bytesMax) {
      const [slowest] = [...this.#waiting].reduce((one, two) => two[1] > one[1] ? two : one);
      this.remove(slowest);
      slowest.endAsSlow();
    }
  }

  /** Removes a session that has ended. */
  remove(waiter: ReplyWaiter): void {
    this.#bytes -= this.#waiting.get(waiter) ?? 0;
    this.#waiting.delete(waiter);
  }

  #set(waiter: ReplyWaiter, bytes: number): void {
    this.#bytes += bytes - (this.#waiting.get(waiter) ?? 0);
    this.#waiting.set(waiter, bytes);
  }
}
