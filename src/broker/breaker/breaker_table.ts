import type { BreakerInfo } from "../../../protocol.ts";
import { BREAKER_DEFAULT, type BreakerOptions } from "../../protocol/messages/stream_options.ts";
import type { Calendar } from "../collections/calendar.ts";
import type { Gate } from "../lanes/gate.ts";
import { Breaker, type BreakerOwner, type OpenBreaker } from "./breaker.ts";

/** The breaker of a stream. */
export class BreakerTable {
  #options: Required<BreakerOptions>;
  readonly #whole: Breaker;

  constructor(options: BreakerOptions, owner: BreakerOwner) {
    this.#options = complete(options);
    this.#whole = new Breaker(this.#options, owner);
  }

  /** Whether it can go by other options: those of a breaker for the stream, or one for each lane, as before. */
  fits(given: BreakerOptions | null | undefined): boolean {
    return given !== null && given !== undefined && complete(given).of === this.#options.of;
  }

  /** Goes by other options that fit from now on. */
  setOptions(given: BreakerOptions): void {
    this.#options = complete(given);
    this.#whole.setOptions(this.#options);
  }

  /** The gates of the whole stream. */
  get gates(): readonly Gate[] {
    return [this.#whole];
  }

  /** The breaker that messages of a lane go by; undefined if none of them has failed. */
  find(_lane?: number): Breaker | undefined {
    return this.#whole;
  }

  /** Whether messages of a lane cost no attempt now. */
  isOpen(lane?: number): boolean {
    return this.find(lane)?.open !== undefined;
  }

  /** The breaker that messages of a lane go by. */
  require(_lane?: number): Breaker {
    return this.#whole;
  }

  /** The breaker of the stream as people see it, while it is open. */
  describe(calendar: Calendar): { breaker?: BreakerInfo } {
    const { open, isProbing } = this.#whole;
    if (open === undefined) return {};
    const { openedAt, nextAt, ...others } = open;
    const probeAt = isProbing ? undefined : Math.ceil(calendar.dateOf(nextAt));
    const since = Math.floor(calendar.dateOf(openedAt));
    return { breaker: { since, ...probeAt !== undefined && { probeAt }, ...others } };
  }

  /** Those that are open. */
  listOpen(): (readonly [Breaker, OpenBreaker])[] {
    const { open } = this.#whole;
    return open === undefined ? [] : [[this.#whole, open]];
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
