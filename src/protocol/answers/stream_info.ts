import type { DeadLetterCause } from "../messages/dead_letter.ts";
import type { StreamOptions } from "../messages/stream_options.ts";

/**
 * What has happened to the messages of a stream since the start of the broker; no figure ever
 * falls, until the broker is started again. Where nothing else is said, each is a number of messages.
 */
export interface StreamTotals {
  /** Messages that were stored: published, or brought here as dead letters, or back from there. */
  readonly published: number;
  /** Deliveries to followers, repeated ones included. */
  readonly delivered: number;
  /** Messages that were acknowledged. */
  readonly acknowledged: number;
  /** Deliveries of messages that were delivered before. */
  readonly redelivered: number;
  /** Deliveries that ended without an acknowledgement, by reason. */
  readonly returned: ReturnTotals;
  /** Messages that became dead letters, by cause. */
  readonly dead: { readonly [Cause in DeadLetterCause]: number };
  /** Messages whose time to live was over, whether they became dead letters or not. */
  readonly expired: number;
  /**
   * Messages that were removed for another reason, and are no dead letters: to make room, by a purge, or given
   * up where no dead letters are kept.
   */
  readonly dropped: number;
  /** Messages that were cancelled and removed; those among the dead letters count there. */
  readonly cancelled: number;
  /** Messages that a newer one with the same coalescing id has replaced. */
  readonly replaced: number;
  /** How often the stream's breaker has opened. */
  readonly breakerOpened: number;
}

/** Deliveries that ended without an acknowledgement. */
export interface ReturnTotals {
  /** The follower has reported a failure. */
  readonly nack: number;
  /** They were not acknowledged in time. */
  readonly timeout: number;
  /** The connection of the follower was lost, or its client silent. */
  readonly lost: number;
  /** The follower has postponed them: that was no attempt. */
  readonly postponed: number;
}

/** An open breaker: it lets only probes be delivered. */
export interface BreakerInfo {
  /** When it opened, in milliseconds since 1970. */
  readonly since: number;
  /** When the next probe may go, in milliseconds since 1970; absent while one is on its way. */
  readonly probeAt?: number;
  /** How many probes were sent since it opened. */
  readonly probes: number;
  /** How many deliveries had failed when it opened … */
  readonly failed: number;
  /** … of so many that ended within its time. */
  readonly ended: number;
  /** The reason of the last failure; may be empty. */
  readonly reason: string;
  /** The lane whose breaker it is, the one that is open longest; absent if it is that of the stream. */
  readonly lane?: string;
  /** How many lanes have an open breaker; absent if it is that of the stream. */
  readonly openLanes?: number;
}

/** The lanes of a stream, counted. */
export interface LaneFigures {
  /** How many have messages or settings, or were used a moment ago. */
  readonly count: number;
  /** How many have messages that wait to be delivered, those without a lane counted as one … */
  readonly waiting: number;
  /** … and of these, how many may get none delivered now, since a limit or a breaker holds them back. */
  readonly limited: number;
}

/** The state of a stream. */
export interface StreamInfo {
  /** Its name. */
  readonly name: string;
  /** The number of ready messages. */
  readonly ready: number;
  /** The number of ready messages that wait for others of the same key. */
  readonly parked: number;
  /** How long the oldest ready message has been stored, in milliseconds; absent if none is ready. */
  readonly oldestReadyMs?: number;
  /** The number of messages that are delayed until a time. */
  readonly delayed: number;
  /** The number of messages that followers hold unacknowledged. */
  readonly pending: number;
  /** The number of its followers. */
  readonly followers: number;
  /** The bytes of its messages, ready and pending, with their headers. */
  readonly bytes: number;
  /** The id that the next message will get. */
  readonly nextId: number;
  /** The durability that a confirm promises in this stream. */
  readonly durability: string;
  /** Whether deliveries are paused. */
  readonly isPaused: boolean;
  /** Its breaker; absent while that is closed, or if it has none. */
  readonly breaker?: BreakerInfo;
  /** Its lanes; absent if it has none. */
  readonly lanes?: LaneFigures;
  /** Which limit of the stream holds all its messages back now, as in "5 of 5 pending"; absent if none does. */
  readonly limitedBy?: string;
  /** Its options. */
  readonly options: StreamOptions;
  /** What has happened to its messages since the start of the broker. */
  readonly totals: StreamTotals;
}

/** The totals of a stream to which nothing has happened. */
export const NO_TOTALS: StreamTotals = {
  published: 0,
  delivered: 0,
  acknowledged: 0,
  redelivered: 0,
  returned: { nack: 0, timeout: 0, lost: 0, postponed: 0 },
  dead: { rejected: 0, maxDeliveries: 0, expired: 0, cancelled: 0 },
  expired: 0,
  dropped: 0,
  cancelled: 0,
  replaced: 0,
  breakerOpened: 0,
};

/** The state of a stream as a broker tells it; earlier ones know fewer figures. */
export function completeStreamInfo(told: StreamInfo): StreamInfo {
  const { parked = 0, totals = NO_TOTALS }: Partial<StreamInfo> = told;
  const returned = { ...NO_TOTALS.returned, ...totals.returned };
  const dead = { ...NO_TOTALS.dead, ...totals.dead };
  return { ...told, parked, totals: { ...NO_TOTALS, ...totals, returned, dead } };
}
