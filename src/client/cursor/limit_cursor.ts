import type {
  LaneInfo,
  LaneSettings,
  Operation,
  QueryOptions,
  SharedLimitInfo,
  SharedLimitSettings,
} from "../../../protocol.ts";
import type { LaneList } from "../../protocol/answers/lane_info.ts";
import {
  findLaneNameMistake,
  findLaneSettingsMistake,
  findLimitNameMistake,
  findSharedLimitMistake,
  LANE_ORDERS,
} from "../../protocol/lane_settings.ts";
import { findStreamNameMistake } from "../../protocol/limits.ts";
import type { CallOptions } from "../member/call_options.ts";
import { checkNumber, checkOptionNames } from "../member/option_check.ts";
import type { PendingQueries } from "../uplink/pending_queries.ts";
import type { LanesOptions, Limiting } from "./limiting.ts";
import { ScheduleCursor } from "./schedule_cursor.ts";

/** The part of a cursor that is about lanes and limits. */
export class LimitCursor extends ScheduleCursor implements Limiting {
  readonly #queries: PendingQueries;

  constructor(queries: PendingQueries) {
    super(queries);
    this.#queries = queries;
  }

  async setLane(
    stream: string,
    lane: string,
    settings: LaneSettings | null,
    call?: CallOptions,
  ): Promise<void> {
    checkStreamName(stream);
    const action = `Cannot set lane ${JSON.stringify(lane)} of "${stream}"`;
    checkOptionNames(call ?? {}, ["signal"], action);
    throwMistake(action, findLaneNameMistake(lane));
    if (settings !== null) throwMistake(action, findLaneSettingsMistake(settings));
    await this.#askFor("setLane", stream, call, { lane, laneSettings: settings });
  }

  async getLanes(stream: string, options: LanesOptions = {}): Promise<LaneInfo[]> {
    checkStreamName(stream);
    const action = `Cannot get the lanes of "${stream}"`;
    checkOptionNames(options, ["by", "limit", "after", "signal"], action);
    const { by, limit, after, ...call } = options;
    if (by !== undefined && !LANE_ORDERS.includes(by)) {
      const found = JSON.stringify(by);
      throw new RangeError(
        `${action}: by must be one of ${LANE_ORDERS.join(", ")}, found ${found}`,
      );
    }
    if (limit !== undefined) checkNumber("limit", limit, { low: 1, high: 1000 }, action);
    if (after !== undefined) throwMistake(action, findLaneNameMistake(after));
    const query = {
      ...by && { by },
      ...limit !== undefined && { limit },
      ...after !== undefined && { lane: after },
    };
    const { items } = await this.#askFor("getLanes", stream, call, query) as LaneList;
    return [...items];
  }

  async putLimit(
    name: string,
    settings: SharedLimitSettings | null,
    call?: CallOptions,
  ): Promise<boolean> {
    const action = `Cannot put limit ${JSON.stringify(name)}`;
    checkOptionNames(call ?? {}, ["signal"], action);
    throwMistake(action, findLimitNameMistake(name));
    if (settings !== null) throwMistake(action, findSharedLimitMistake(settings));
    return await this.#askFor("putLimit", name, call, { sharedLimit: settings }) as boolean;
  }

  async getLimits(call?: CallOptions): Promise<SharedLimitInfo[]> {
    checkOptionNames(call ?? {}, ["signal"], "Cannot get the limits");
    return await this.#askFor("getLimits", "", call) as SharedLimitInfo[];
  }

  #askFor(
    operation: Operation,
    name: string,
    call?: CallOptions,
    options?: QueryOptions,
  ): Promise<unknown> {
    return this.#queries.ask({ operation, name, ...options && { options } }, call);
  }
}

function checkStreamName(name: string): void {
  throwMistake("Cannot use a stream name", findStreamNameMistake(name));
}

function throwMistake(action: string, mistake: string | undefined): void {
  if (mistake !== undefined) throw new RangeError(`${action}: ${mistake}`);
}
