import { BrokerError } from "../../../protocol.ts";
import type { DeliveredMessage } from "./delivered_message.ts";

/** The signals of messages. They are kept outside the messages, since few programs ask for a signal. */
const controllers = new WeakMap<DeliveredMessage, AbortController>();

/** Why messages were taken from their followers. */
const losses = new WeakMap<DeliveredMessage, string>();

/** Messages that were cancelled: nobody gets them again. */
const cancelled = new WeakSet<DeliveredMessage>();

/**
 * The messages that a follower's handlers have. A loop that takes one message after the other holds one at a
 * time, which needs no map. The credit limits the number of messages.
 */
export class HeldMessages {
  /** The last message handed out, unless it is ended. */
  #newest: DeliveredMessage | undefined;
  /** The messages handed out before it, by their tags. */
  readonly #others = new Map<number, DeliveredMessage>();
  /** The messages that the broker has taken back over this link. */
  #revoked = new WeakSet<DeliveredMessage>();
  #emptied: PromiseWithResolvers<void> | undefined;
  /** Hears of messages that are no longer held. */
  removed: ((message: DeliveredMessage) => void) | undefined = undefined;
  /** A message handed out at some time; see {@linkcode HeldMessages.mark}. */
  #mark: DeliveredMessage | undefined;

  get count(): number {
    return this.#others.size + (this.#newest === undefined ? 0 : 1);
  }

  /** The tag of the newest message; 0 if there is none or it is ended. */
  get newestTag(): number {
    return this.#newest?.tag ?? 0;
  }

  /** The tag of the oldest of the other messages; 0 if there are none. */
  get oldestTag(): number {
    return this.#others.keys().next().value ?? 0;
  }

  /** Notes the newest message, to tell later which ones are older. */
  mark(): void {
    this.#mark = this.#newest;
  }

  /** The number of messages that were handed out before the one that was noted. */
  countOlder(): number {
    const tag = this.#mark?.tag ?? 0;
    let count = 0;
    for (const other of this.#others.keys()) {
      if (other >= tag) break;
      count++;
    }
    return count;
  }

  /** Adds a message; returns the number of others. */
  add(message: DeliveredMessage): number {
    if (this.#newest !== undefined) this.#others.set(this.#newest.tag, this.#newest);
    this.#newest = message;
    return this.#others.size;
  }

  list(): DeliveredMessage[] {
    const others = [...this.#others.values()];
    return this.#newest === undefined ? others : [...others, this.#newest];
  }

  has(message: DeliveredMessage): boolean {
    return message === this.#newest || this.#others.get(message.tag) === message;
  }

  /** Removes a message; returns whether it was still held. */
  remove(message: DeliveredMessage): boolean {
    if (message === this.#newest) this.#newest = undefined;
    else if (this.#others.get(message.tag) === message) this.#others.delete(message.tag);
    else return false;
    this.removed?.(message);
    if (this.#emptied !== undefined) this.#tellEmpty();
    return true;
  }

  find(tag: number): DeliveredMessage | undefined {
    return this.#newest?.tag === tag ? this.#newest : this.#others.get(tag);
  }

  /**
   * Removes messages that the broker has taken back; unknown tags are ignored.
   *
   * @param isCancelled Whether it has done so for good: no late acknowledgement counts.
   */
  revoke(tags: readonly number[], why: string, isCancelled = false): void {
    const lost: DeliveredMessage[] = [];
    for (const tag of tags) {
      const message = this.find(tag);
      if (message === undefined) continue;
      lost.push(message);
      if (isCancelled) cancelled.add(message);
      else this.#revoked.add(message);
    }
    this.#lose(lost, why);
  }

  /** Whether the broker has taken a message back over this link. */
  wasRevoked(message: DeliveredMessage): boolean {
    return this.#revoked.has(message);
  }

  /** Removes all messages: they are lost. */
  loseAll(why: string): void {
    // Their tags are no longer valid.
    this.#revoked = new WeakSet();
    this.#lose(this.list(), why);
  }

  /** Why a message was taken away, if it was. */
  lossOf(message: DeliveredMessage): string | undefined {
    return losses.get(message);
  }

  /** Resolves when nothing is held. */
  emptied(): Promise<void> {
    this.#emptied ??= Promise.withResolvers();
    const { promise } = this.#emptied;
    this.#tellEmpty();
    return promise;
  }

  #lose(lost: readonly DeliveredMessage[], why: string): void {
    for (const message of lost) {
      losses.set(message, why);
      this.remove(message);
    }
    // Done last, since listeners may call the follower.
    for (const message of lost) {
      controllers.get(message)?.abort(explainLoss(message, why));
    }
  }

  #tellEmpty(): void {
    if (this.#emptied === undefined || this.count > 0) return;
    this.#emptied.resolve();
    this.#emptied = undefined;
  }
}

export function signalOf(message: DeliveredMessage): AbortSignal {
  const known = controllers.get(message);
  if (known !== undefined) return known.signal;
  const controller = new AbortController();
  controllers.set(message, controller);
  const why = losses.get(message);
  if (why !== undefined) controller.abort(explainLoss(message, why));
  return controller.signal;
}

export function abortSignal(message: DeliveredMessage, reason: unknown): void {
  const controller = controllers.get(message) ?? new AbortController();
  controllers.set(message, controller);
  controller.abort(reason);
}

export function explainLoss(message: DeliveredMessage, why: string): BrokerError {
  const { id, stream } = message;
  const text = `Cannot go on with message ${id} of "${stream}": ${why}`;
  return new BrokerError(cancelled.has(message) ? "CANCELLED" : "STALE_DELIVERY", text);
}
