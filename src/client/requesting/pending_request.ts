import { traceCaller } from "../member/caller_trace.ts";
import type { BatchWaiter } from "../outgoing/outgoing_batch.ts";
import type { EncodedOptions } from "../outgoing/send_options.ts";
import type { Reply } from "./reply.ts";

/** A request on its way, or waiting for its reply. */
export class PendingRequest implements BatchWaiter {
  /** The publisher that made it. */
  readonly owner: object;
  readonly promise: Promise<Reply>;
  readonly #place: () => EncodedOptions;
  readonly #resolve: (reply: Reply | Promise<never>) => void;
  #state: "open" | "placed" | "answered" | "abandoned" = "open";
  #cleanUps: (() => void)[] = [];
  #giveUp: (() => void) | undefined;

  constructor(owner: object, place: () => EncodedOptions) {
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.owner = owner;
    this.promise = promise;
    this.#place = place;
    this.#resolve = resolve;
  }

  /** Whether it is in a batch, with its reply address. */
  get isPlaced(): boolean {
    return this.#state === "placed";
  }

  get isAbandoned(): boolean {
    return this.#state === "abandoned";
  }

  /** Puts it into a batch: returns its options, with the present reply address. */
  place(): EncodedOptions {
    if (this.#state === "open") this.#state = "placed";
    return this.#place();
  }

  /** Runs an action as soon as the outcome is known. */
  onOutcome(action: () => void): void {
    this.#cleanUps.push(action);
  }

  /** Runs an action if the request is given up. */
  onAbandon(action: () => void): void {
    this.#giveUp = action;
  }

  /** It is stored; the reply is still to come. */
  confirm(): void {}

  /** It is not stored: there will be no reply. */
  refuse(error: Error): void {
    if (this.#end("answered")) this.#resolve(traceCaller(error));
  }

  resolve(reply: Reply): void {
    if (this.#end("answered")) this.#resolve(reply);
  }

  abandon(reason: unknown): void {
    if (!this.#end("abandoned")) return;
    this.#resolve(traceCaller(reason as Error));
    this.#giveUp?.();
  }

  #end(state: "answered" | "abandoned"): boolean {
    if (this.#state === "answered" || this.#state === "abandoned") return false;
    this.#state = state;
    for (const cleanUp of this.#cleanUps) cleanUp();
    return true;
  }
}
