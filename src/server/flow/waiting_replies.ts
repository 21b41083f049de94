/** A session that replies wait in. */
export interface ReplyWaiter {
  /** How many bytes of any kind wait for its client. */
  readonly outboundBytes: number;
  /** Ends it: its client is the slowest, and there is no more room. */
  endAsSlow(): void;
}

/**
 * How many bytes of replies wait for clients that are slow to take them, over all sessions. Replies
 * cannot be held back as deliveries are: the replier would have to wait for a stranger.
 */
export class WaitingReplies {
  readonly #bytesMax: number;
  /** At most so much for each: it is looked at again only when there is no more room. */
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

  /** Notes replies for a session; ends those that most waits for when there is no more room. */
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

  /** Nothing waits for a session any more: it is over. */
  remove(waiter: ReplyWaiter): void {
    this.#bytes -= this.#waiting.get(waiter) ?? 0;
    this.#waiting.delete(waiter);
  }

  #set(waiter: ReplyWaiter, bytes: number): void {
    this.#bytes += bytes - (this.#waiting.get(waiter) ?? 0);
    this.#waiting.set(waiter, bytes);
  }
}
