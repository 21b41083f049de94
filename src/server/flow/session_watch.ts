import type { LinkFault, Watch } from "../../transport/heartbeat.ts";
import type { Link } from "../../transport/link.ts";
import type { SessionContext } from "./session_context.ts";

/** Tells how many bytes wait in the system to be sent to a client, where the system tells that. */
export type CountQueued = (now: number) => number | undefined;

/** A silent client keeps its connection for so many times the heartbeat timeout. */
const ROUNDS_MAX = 10;

/** What a watch asks of its session, and tells it. */
export interface SessionWatchOptions {
  /** Whether nothing is read from the client at the moment, for a reason that is not its own. */
  readonly isDeaf: () => boolean;
  /** Takes back what a silent client holds; returns how much of it the client may acknowledge yet. */
  readonly silence: () => number;
  readonly onFault: (fault: LinkFault) => void;
  readonly countQueued: CountQueued | undefined;
}

/**
 * The watch over the connection of one session, which must be ready by the end of the handshake
 * timeout. When nothing is heard of a client, what its followers hold is ready for others at once. But
 * perhaps it only computes, and will acknowledge later: so it keeps its connection for a while.
 */
export class SessionWatch {
  readonly #link: Link;
  readonly #context: SessionContext;
  readonly #options: SessionWatchOptions;
  #expects: (() => boolean) | undefined;
  #deadline: number;
  #watch: Watch;
  #silentRounds = 0;
  /** What had come when the client fell silent. */
  #receivedBytes = -1;

  constructor(link: Link, context: SessionContext, options: SessionWatchOptions) {
    this.#link = link;
    this.#context = context;
    this.#options = options;
    this.#deadline = context.now() + context.handshakeTimeoutMs;
    this.#watch = this.#begin();
  }

  noteReady(): void {
    this.#deadline = Infinity;
    this.#watch.noteReady();
  }

  /** From now on silence counts only when something is expected, and no heartbeats are sent. */
  expectOnly(expects: () => boolean): void {
    this.#expects = expects;
    this.#watch.end();
    this.#watch = this.#begin();
  }

  end(): void {
    this.#watch.end();
  }

  #begin(): Watch {
    const { heartbeat, heartbeatLimits, now } = this.#context;
    const { isDeaf, countQueued } = this.#options;
    const expects = this.#expects;
    return heartbeat.watch(this.#link, {
      deadline: this.#deadline,
      onFault: (fault) => this.#handleFault(fault),
      countQueued,
      ...expects === undefined
        ? { limits: heartbeatLimits, isDeaf }
        : { limits: { ...heartbeatLimits, heartbeatMs: Infinity }, expects },
    }, now());
  }

  #handleFault(fault: LinkFault): void {
    if (fault !== "silent" || !this.#isBorne()) return this.#options.onFault(fault);
    this.noteReady();
    this.#watch = this.#begin();
  }

  /** Takes back what a silent client holds; tells whether it may acknowledge some of it yet. */
  #isBorne(): boolean {
    const { receivedBytes } = this.#link;
    if (receivedBytes !== this.#receivedBytes) this.#silentRounds = 0;
    this.#receivedBytes = receivedBytes;
    this.#silentRounds++;
    return this.#options.silence() > 0 && this.#silentRounds < ROUNDS_MAX;
  }
}
