import type { Link } from "./link.ts";

/** The limits of silence, in milliseconds. */
export interface HeartbeatLimits {
  /** The silence of this side after which it sends something. */
  readonly heartbeatMs: number;
  /** The silence of the other side after which it is given up. */
  readonly heartbeatTimeoutMs: number;
  /** How long the other side may take nothing while something waits. */
  readonly slowReaderTimeoutMs: number;
}

/** Why a link is given up: it said nothing, took nothing, or was not ready by its deadline. */
export type LinkFault = "silent" | "slow" | "late";

/** Fewer received bytes, such as a few heartbeats, are not reported. */
const TOLD_BYTES_MIN = 1024;

/** How a link is watched. */
export interface WatchOptions {
  readonly limits: HeartbeatLimits;
  /** When it must be ready. */
  readonly deadline?: number;
  /** Whether the other side is told the number of received bytes. */
  readonly tellsProgress?: boolean;
  /** Whether silence counts at present. */
  readonly expects?: () => boolean;
  /** Whether this side is not reading, so that the other side cannot report what it has received. */
  readonly isDeaf?: () => boolean;
  /** The sent bytes that the other side has not taken, where the system tells it. */
  readonly countQueued?: ((now: number) => number | undefined) | undefined;
  /** The link is to be given up. */
  readonly onFault: (fault: LinkFault) => void;
}

/** One link under watch. */
interface Watched extends WatchOptions {
  readonly link: Link;
  /** The system's unsent bytes at the last look, while something is stuck. */
  queuedBytes: number | undefined;
  /** The received bytes that the other side was last told of. */
  toldBytes: number;
  /** When it must be ready, if it is not yet. */
  deadline: number;
  receivedAt: number;
  sentAt: number;
  /** Since when something waits to be sent, and nothing of it is taken. */
  stuckSince: number | undefined;
}

/** A link under watch, as its owner sees it. */
export interface Watch {
  /** Notes that the link is ready: its deadline does not count any more. */
  noteReady(): void;
  /** Ends the watch. */
  end(): void;
}

/** Watches links. */
export class Heartbeat {
  readonly #watched = new Set<Watched>();
  #sweptAt = Infinity;

  /** Puts a link under watch. */
  watch(link: Link, options: WatchOptions, now: number): Watch {
    const watched: Watched = {
      deadline: Infinity,
      ...options,
      link,
      queuedBytes: undefined,
      toldBytes: link.receivedBytes,
      receivedAt: now,
      sentAt: now,
      stuckSince: undefined,
    };
    this.#watched.add(watched);
    return {
      noteReady: () => watched.deadline = Infinity,
      end: () => this.#watched.delete(watched),
    };
  }

  /**
   * Looks at every link: to be called several times within the shortest of the limits.
   *
   * @param now The time, in milliseconds.
   * @param intervalMs The intended time since the last call. If much more time has passed, this process stood
   * still, and the time in which it could not listen does not count.
   */
  sweep(now: number, intervalMs: number = Infinity): void {
    const lateMs = now - this.#sweptAt - intervalMs;
    this.#sweptAt = now;
    if (lateMs > intervalMs) this.#forgive(lateMs);
    for (const watched of this.#watched) this.#look(watched, now);
  }

  #forgive(ms: number): void {
    for (const watched of this.#watched) {
      watched.receivedAt += ms;
      watched.deadline += ms;
      if (watched.stuckSince !== undefined) watched.stuckSince += ms;
    }
  }

  #look(watched: Watched, now: number): void {
    const { link, limits } = watched;
    // While nothing is read from it, its silence does not count.
    if (link.hasReceived || link.isHeldBack || watched.expects?.() === false) {
      watched.receivedAt = now;
    }
    if (link.hasSent) watched.sentAt = now;
    // With nothing to send, nothing can be taken too slowly.
    const isTaken = link.hasSent || link.wasTaken || link.outboundBytes === 0 ||
      watched.isDeaf?.() === true;
    if (isTaken) watched.stuckSince = undefined;
    else watched.stuckSince ??= now;
    this.#lookIntoQueue(watched, now);
    if (!link.hasSent && link.outboundBytes === 0) link.writer.shrink();
    link.hasReceived = false;
    link.hasSent = false;
    link.wasTaken = false;

    if (now - watched.receivedAt >= limits.heartbeatTimeoutMs) {
      this.#giveUp(watched, "silent");
    } else if (now >= watched.deadline) {
      this.#giveUp(watched, "late");
    } else if (now - (watched.stuckSince ?? now) >= limits.slowReaderTimeoutMs) {
      this.#giveUp(watched, "slow");
    } else if (watched.deadline < Infinity) {
      // A link that is not ready is only sent what makes it ready.
    } else if (watched.tellsProgress && link.receivedBytes - watched.toldBytes >= TOLD_BYTES_MIN) {
      watched.toldBytes = link.receivedBytes;
      link.sendProgress();
      watched.sentAt = now;
    } else if (link.outboundBytes === 0 && now - watched.sentAt >= limits.heartbeatMs) {
      link.sendHeartbeat();
      watched.sentAt = now;
    }
  }

  /** Data that has been stuck for a while may still be on its way. */
  #lookIntoQueue(watched: Watched, now: number): void {
    const { stuckSince, limits, queuedBytes } = watched;
    watched.queuedBytes = undefined;
    if (stuckSince === undefined || now - stuckSince < limits.slowReaderTimeoutMs / 2) return;
    watched.queuedBytes = watched.countQueued?.(now);
    const isLess = queuedBytes !== undefined && watched.queuedBytes !== undefined &&
      watched.queuedBytes < queuedBytes;
    if (isLess) watched.stuckSince = now - limits.slowReaderTimeoutMs / 2;
  }

  #giveUp(watched: Watched, fault: LinkFault): void {
    this.#watched.delete(watched);
    watched.onFault(fault);
  }
}
