import { BrokerError } from "../../../protocol.ts";
import type { Clock } from "../../transport/clock.ts";
import { whenAborted } from "../member/abort_listener.ts";
import { checkCloseOptions, type CloseOptions } from "../member/call_options.ts";
import { ClosingLimit } from "../member/closing_limit.ts";
import type { ResolvedWorkOptions } from "./handle_options.ts";
import type { Handling } from "./handling.ts";
import { Postpone } from "./postpone.ts";
import { Reject } from "./reject.ts";
import { Slot, type SlotOwner } from "./slot.ts";
import { SlotWatch } from "./slot_watch.ts";

/** Where handlers get their messages or batches from. */
export interface WorkSource<Unit> {
  /** Gives the next one, if that can be done at once. */
  takeNow(): Unit | undefined;
  /** Resolves to the next one. */
  next(): Promise<IteratorResult<Unit>>;
  /** Nothing more is wanted. */
  return(): unknown;
}

/** What becomes of the messages of handlers. Nothing here throws, whatever has become of them meanwhile. */
export interface WorkOutcomes<Unit> {
  /** What an error calls it. */
  describe(unit: Unit): string;
  /** Whether it is no longer the follower's. */
  isLost(unit: Unit): boolean;
  /** Its handler has returned: acknowledges what has no outcome yet. */
  finish(unit: Unit): void;
  /** Its handler has thrown. */
  fail(unit: Unit, error: unknown, verb: "nack" | "reject"): void;
  /** Gives back what handlers have had no time for: that costs no attempt. */
  release(units: readonly Unit[]): void;
  extend(units: readonly Unit[], ms: number): void;
  /** Tells the handler that it should not go on. */
  abort(unit: Unit, reason: Error): void;
}

/** What handlers need, beside their options. */
export interface WorkParts<Unit> {
  readonly source: WorkSource<Unit>;
  readonly outcomes: WorkOutcomes<Unit>;
  readonly clock: Clock;
}

/** Runs handlers on what a follower gets, a limited number at once. */
export class HandlerWork<Unit> implements Handling, SlotOwner<Unit> {
  readonly #handler: (unit: Unit) => unknown;
  readonly #options: ResolvedWorkOptions<Unit>;
  readonly #parts: WorkParts<Unit>;
  readonly #watch: SlotWatch<Unit>;
  readonly #closed = Promise.withResolvers<void>();
  /** Resolves when nothing runs any more, whatever the reason. */
  readonly #drained = Promise.withResolvers<void>();
  readonly #slots = new Set<Slot<Unit>>();
  readonly #free: Slot<Unit>[] = [];
  #runningCount = 0;
  #state: "open" | "closing" | "closed" = "open";
  #isWaiting = false;
  #isFilling = false;
  #error: { readonly error: unknown } | undefined;

