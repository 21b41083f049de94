export const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Supplies loops. */
export interface HandoutSource {
  /** What a loop gets next, if that can be handed out at once. */
  takeNow<Unit>(loop: HandoutLoop<Unit>): Unit | undefined;
  /** Resolves to what a loop gets next, as soon as there is something. */
  next<Unit>(loop: HandoutLoop<Unit>): Promise<IteratorResult<Unit>>;
  leave<Unit>(loop: HandoutLoop<Unit>): void;
}

/** Hands out what a loop wants: messages, or batches. */
export interface Hands<Unit> {
  /** Whether there is something to hand out now. */
  hasNext(): boolean;
  /** Hands it out. */
  take(): Unit;
  /** Whether somebody still has to say what becomes of it. */
  isOpen(unit: Unit): boolean;
  /** Gives back what a loop has that is left. */
  leave(unit: Unit): void;
  /** Whether the broker has to be told before a handler gets it. */
  isDoubtful?(unit: Unit): boolean;
  /** Whether messages are collected for a while before they are handed out. */
  readonly collects?: boolean;
  /** Why the next one may not be asked for while this one is open; undefined if it may. */
  findMistake?(unit: Unit): Error | undefined;
  /** The loop begins, or is over. */
  begin?(): void;
  end?(): void;
}

/** How a loop is used. */
export interface LoopOptions {
  /** Ends it, with an error. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the last one goes back when the loop is left. */
  readonly keepsLast: boolean;
}

/** A loop over what a follower gets. It ends for good when it is left. */
export class HandoutLoop<Unit> implements AsyncIterableIterator<Unit> {
  readonly hands: Hands<Unit>;
  readonly signal: AbortSignal | undefined;
  readonly #source: HandoutSource;
  readonly #keepsLast: boolean;
  #last: Unit | undefined = undefined;
  #state: "new" | "open" | "over" = "new";

  constructor(source: HandoutSource, hands: Hands<Unit>, { signal, keepsLast }: LoopOptions) {
    this.#source = source;
    this.hands = hands;
    this.signal = signal;
    this.#keepsLast = keepsLast;
  }

  /** What the loop has got last, if it is to go back when the loop is left. */
  get last(): Unit | undefined {
    return this.#last;
  }

  /** Notes what the loop has got; forgets what it has got before. */
  noteTaken(unit: Unit | undefined): void {
    if (this.#keepsLast) this.#last = unit;
  }

  /** What comes next, if that can be had at once. */
  takeNow(): Unit | undefined {
    if (this.#state === "over") return undefined;
    if (this.#state === "new") this.#begin();
    return this.#source.takeNow(this);
  }

  next(): Promise<IteratorResult<Unit>> {
    if (this.#state === "over") return Promise.resolve(done);
    if (this.#state === "new") this.#begin();
    const mistake = this.#last === undefined ? undefined : this.hands.findMistake?.(this.#last);
    if (mistake === undefined) return this.#source.next(this);
    this.#end();
    return Promise.reject(mistake);
  }

  /** Called by `break`, `return` and `throw` in a `for await`, which cannot be told apart. */
  return(): Promise<IteratorResult<Unit>> {
    if (this.#state !== "over") this.#end();
    return Promise.resolve(done);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #begin(): void {
    this.#state = "open";
    this.hands.begin?.();
  }

  #end(): void {
    if (this.#state === "open") this.hands.end?.();
    this.#state = "over";
    this.#source.leave(this);
  }
}
