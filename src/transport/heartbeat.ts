import type { Link } from "./link.ts";

/** How long is too long, in milliseconds. */
export interface HeartbeatLimits {
  /** Say something after so long a silence of our own. */
  readonly heartbeatMs: number;
  /** Give the other side up after so long a silence of its own. */
  readonly heartbeatTimeoutMs: number;
  /** Give the other side up if it takes nothing for so long while something waits. */
  readonly slowReaderTimeoutMs: number;
}

/** Why a link is given up: it said nothing, took nothing, or was not ready by its deadline. */
export type LinkFault = "silent" | "slow" | "late";

/** Less than that is not worth telling that it was received: a few heartbeats. */
const TOLD_BYTES_MIN = 1024;

/** What there is to know of a link under watch. */
export interface WatchOptions {
  readonly limits: HeartbeatLimits;
  /** When it must be ready. */
  readonly deadline?: number;
  /** Whether the other side is told how much was received. */
  readonly tellsProgress?: boolean;
  /** Whether silence counts now. */
  readonly expects?: () => boolean;
  /** Whether we do not listen now, so that the other side cannot say what it has received. */
  readonly isDeaf?: () => boolean;
  /** How much of what was sent the other side has not taken, where the system tells that. */
  readonly countQueued?: ((now: number) => number | undefined) | undefined;
  /** The link is to be given up. */
  readonly onFault: (fault: LinkFault) => void;
}

/** One link under watch. */
interface Watched extends WatchOptions {
  readonly link: Link;
  /** What the system had not sent when it was asked last, while something is stuck. */
  queuedBytes: number | undefined;
  /** What was received when the other side was told of it last. */
  toldBytes: number;
  /** When it must be ready, if it is not yet. */
  deadline: number;
  receivedAt: number;
  sentAt: number;
  /** Since when something waits to be sent and nothing of it is taken. */
  stuckSince: number | undefined;
}

/** A link under watch, as its owner sees it. */
export interface Watch {
  /** Notes that the link is ready: its deadline does not count any more. */
  noteReady(): void;
  /** Ends the watch. */
  end(): void;
}

/** Looks after links. */
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
   * @param intervalMs How long after the last call this one was meant to be. If it is much later, this
   * process stood still, and the time in which it could not listen does not count.
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
    // While nothing is read from it, its silence is not its own.
    if (link.hasReceived || link.isHeldBack || watched.expects?.() === false) {
      watched.receivedAt = now;
    }
    if (link.hasSent) watched.sentAt = now;
    // With nothing to send there is nothing that could be taken too slowly.
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
      // Nothing is said to a link that is not ready but what makes it so.
    } else if (watched.tellsProgress && link.receivedBytes - watched.toldBytes >= TOLD_BYTES_MIN) {
      watched.toldBytes = link.receivedBytes;
      link.sendProgress();
      watched.sentAt = now;
    } else if (link.outboundBytes === 0 && now - watched.sentAt >= limits.heartbeatMs) {
      link.sendHeartbeat();
      watched.sentAt = now;
    }
  }

  /** What is stuck for a while may be on its way all the same. */
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
