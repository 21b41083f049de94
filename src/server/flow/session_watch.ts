import type { LinkFault, Watch } from "../../transport/heartbeat.ts";
import type { Link } from "../../transport/link.ts";
import type { SessionContext } from "./session_context.ts";

/** Returns the bytes that wait in the system to be sent to a client, if the system tells. */
export type CountQueued = (now: number) => number | undefined;

/** How long a silent client keeps its connection, in heartbeat timeouts. */
const ROUNDS_MAX = 10;

/** The session, as its watch sees it. */
export interface SessionWatchOptions {
  /** Whether nothing is read from the client at the moment, for a reason that is not the client's. */
  readonly isDeaf: () => boolean;
  /** Takes back a silent client's deliveries; returns how many it may still acknowledge. */
  readonly silence: () => number;
  readonly onFault: (fault: LinkFault) => void;
  readonly countQueued: CountQueued | undefined;
}

/**
 * Watches the connection of one session, which must be open by the end of the handshake timeout. When a
 * client is silent, the messages of its followers are ready for others at once. But the client may only be
 * computing, and acknowledge later: so it keeps its connection for a while.
 */
export class SessionWatch {
  readonly #link: Link;
  readonly #context: SessionContext;
  readonly #options: SessionWatchOptions;
  #expects: (() => boolean) | undefined;
  #deadline: number;
  #watch: Watch;
  #silentRounds = 0;
  /** The bytes received when the client fell silent. */
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

  /** From now on silence counts only inside a message, and no heartbeats are sent. */
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

  /** Takes back a silent client's deliveries; returns whether it may still acknowledge some. */
  #isBorne(): boolean {
    const { receivedBytes } = this.#link;
    if (receivedBytes !== this.#receivedBytes) this.#silentRounds = 0;
    this.#receivedBytes = receivedBytes;
    this.#silentRounds++;
    return this.#options.silence() > 0 && this.#silentRounds < ROUNDS_MAX;
  }
}
