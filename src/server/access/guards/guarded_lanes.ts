import type { LaneList, SharedLimitInfo } from "../../../protocol/answers/lane_info.ts";
import type { LaneSettings, SharedLimitSettings } from "../../../protocol/lane_settings.ts";
import type { EngineLanes, LaneQuestion, StreamFilter } from "../../../broker/engine.ts";

/** What a user may do with lanes and limits. */
export interface LaneGuard {
  /** Throws `FORBIDDEN` unless the user may do that with a stream. */
  require(verb: "inspect" | "manage", stream: string): void;
  /** Throws `FORBIDDEN` unless the user may manage everything: a shared limit concerns all streams. */
  requireAdmin(action: string): void;
  /** The streams that the user may inspect; undefined for all. */
  readonly filter: StreamFilter | undefined;
}

/** Lanes and limits as a user may use them. */
export class GuardedLanes implements EngineLanes {
  readonly #lanes: EngineLanes;
  readonly #guard: LaneGuard;

  constructor(lanes: EngineLanes, guard: LaneGuard) {
    this.#lanes = lanes;
    this.#guard = guard;
  }

  async set(stream: string, lane: string, settings: LaneSettings | null): Promise<void> {
    this.#guard.require("manage", stream);
    await this.#lanes.set(stream, lane, settings);
  }

  async list(stream: string, question: LaneQuestion): Promise<LaneList> {
    this.#guard.require("inspect", stream);
    return await this.#lanes.list(stream, question);
  }

  async putLimit(name: string, settings: SharedLimitSettings | null): Promise<boolean> {
    this.#guard.requireAdmin("putLimit");
    return await this.#lanes.putLimit(name, settings);
  }

  /** Somebody who sees some of its streams sees the limit, with those streams. */
  async getLimits(): Promise<SharedLimitInfo[]> {
    const { filter } = this.#guard;
    const limits = await this.#lanes.getLimits(filter);
    return filter === undefined ? limits : limits.filter(({ streams }) => streams.length > 0);
  }
}
