/**
 * Deliveries that may be, or have been, taken away from a follower while they are worked on: the
 * signals that tell, and the tags that are the follower's no more.
 *
 * @module
 */

import { BrokerError } from "../../protocol.ts";
import type { DeliveredMessage } from "./message.ts";

/**
 * So many tags that were taken back are remembered until the handler has done something about them;
 * of older ones the broker says that they are stale.
 */
const REVOKED_KEPT_MAX = 10_000;

/** A signal that somebody has asked for. */
interface WatchedDelivery {
  readonly message: DeliveredMessage;
  readonly controller: AbortController;
}

/** Whose signal is whose. Not in the message itself: hardly any is asked for its signal. */
const signals = new WeakMap<DeliveredMessage, AbortSignal>();

/** The deliveries of one follower over one connection. */
export class DeliveryWatch {
  readonly #watched = new Map<number, WatchedDelivery>();
  readonly #revoked = new Map<number, string>();
  /** Whether there is anything to look at when a delivery ends; mostly there is not. */
  isInUse = false;

  /**
   * The signal of a message.
   *
   * @param message The message.
   * @param lost Why it is not the follower's any more, if it is not, apart from what is known here.
   */
  signalOf(message: DeliveredMessage, lost: string | undefined): AbortSignal {
    const known = signals.get(message);
    if (known !== undefined) return known;
    const controller = new AbortController();
    signals.set(message, controller.signal);
    // What was done here is over: nothing can happen to it any more.
    if (message.verdict !== undefined) return controller.signal;
    const why = lost ?? this.findRevoked(message);
    if (why !== undefined) controller.abort(explainLoss(message, why));
    else this.#watch(message, controller);
    return controller.signal;
  }

  /** Why the broker has taken a delivery back, if it has. */
  findRevoked({ tag }: DeliveredMessage): string | undefined {
    return this.#revoked.get(tag);
  }

  /** The follower has done something to a message; returns why that is in vain, if it is. */
  settle(message: DeliveredMessage): string | undefined {
    const why = this.findRevoked(message);
    this.#watched.delete(message.tag);
    this.#revoked.delete(message.tag);
    this.isInUse = this.#watched.size + this.#revoked.size > 0;
    return why;
  }

  /** The broker has taken deliveries back that are being worked on. */
  revoke(tags: readonly number[], why: string): void {
    for (const tag of tags) this.#revoked.set(tag, why);
    for (const tag of this.#revoked.keys()) {
      if (this.#revoked.size <= REVOKED_KEPT_MAX) break;
      this.#revoked.delete(tag);
    }
    this.isInUse = true;
    const lost: WatchedDelivery[] = [];
    for (const tag of tags) {
      const watched = this.#watched.get(tag);
      this.#watched.delete(tag);
      if (watched !== undefined) lost.push(watched);
    }
    abortAll(lost, why);
  }

  /** All deliveries are lost. */
  end(why: string): void {
    const lost = [...this.#watched.values()];
    this.#watched.clear();
    this.#revoked.clear();
    this.isInUse = false;
    abortAll(lost, why);
  }

  #watch(message: DeliveredMessage, controller: AbortController): void {
    this.#watched.set(message.tag, { message, controller });
    this.isInUse = true;
  }
}

/** Aborts when everything is in order again: whoever listens may call the follower. */
function abortAll(lost: readonly WatchedDelivery[], why: string): void {
  for (const { message, controller } of lost) controller.abort(explainLoss(message, why));
}

function explainLoss({ id, stream }: DeliveredMessage, why: string): BrokerError {
  return new BrokerError(
    "STALE_DELIVERY",
    `Cannot go on with message ${id} of "${stream}": ${why}`,
  );
}
