import type { LaneSettings, SharedLimitSettings } from "../../protocol/lane_settings.ts";

/** The settings of a lane changed. */
export interface LaneSet {
  readonly type: "laneSet";
  /** The number of the stream. */
  readonly number: number;
  readonly lane: string;
  /** All its settings now; `null` for none. */
  readonly settings: LaneSettings | null;
}

/** A shared limit was set, changed or removed. */
export interface LimitSet {
  readonly type: "limitSet";
  readonly name: string;
  /** What it allows now; `null` if there is none of that name any more. */
  readonly settings: SharedLimitSettings | null;
}

/** The settings of lanes of a stream in a snapshot. */
export interface LanesPiece {
  readonly piece: "lanes";
  /** The number of the stream. */
  readonly stream: number;
  readonly lanes: readonly (readonly [lane: string, settings: LaneSettings])[];
}

/** Shared limits in a snapshot. */
export interface LimitsPiece {
  readonly piece: "limits";
  readonly limits: readonly (readonly [name: string, settings: SharedLimitSettings])[];
}
