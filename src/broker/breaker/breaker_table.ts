import type { BreakerInfo } from "../../../protocol.ts";
import { BREAKER_DEFAULT, type BreakerOptions } from "../../protocol/messages/stream_options.ts";
import type { Calendar } from "../collections/calendar.ts";
import type { Gate } from "../lanes/gate.ts";
import { Breaker, type BreakerOwner, type OpenBreaker } from "./breaker.ts";

/** The breaker of a stream. */
export class BreakerTable {
  readonly options: Required<BreakerOptions>;
  readonly #whole: Breaker;

  constructor(options: BreakerOptions, owner: BreakerOwner) {
    this.options = { ...BREAKER_DEFAULT, ...options };
    this.#whole = new Breaker(this.options, owner);
  }

  /** Whether it would be the same with these options. */
  isAs(options: BreakerOptions): boolean {
    const all = { ...BREAKER_DEFAULT, ...options };
    return Object.entries(all).every(([name, value]) =>
      this.options[name as keyof BreakerOptions] === value
    );
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

  /** Opens what was open under other options; a breaker of lanes does not become one of a stream. */
  takeOver(before: BreakerTable): void {
    if (before.options.of !== this.options.of) return;
    for (const [{ lane }, open] of before.listOpen()) this.require(lane).set(open);
  }
}
