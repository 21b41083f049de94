import type { Open } from "../harness/peer_client.ts";
import type { CpuTimes } from "../harness/process/cpu_meter.ts";
import type { Percentiles } from "../harness/statistics.ts";

/** So long a broker is left alone before its memory is read, in milliseconds. */
export const SETTLE_MS = 1000;

/** A running broker, and the way to connect to it: a work is done on it. */
export interface Host {
  readonly port: number;
  readonly pid: number;
  /** How many bytes the processes of this system shared before it was started; none if not set. */
  readonly sharedBytes?: number;
  /** A directory on the disk that it writes to. */
  readonly directory: string;
  /** The module that exports its `openClient`. */
  readonly clientUrl: string;
  /** The configuration of Deno that names the packages of the module, if not that of the repository. */
  readonly config?: string;
  readonly open: Open;
  /** Stops it, and starts it again with the same directory, where that can be done. */
  readonly restart?: () => Promise<Restart>;
}

/** Where a broker can be found after it was started again. */
export interface Restart {
  readonly port: number;
  readonly pid: number;
  /** When it was started, in milliseconds since 1970. */
  readonly startedAt: number;
}

/** Publish, confirm, deliver and acknowledge, as fast as it goes. */
export interface ThroughputWork {
  readonly kind: "throughput";
  readonly bodyBytes: number;
  /** How many publishers, each with a connection of its own. */
  readonly publishers: number;
  /** How many followers, each with a connection of its own. */
  readonly followers: number;
  /** `batch`: the fastest documented way. `single`: a plain loop of calls that nobody awaits. */
  readonly way: "batch" | "single";
  /** About how long to measure, in seconds; how many messages that is follows from the warm-up. */
  readonly seconds: number;
}

/** One message at a time: the next one is sent when the confirm of this one is here. */
export interface AwaitedWork {
  readonly kind: "awaited";
  readonly bodyBytes: number;
  /** About how long to measure, in seconds. */
  readonly seconds: number;
}

/** So many messages per second, spread evenly, none of them awaited. */
export interface SteadyWork {
  readonly kind: "steady";
  readonly bodyBytes: number;
  /** Messages per second. */
  readonly rate: number;
  /** So many are due at the same time, and sent as one batch, if not each by itself. */
  readonly burst?: number;
  /** How many publishers take turns, each with a connection of its own; 1 if not set. */
  readonly publishers?: number;
  /** How long to measure, in seconds. */
  readonly seconds: number;
}

/**
 * As many messages as in {@linkcode SteadyWork}, or one at a time as in {@linkcode AwaitedWork}, which no
 * broker gets: they are written and flushed.
 */
export interface FlushWork extends Pick<SteadyWork, "bodyBytes" | "seconds"> {
  readonly kind: "flush";
  /** Messages per second; one at a time if not set. */
  readonly rate?: number;
}

/** Publish everything, look at the memory, start the broker again, and follow some of it. */
export interface BacklogWork {
  readonly kind: "backlog";
  readonly bodyBytes: number;
  readonly count: number;
}

/** Each message goes to many streams at once. */
export interface FanOutWork {
  readonly kind: "fan-out";
  readonly bodyBytes: number;
  readonly streams: number;
  /** About how long to measure, in seconds. */
  readonly seconds: number;
}

/** Many connections that do nothing, and a busy pair beside them. */
export interface IdleWork {
  readonly kind: "idle";
  readonly connections: number;
  /** What the busy pair does. */
  readonly busy: ThroughputWork;
}

/** Something that every peer does. It goes from process to process as JSON, as its result does. */
export type Work =
  | ThroughputWork
  | AwaitedWork
  | SteadyWork
  | FlushWork
  | BacklogWork
  | FanOutWork
  | IdleWork;

/** The figures of a work; those that it does not measure are missing. */
export interface Result {
  /** How many messages were sent, all accounted for. */
  readonly count: number;
  /** Messages per second: published, confirmed, delivered and acknowledged. */
  readonly rate?: number;
  /** Processor time of all its messages together. */
  readonly cpu?: CpuTimes;
  /** From the call, or from when it was due, to the confirm. */
  readonly confirmMs?: Percentiles;
  /** From the call, or from when it was due, to the follower's hands. */
  readonly deliveryMs?: Percentiles;
  /** From when a message was due to when it was sent: the grain of the sender's ticks. */
  readonly lateMs?: Percentiles;
  /** From when a message was really sent to its confirm. */
  readonly sinceSentMs?: Percentiles;
  /** What one write and fdatasync took on the same disk, before and after the work. */
  readonly flushMs?: Percentiles;
  /** Seconds to publish the backlog, all of it confirmed. */
  readonly fillSeconds?: number;
  /** Seconds from the start of the broker until a follower has the first message of its backlog. */
  readonly startSeconds?: number;
  /** Memory of the broker's processes with the backlog in it. */
  readonly backlogBytes?: number;
  /** Memory of the broker's process for each idle connection. */
  readonly connectionBytes?: number;
}
