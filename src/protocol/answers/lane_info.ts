import type { LaneSettings, SharedLimitSettings } from "../lane_settings.ts";

/** One lane of a stream, as `getLanes` tells. */
export interface LaneInfo {
  /** Its name; `null` for the messages without a lane, which are together one lane. */
  readonly name: string | null;
  /** How many of its messages wait to be delivered, those that wait for their keys included. */
  readonly ready: number;
  /** How many wait for a time. */
  readonly delayed: number;
  /** How many followers hold. */
  readonly pending: number;
  /** How long the oldest ready message has been stored, in milliseconds; absent if there is none. */
  readonly oldestReadyMs?: number;
  /** What holds its messages back, as in "5 of 5 pending"; absent if nothing does. */
  readonly limitedBy?: string;
  /** Until when, in milliseconds since 1970; absent if that does not depend on time. */
  readonly limitedUntil?: number;
  /** What was set for it with `setLane`; absent if nothing was. */
  readonly settings?: LaneSettings;
}

/** A page of lanes. */
export interface LaneList {
  /** The lanes, in the order that was asked for. */
  readonly items: readonly LaneInfo[];
  /** How many lanes the stream has, the messages without a lane included if there are some. */
  readonly count: number;
  /** The name behind which the next page begins; absent on the last one, and where lanes are not sorted by name. */
  readonly next?: string;
}

/** A limit that several streams share, as `getLimits` tells. */
export interface SharedLimitInfo {
  /** Its name. */
  readonly name: string;
  /** What it allows. */
  readonly settings: SharedLimitSettings;
  /** How many messages followers hold of all its streams together. */
  readonly pending: number;
  /** The streams that name it; of very many, the first hundred. */
  readonly streams: readonly string[];
  /** Why nothing of its streams is delivered now; absent if something may be. */
  readonly limitedBy?: string;
  /** Until when, in milliseconds since 1970; absent if that does not depend on time. */
  readonly limitedUntil?: number;
}
