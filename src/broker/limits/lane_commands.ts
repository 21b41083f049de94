import { BrokerError } from "../../../protocol.ts";
import type { LaneList, SharedLimitInfo } from "../../protocol/answers/lane_info.ts";
import {
  findLimitNameMistake,
  type LaneSettings,
  type SharedLimitSettings,
} from "../../protocol/lane_settings.ts";
import type { StreamFilter } from "../engine.ts";
import type { EngineLanes, LaneQuestion } from "../engine_lanes.ts";
import type { RuleContext } from "../rules/rule_context.ts";
import type { SharedLimit } from "../serving/shared_limit.ts";
import type { Stream } from "../stream/stream.ts";
import { LimitFigures } from "./limit_figures.ts";
import { LaneListing, LOOKS_MAX } from "./lane_list.ts";

/** The most lanes of a stream with settings of their own: each is in every snapshot. */
export const SETTINGS_MAX = 10_000;

/** The most shared limits. */
export const LIMITS_MAX = 1000;

/** The lanes that are looked at in about the time of a step. */
const LANES_PER_STEP = 16;

/** The most streams that are named for one shared limit. */
const NAMES_MAX = 100;

/** What cursors ask and decide about lanes and limits. */
export class LaneCommands implements EngineLanes {
  readonly #context: RuleContext;

  constructor(context: RuleContext) {
    this.#context = context;
    context.counters.limits = new LimitFigures(context);
  }

  async set(name: string, lane: string, given: LaneSettings | null): Promise<void> {
    const stream = this.#requireServed(name);
    const before = stream.share.lanes?.table.find(lane)?.settings;
    const settings = given === null ? null : joinSettings(before, given);
    if (JSON.stringify(settings) !== JSON.stringify(before ?? null)) {
      if (before === undefined) checkSettings(stream, lane);
      const context = this.#context;
      context.commit({ type: "laneSet", number: stream.number, lane, settings });
      context.dispatcher.noteReady(stream.share);
      context.clock.hasten(stream.alarm, stream.nextDueAt);
    }
    await this.#context.whenDurable();
  }

  async list(name: string, question: LaneQuestion): Promise<LaneList> {
    const stream = this.#requireServed(name);
    const listing = new LaneListing(stream, question);
    const { state: { router }, now } = this.#context;
    const looks = Math.min(stream.share.lanes?.table.size ?? 0, LOOKS_MAX);
    router.steps += Math.floor(looks / LANES_PER_STEP);
    await this.#context.turns.work(() => listing.look() ? "later" : "done");
    return listing.tell(now());
  }

  async putLimit(name: string, given: SharedLimitSettings | null): Promise<boolean> {
    const mistake = findLimitNameMistake(name);
    if (mistake !== undefined) {
      throw new BrokerError("BAD_REQUEST", `Cannot put limit ${JSON.stringify(name)}: ${mistake}`);
    }
    const { state: { limits } } = this.#context;
    const before = limits.get(name);
    if (given === null && before === undefined) {
      throw new BrokerError("LIMIT_NOT_FOUND", `Cannot remove limit "${name}": there is none`);
    }
    if (before === undefined && limits.list().length >= LIMITS_MAX) {
      throw new BrokerError(
        "BAD_REQUEST",
        `Cannot put limit "${name}": the limit of ${LIMITS_MAX} shared limits is reached`,
      );
    }
    const { maxPending = null, rate = null } = given ?? {};
    const settings = given === null ? null : { maxPending, rate };
    const isChanged = JSON.stringify(settings) !== JSON.stringify(before?.settings ?? null);
    if (isChanged) this.#context.commit({ type: "limitSet", name, settings });
    await this.#context.whenDurable();
    return isChanged;
  }

  // deno-lint-ignore require-await
  async getLimits(filter?: StreamFilter): Promise<SharedLimitInfo[]> {
    return this.#context.state.limits.list()
      .map((limit) => this.#describe(limit, filter))
      .sort((one, other) => one.name < other.name ? -1 : 1);
  }

  #describe(limit: SharedLimit, filter: StreamFilter | undefined): SharedLimitInfo {
    const { name, settings, pendingCount } = limit;
    const streams: string[] = [];
    for (const { store } of limit.shares) {
      if (streams.length >= NAMES_MAX) break;
      if (filter?.allows(store.name) ?? true) streams.push(store.name);
    }
    const { now, state: { calendar } } = this.#context;
    const note = limit.explain(now());
    const until = note?.opensAt ?? Infinity;
    return {
      name,
      settings: settings!,
      pending: pendingCount,
      streams: streams.sort(),
      ...note !== undefined && { limitedBy: note.why },
      ...until < Infinity && { limitedUntil: Math.ceil(calendar.dateOf(until)) },
    };
  }

  #requireServed(name: string): Stream {
    const stream = this.#context.state.router.requireStream(name);
    if (stream.damage !== undefined) throw stream.damage;
    return stream;
  }
}

/** The settings of a lane with changes: a field that is not given stays as it is. */
function joinSettings(before: LaneSettings | undefined, given: LaneSettings): LaneSettings {
  const fields = Object.entries({ ...before, ...given }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(fields.sort(([one], [other]) => one < other ? -1 : 1));
}

function checkSettings({ name, share }: Stream, lane: string): void {
  if ((share.lanes?.settingsCount ?? 0) < SETTINGS_MAX) return;
  throw new BrokerError(
    "BAD_REQUEST",
    `Cannot set lane "${lane}" of "${name}": ${SETTINGS_MAX} lanes have settings, which is the limit`,
  );
}
