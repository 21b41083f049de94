/** What a slot belongs to. */
export interface SlotOwner<Unit> {
  finish(slot: Slot<Unit>): void;
  fail(slot: Slot<Unit>, error: unknown): void;
}

/**
 * A place for a handler that runs, used again and again. Its functions are made once, since a handler without
 * much to do takes less time than making them.
 */
export class Slot<Unit> {
  /** What the handler has; nothing while the slot is free, or when it is given up. */
  unit: Unit | undefined = undefined;
  /** Why the handler has failed, while `onError` runs. */
  failure: { readonly error: unknown } | undefined = undefined;
  /** When the handler began. */
  startedAt = 0;
  /** When the time of its message is to be extended next. */
  extendAt: number = Infinity;
  /** Whether it was extended before. */
  isExtended = false;
  /** The handler has returned. */
  readonly finish: () => void;
  /** The handler has thrown. */
  readonly fail: (error: unknown) => void;

  constructor(owner: SlotOwner<Unit>) {
    this.finish = () => owner.finish(this);
    this.fail = (error) => owner.fail(this, error);
  }
}
