/**
 * Watches the connection of a session. When nothing is heard of a client, what its followers hold is
 * somebody else's at once; but perhaps it only computes, and will say then that it is done. So it is
 * left its connection for a while.
 *
 * @module
 */

import type { LinkFault, Watch } from "../../transport/heartbeat.ts";
import type { Link } from "../../transport/link.ts";
import type { SessionContext } from "./session_context.ts";

/** So many times as long as it may be silent a client is left its connection. */
const ROUNDS_MAX = 10;

/** A session, as far as it is watched. */
export interface WatchedSession {
  /** Its connection. */
  readonly link: Link;
  /** What sessions share. */
  readonly context: SessionContext;
  /** Its followers. */
  readonly followers: {
    values(): Iterable<{
      /** Takes back what it holds; returns how much of that it may acknowledge yet. */
      silence(): number;
    }>;
  };
  /** How many bytes wait in the system to be sent, if that can be told. */
  readonly countQueued?: ((now: number) => number | undefined) | undefined;
}

/** The watch over one session. */
export class SessionWatch {
  readonly #session: WatchedSession;
  readonly #isDeaf: () => boolean;
  readonly #onFault: (fault: LinkFault) => void;
  #watch: Watch | undefined;
  #silentRounds = 0;
  /** What had come when the client fell silent. */
  #receivedBytes = -1;

  /**
   * @param session The session.
   * @param options Whether it does not listen at the moment, and what to do when it is to be given up.
   */
  constructor(
    session: WatchedSession,
    options: { readonly isDeaf: () => boolean; readonly onFault: (fault: LinkFault) => void },
  ) {
    this.#session = session;
    this.#isDeaf = options.isDeaf;
    this.#onFault = options.onFault;
  }

  /** Begins it; the connection must be ready by a deadline. */
  begin(now: number, deadline: number): void {
    const { link, context, countQueued } = this.#session;
    this.#watch = context.heartbeat.watch(link, {
      limits: context.heartbeatLimits,
      deadline,
      onFault: (fault) => this.#handleFault(fault),
      isDeaf: this.#isDeaf,
      countQueued,
    }, now);
  }

  /** The connection is ready. */
  noteReady(): void {
    this.#watch?.noteReady();
  }

  /** Ends it. */
  end(): void {
    this.#watch?.end();
  }

  #handleFault(fault: LinkFault): void {
    if (fault !== "silent" || !this.#isBorne()) this.#onFault(fault);
    else this.begin(this.#session.context.now(), Infinity);
  }

  /** Takes back what a silent client holds; tells whether it may acknowledge some of it yet. */
  #isBorne(): boolean {
    const { receivedBytes } = this.#session.link;
    if (receivedBytes !== this.#receivedBytes) this.#silentRounds = 0;
    this.#receivedBytes = receivedBytes;
    this.#silentRounds++;
    let count = 0;
    for (const follower of this.#session.followers.values()) count += follower.silence();
    return count > 0 && this.#silentRounds < ROUNDS_MAX;
  }
}
