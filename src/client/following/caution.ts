/** The pause before the next message is handed out. */
export type Pause = "none" | "write" | "turn";

/** The longest time for which finished work stays unsent, in milliseconds. */
const KEPT_MS = 1;

/** The most messages handed out between two turns of the event loop. */
const TURN_COUNT_MAX = 2048;

/** After so many messages there is a turn as soon as {@linkcode KEPT_MS} have passed since the last one. */
const TURN_COUNT_SLOW = 512;

/** The time between two turns, in milliseconds. */
const TURN_MS = 10;

/** The interval between two readings of the clock: in milliseconds, and in messages. */
const LOOK_MS = KEPT_MS / 4;
const STRIDE_MAX = 32;

/** The number of acknowledgements sent one by one after a doubtful message: more than a turn can have. */
const CAREFUL_COUNT = TURN_COUNT_MAX + 2 * STRIDE_MAX;

/** The number of acknowledgements sent one by one on a new connection. */
const NEW_COUNT = 64;

/**
 * Decides when a loop has to pause before it gets its next message: to send acknowledgements, or to give
 * the event loop a turn.
 *
 * Acknowledgements of one turn of the event loop are sent together, since a write for each would cost
 * more than all the rest. But a handler that never waits and then crashes its process loses those that
 * are unsent, and other messages are processed again. Therefore
 *
 * - at most a millisecond of finished work is unsent;
 * - after a message that may have crashed its last follower, each acknowledgement is sent before the
 *   next message, for more messages than a turn can have; the same holds for the first messages on a
 *   new connection: this process may have been restarted after a crash;
 * - after 10 milliseconds the event loop gets a turn: heartbeats are sent, and messages that the broker
 *   has taken back are not handed out;
 * - a loop that takes less than two microseconds for a message has a turn each millisecond. More turns
 *   would gain nothing, and each of them costs the broker a read, a delivery and a write.
 *
 * The clock is not read for every message: reading it costs a tenth of what a message costs.
 */
export class Caution {
  /** The number of messages until the clock is read. */
  #untilLook = 1;
  #stride = 1;
  /** The number of messages handed out since the last turn of the event loop. */
  #sinceTurn = 0;
  /** The number of acknowledgements still to be sent one by one. */
  #carefulCount = NEW_COUNT;
  #lookedAt = 0;
  #turnedAt = 0;
  #wroteAt = 0;

  /** Whether each acknowledgement is sent before the next message. */
  get isCareful(): boolean {
    return this.#carefulCount > 0;
  }

  /** The connection is new: this process may have been restarted after a crash. */
  restart(): void {
    this.#beCareful(NEW_COUNT);
  }

  /** Notes a message whose last follower was lost: the message may have crashed it. */
  alarm(): void {
    this.#beCareful(CAREFUL_COUNT);
  }

  /**
   * Notes that the event loop has had a turn.
   *
   * @param now The time.
   * @param handedOut The number of messages handed out now, without a call of `advise`.
   */
  noteTurn(now: number, handedOut: number): void {
    this.#sinceTurn = 0;
    this.#carefulCount = Math.max(0, this.#carefulCount - handedOut);
    this.#untilLook = 1;
    this.#stride = 1;
    this.#lookedAt = this.#turnedAt = this.#wroteAt = now;
  }

  /**
   * Advises before a message is handed out that has already arrived.
   *
   * @param now Reads the clock; not called for every message.
   */
  advise(now: () => number): Pause {
    return --this.#untilLook > 0 ? "none" : this.#look(now());
  }

  #look(now: number): Pause {
    const handedOut = this.#stride;
    const { isCareful } = this;
    this.#carefulCount = Math.max(0, this.#carefulCount - handedOut);
    const each = (now - this.#lookedAt) / handedOut;
    this.#lookedAt = now;
    this.#sinceTurn += handedOut;
    this.#stride = isCareful ? 1 : Math.max(1, Math.min(STRIDE_MAX, Math.floor(LOOK_MS / each)));
    this.#untilLook = this.#stride;
    if (this.#isTurnDue(now - this.#turnedAt)) {
      this.#sinceTurn = 0;
      this.#turnedAt = this.#wroteAt = now;
      return "turn";
    }
    if (!isCareful && now - this.#wroteAt < KEPT_MS) return "none";
    this.#wroteAt = now;
    return "write";
  }

  /** @param ms The time since the last turn. */
  #isTurnDue(ms: number): boolean {
    if (ms >= TURN_MS || this.#sinceTurn >= TURN_COUNT_MAX) return true;
    return this.#sinceTurn >= TURN_COUNT_SLOW && ms >= KEPT_MS;
  }

  #beCareful(count: number): void {
    this.#carefulCount = Math.max(this.#carefulCount, count);
    this.#untilLook = 1;
  }
}
