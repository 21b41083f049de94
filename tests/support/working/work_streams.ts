import type { StreamOptionsInput } from "../../../protocol.ts";
import type { Rate } from "../../../src/protocol/messages/stream_options.ts";
import type { Random } from "../random.ts";

/** A stream of a world, and how it is used. */
export interface WorkStream {
  readonly name: string;
  readonly options: StreamOptionsInput;
  /** How many lanes and keys its messages have; 0 for none. */
  readonly lanes: number;
  readonly keys: number;
  /** How many coalesce ids they have, and how likely one is. */
  readonly coalesceIds: number;
  /** Whether its handlers depend on something that is down from time to time. */
  readonly hasOutages: boolean;
  /** Whether that is down. */
  isDown: boolean;
}

/** The names of all streams of a world. */
export const WORK_STREAMS: readonly string[] = ["lanes", "keys", "calls", "docs", "mixed"];

/** Followers and publishers of all of them go by this pattern; dead letters have other names. */
export const ALL_WORK: RegExp = /^(lanes|keys|calls|docs|mixed)$/;

/** The streams of a world, with limits and breakers as it happens. */
export function describeWorkStreams(random: Random): WorkStream[] {
  const rate = (): Rate | null =>
    random.chance(0.5) ? null : { count: 1 + random.below(4), perMs: 100 + random.below(1500) };
  const limit = (most: number) => random.chance(0.5) ? null : 1 + random.below(most);
  const patient = { maxDeliveries: 1000, backoffMs: [random.below(3) * 100] };
  const breaker = {
    failures: 2 + random.below(3),
    withinMs: 8000,
    share: 0.3,
    openMs: random.pick([200, 1000]),
  };
  const none = { lanes: 0, keys: 0, coalesceIds: 0, hasOutages: false, isDown: false };
  return [
    {
      ...none,
      name: "lanes",
      options: {
        ...patient,
        maxPending: limit(8),
        rate: rate(),
        laneLimits: { maxPending: 1 + random.below(3), rate: rate() },
      },
      lanes: 3,
      keys: random.below(3),
    },
    { ...none, name: "keys", options: { ...patient, maxPending: limit(12) }, keys: 3 },
    {
      ...none,
      name: "calls",
      options: { maxDeliveries: 3, backoffMs: [random.below(2) * 50], breaker },
      keys: random.below(3),
      hasOutages: true,
    },
    // Messages of one coalesce id have one lane and one key, also in several streams.
    { ...none, name: "docs", options: patient, lanes: 2, keys: 2, coalesceIds: 3 },
    {
      ...none,
      name: "mixed",
      options: {
        maxDeliveries: 5,
        backoffMs: [random.below(2) * 50],
        breaker: { ...breaker, of: random.pick(["stream", "lane"] as const) },
        maxPending: limit(8),
        laneLimits: { maxPending: limit(3), rate: rate() },
      },
      lanes: 2,
      keys: 2,
      coalesceIds: 3,
      hasOutages: true,
    },
  ];
}