  constructor(
    handler: (unit: Unit) => unknown,
    options: ResolvedWorkOptions<Unit>,
    parts: WorkParts<Unit>,
  ) {
    this.#handler = handler;
    this.#options = options;
    this.#parts = parts;
    this.#watch = new SlotWatch({
      clock: parts.clock,
      timeoutMs: options.timeoutMs,
      extendMs: options.extendMs,
      slots: this.#slots,
      extend: (units) => parts.outcomes.extend(units, options.extendMs),
      timeOut: (slot) => this.#timeOut(slot),
    });
  }

  /** Begins; calls `over` when nothing runs any more, and nothing will. */
  start(over: () => void): void {
    const { signal } = this.#options;
    this.#drained.promise.then(over);
    if (signal?.aborted) return void this.close();
    if (signal !== undefined) {
      const forget = whenAborted(signal, () => void this.close());
      this.#drained.promise.then(forget);
    }
    this.#fill();
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get running(): number {
    return this.#runningCount;
  }

  async close(options: CloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    if (this.#state === "open") {
      this.#state = "closing";
      this.#parts.source.return();
    }
    const { drainMs = this.#options.drainMs, signal } = options;
    if (this.#runningCount === 0) this.#end();
    else if (drainMs === 0 || signal?.aborted) this.#giveUp();
    else {
      const limit = new ClosingLimit({ drainMs, signal }, () => this.#giveUp());
      this.#drained.promise.then(() => limit.end());
    }
    await this.#drained.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  finish(slot: Slot<Unit>): void {
    const { unit } = slot;
    if (unit === undefined) return;
    this.#parts.outcomes.finish(unit);
    this.#vacate(slot);
  }

  fail(slot: Slot<Unit>, error: unknown): void {
    const { unit } = slot;
    if (unit === undefined) return;
    const { onError } = this.#options;
    const { outcomes } = this.#parts;
    if (typeof onError !== "function" || error instanceof Reject || error instanceof Postpone) {
      outcomes.fail(unit, error, onError === "reject" ? "reject" : "nack");
      return this.#vacate(slot);
    }
    slot.failure = { error };
    const settle = () => {
      if (slot.unit !== unit) return;
      outcomes.fail(unit, error, "nack");
      this.#vacate(slot);
    };
    // Nobody waits for a handler whose message was taken away: what it throws then is no failure.
    if (outcomes.isLost(unit)) return settle();
    new Promise((resolve) => resolve(onError(error, unit))).then(settle, settle);
  }

  /** Gives handlers whatever there is. */
  #fill(): void {
    // Handlers that end at once do not go deeper and deeper.
    if (this.#isFilling) return;
    this.#isFilling = true;
    while (this.#state === "open" && this.#runningCount < this.#options.concurrency) {
      const unit = this.#parts.source.takeNow();
      if (unit === undefined) {
        this.#wait();
        break;
      }
      this.#begin(unit);
    }
    this.#isFilling = false;
  }

  /** Waits until there is something for all free slots. */
  #wait(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#parts.source.next().then((result) => {
      this.#isWaiting = false;
      if (result.done) return void this.close();
      this.#begin(result.value);
      this.#fill();
    }, (error) => {
      this.#error = { error };
      void this.close();
    });
  }

  #begin(unit: Unit): void {
    this.#runningCount++;
    let result: unknown;
    try {
      result = this.#handler(unit);
    } catch (error) {
      return this.fail(this.#occupy(unit), error);
    }
    if (isThenable(result)) {
      const slot = this.#occupy(unit);
      result.then(slot.finish, slot.fail);
    } else {
      this.#runningCount--;
      this.#parts.outcomes.finish(unit);
      this.#endIfDone();
    }
  }

  #occupy(unit: Unit): Slot<Unit> {
    let slot = this.#free.pop();
    if (slot === undefined) this.#slots.add(slot = new Slot(this));
    slot.unit = unit;
    this.#watch.begin(slot);
    return slot;
  }

  #vacate(slot: Slot<Unit>): void {
    slot.unit = slot.failure = undefined;
    this.#free.push(slot);
    this.#runningCount--;
    this.#endIfDone();
    this.#fill();
  }

  /** Takes a handler's message away; whatever the handler does from now on changes nothing. */
  #abandon(slot: Slot<Unit>): Unit {
    const unit = slot.unit!;
    slot.unit = undefined;
    this.#slots.delete(slot);
    this.#runningCount--;
    return unit;
  }

  #timeOut(slot: Slot<Unit>): void {
    const { outcomes } = this.#parts;
    const { failure } = slot;
    const unit = this.#abandon(slot);
    if (failure !== undefined) {
      // It is `onError` that does not end.
      outcomes.fail(unit, failure.error, "nack");
      this.#endIfDone();
      return this.#fill();
    }
    const error = new BrokerError(
      "HANDLER_TIMEOUT",
      `Cannot finish ${
        outcomes.describe(unit)
      }: its handler has run for ${this.#options.timeoutMs} ms, ` +
        `which is its timeoutMs`,
    );
    this.#runningCount++;
    const next = this.#occupy(unit);
    outcomes.abort(unit, error);
    this.fail(next, error);
  }

  /** Handlers have had their time: their messages go back. */
  #giveUp(): void {
    if (this.#state === "closed") return;
    const { outcomes } = this.#parts;
    const units: Unit[] = [];
    for (const slot of [...this.#slots]) {
      if (slot.unit === undefined) continue;
      const { failure } = slot;
      const unit = this.#abandon(slot);
      // It has failed already; only `onError` has not ended.
      if (failure !== undefined) outcomes.fail(unit, failure.error, "nack");
      else units.push(unit);
    }
    outcomes.release(units);
    for (const unit of units) {
      const why = `Cannot go on with ${outcomes.describe(unit)}: its handler is closed`;
      outcomes.abort(unit, new BrokerError("STALE_DELIVERY", why));
    }
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#state === "closing" && this.#runningCount === 0) this.#end();
  }

  #end(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#watch.stop();
    this.#drained.resolve();
    if (this.#error === undefined) this.#closed.resolve();
    else this.#closed.reject(this.#error.error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as PromiseLike<unknown>).then === "function";
}
