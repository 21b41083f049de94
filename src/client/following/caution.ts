/** What has to be done before the next message is handed out. */
export type Pause = "none" | "write" | "turn";

/** So many messages are handed out before the event loop gets a turn. */
const TURN_COUNT_MAX = 512;

/** So long a time passes before it gets one, in milliseconds. */
const TURN_MS = 10;

/** So much finished work is kept back, in milliseconds. */
const KEPT_MS = 1;

/** How often to look at the time, in milliseconds; and after how many messages at the latest. */
const LOOK_MS = KEPT_MS / 4;
const STRIDE_MAX = 32;

/** For so many messages every acknowledgement leaves by itself: more than a turn can have. */
const CAREFUL_COUNT = TURN_COUNT_MAX + 2 * STRIDE_MAX;

/** For so many when a connection is new. */
const NEW_COUNT = 64;

/**
 * Decides when a loop has to pause before it gets its next message: so that what it has finished
 * leaves first, or so that the event loop has its turn.
 *
 * Acknowledgements of one turn of the event loop leave together, since a write for each would cost
 * more than all the rest. But a handler that never waits and then ends its process takes those with
 * it that have not left: its neighbours' work is done again. So
 *
 * - no more than a millisecond of finished work is kept back;
 * - a follower that is given a message which may have ended its last follower has every
 *   acknowledgement leave before the next message, for more messages than a turn can have; and so it
 *   does for a few when its connection is new: work on what a crash has left is not lost again;
 * - after 10 milliseconds without a turn, sockets and timers have theirs: heartbeats leave, and what
 *   the broker has taken back is not handed out.
 *
 * The time is not asked for every message: asking costs a tenth of what a message costs.
 */
export class Caution {
  /** After so many messages the time is looked at. */
  #untilLook = 1;
  #stride = 1;
  /** How many messages were handed out since the event loop had its last turn. */
  #sinceTurn = 0;
  /** For so many messages more every acknowledgement leaves by itself. */
  #carefulCount = NEW_COUNT;
  #lookedAt = 0;
  #turnedAt = 0;
  #wroteAt = 0;

  /** Whether every acknowledgement is to leave before the next message. */
  get isCareful(): boolean {
    return this.#carefulCount > 0;
  }

  /** The connection is new: this process may be one that comes back after a crash. */
  restart(): void {
    this.#beCareful(NEW_COUNT);
  }

  /** A message comes whose follower was lost: it may have ended whoever had it. */
  alarm(): void {
    this.#beCareful(CAREFUL_COUNT);
  }

  /**
   * The event loop has had a turn.
   *
   * @param now The time.
   * @param handedOut How many messages are handed out now, without advice.
   */
  noteTurn(now: number, handedOut: number): void {
    this.#sinceTurn = 0;
    this.#carefulCount = Math.max(0, this.#carefulCount - handedOut);
    this.#untilLook = 1;
    this.#stride = 1;
    this.#lookedAt = this.#turnedAt = this.#wroteAt = now;
  }

  /**
   * A message is about to be handed out, which is here already.
   *
   * @param now Tells the time; it is not asked for every message.
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
    if (this.#sinceTurn >= TURN_COUNT_MAX || now - this.#turnedAt >= TURN_MS) {
      this.#sinceTurn = 0;
      this.#turnedAt = this.#wroteAt = now;
      return "turn";
    }
    if (!isCareful && now - this.#wroteAt < KEPT_MS) return "none";
    this.#wroteAt = now;
    return "write";
  }

  #beCareful(count: number): void {
    this.#carefulCount = Math.max(this.#carefulCount, count);
    this.#untilLook = 1;
  }
}
