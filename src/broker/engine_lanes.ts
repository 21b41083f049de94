import type { LaneList, SharedLimitInfo } from "../protocol/answers/lane_info.ts";
import type { LaneOrder, LaneSettings, SharedLimitSettings } from "../protocol/lane_settings.ts";
import type { StreamFilter } from "./member_permit.ts";

/** Which lanes are asked for. */
export interface LaneQuestion {
  /** How they are sorted; most waiting first by default. */
  readonly by?: LaneOrder | undefined;
  /** How many at most, up to 1,000; 100 by default. */
  readonly limit?: number | undefined;
  /** The name behind which to begin, for lanes by name; the `next` of the page before. */
  readonly after?: string | undefined;
}

/** The part of the engine's port for lanes and limits. */
export interface EngineLanes {
  /**
   * Sets what holds for one lane instead of the stream's options: what is given is changed, the rest stays
   * as it is; `null` removes all of it. Rejects with `STREAM_NOT_FOUND`, or with `BAD_REQUEST` if too many lanes
   * have settings.
   */
  set(stream: string, lane: string, settings: LaneSettings | null): Promise<void>;
  /** Lists lanes of a stream. Rejects with `STREAM_NOT_FOUND`. */
  list(stream: string, question: LaneQuestion): Promise<LaneList>;
  /**
   * Sets a limit that streams share, or removes it; resolves to whether that changed anything. Rejects with
   * `LIMIT_NOT_FOUND` if there is none to be removed, with `BAD_REQUEST` if there are too many.
   */
  putLimit(name: string, settings: SharedLimitSettings | null): Promise<boolean>;
  /**
   * Lists all shared limits, by name.
   *
   * @param filter The streams that may be named.
   */
  getLimits(filter?: StreamFilter): Promise<SharedLimitInfo[]>;
}
