import type { BreakerInfo } from "../../../protocol.ts";
import { BREAKER_DEFAULT, type BreakerOptions } from "../../protocol/messages/stream_options.ts";
import type { Calendar } from "../collections/calendar.ts";
import type { Gate } from "../lanes/gate.ts";
import type { LaneRuns } from "../lanes/lane_runs.ts";
import { Breaker, type BreakerOwner, type OpenBreaker } from "./breaker.ts";

/** What has lanes, from the first message with one on. */
export interface LaneSource {
  readonly lanes: LaneRuns | undefined;
  requireLanes(): LaneRuns;
}

/**
 * The breaker of a stream, or those of its lanes: a lane has one from its first failure on, as its gate, and as
 * long as there is something of the lane. A message without a lane is a lane of its own, which never fails
 * often enough.
 */
export class BreakerTable {
  readonly #lanes: LaneSource;
  readonly #owner: BreakerOwner;
  #options: Required<BreakerOptions>;
  /** The breaker of the stream; undefined if each lane has one. */
  readonly #whole: Breaker | undefined;
  /** Those that are open, the longest open first. */
  readonly #open = new Set<Breaker>();

  constructor(options: BreakerOptions, lanes: LaneSource, owner: BreakerOwner) {
    this.#options = complete(options);
    this.#lanes = lanes;
    this.#owner = owner;
    this.#whole = this.#options.of === "stream" ? new Breaker(this.#options, owner) : undefined;
  }

  /** Whether it can go by other options: those of a breaker for the stream, or one for each lane, as before. */
  fits(given: BreakerOptions | null | undefined): boolean {
    return given !== null && given !== undefined && complete(given).of === this.#options.of;
  }

  /** Goes by other options from now on, that fit. */
  setOptions(given: BreakerOptions): void {
    this.#options = complete(given);
    for (const breaker of this.#list()) breaker.setOptions(this.#options);
  }

  /** Takes all breakers away from their lanes. */
  end(): void {
    const { lanes } = this.#lanes;
    for (const { lane } of this.#list()) {
      if (lane === undefined) continue;
      lane.gate = undefined;
      lanes!.place(lane);
    }
  }

  /** The gates of the whole stream. */
  get gates(): readonly Gate[] {
    return this.#whole === undefined ? [] : [this.#whole];
  }

  /** The breaker that messages of a lane go by; undefined if there is none, or nothing has failed yet. */
  find(number: number | undefined): Breaker | undefined {
    if (this.#whole !== undefined) return this.#whole;
    const gate = this.#lanes.lanes?.table.get(number).gate;
    return gate instanceof Breaker ? gate : undefined;
  }

  /** The breaker that messages of a lane go by; undefined if they have no lane. */
  require(number: number | undefined): Breaker | undefined {
    const breaker = this.find(number);
    const lane = this.#lanes.lanes?.table.get(number);
    if (breaker !== undefined || lane === undefined || lane.number === 0) return breaker;
    const made = new Breaker(this.#options, this.#owner, lane);
    lane.gate = made;
    return made;
  }

  /** Whether messages of a lane cost no attempt now. */
  isOpen(number: number | undefined): boolean {
    return this.#open.size > 0 && this.find(number)?.open !== undefined;
  }

  /** Sets the state that an event tells: of the breaker of a lane, if it names one. */
  set(name: string | undefined, open: OpenBreaker | undefined): void {
    const breaker = name === undefined ? this.#whole : this.#requireNamed(name);
    if (breaker === undefined) return;
    breaker.set(open);
    if (open === undefined) this.#open.delete(breaker);
    else this.#open.add(breaker);
    if (breaker.lane !== undefined) this.#lanes.lanes!.place(breaker.lane);
  }

  /** The breaker that is open for the longest time, as people see it. */
  describe(calendar: Calendar): { breaker?: BreakerInfo } {
    const [first] = this.#open;
    if (first?.open === undefined) return {};
    const { open: { openedAt, nextAt, ...others }, isProbing, lane } = first;
    const probeAt = isProbing ? undefined : Math.ceil(calendar.dateOf(nextAt));
    const since = Math.floor(calendar.dateOf(openedAt));
    const lanes = lane && { lane: lane.name, openLanes: this.#open.size };
    return { breaker: { since, ...probeAt !== undefined && { probeAt }, ...others, ...lanes } };
  }

  /** Those that are open, the longest open first. */
  *listOpen(): Generator<readonly [Breaker, OpenBreaker]> {
    for (const breaker of this.#open) {
      if (breaker.open !== undefined) yield [breaker, breaker.open];
    }
  }

  get openCount(): number {
    return this.#open.size;
  }

  #requireNamed(name: string): Breaker | undefined {
    if (this.#whole !== undefined) return undefined;
    return this.require(this.#lanes.requireLanes().table.require(name).number);
  }

  *#list(): Generator<Breaker> {
    if (this.#whole !== undefined) return yield this.#whole;
    for (const { gate } of this.#lanes.lanes?.table ?? []) if (gate instanceof Breaker) yield gate;
  }
}

function complete(given: BreakerOptions): Required<BreakerOptions> {
  const { failures, withinMs, share, openMs, of } = given;
  return {
    failures,
    withinMs: withinMs ?? BREAKER_DEFAULT.withinMs,
    share: share ?? BREAKER_DEFAULT.share,
    openMs: openMs ?? BREAKER_DEFAULT.openMs,
    of: of ?? BREAKER_DEFAULT.of,
  };
}
