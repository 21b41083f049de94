import { traceCaller } from "../member/caller_trace.ts";
import type { BatchWaiter } from "../outgoing/outgoing_batch.ts";
import type { EncodedOptions } from "../outgoing/send_options.ts";
import type { Reply } from "./reply.ts";

/** A request on its way, or waiting for its reply. */
export class PendingRequest implements BatchWaiter {
  /** The publisher that has made it. */
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

  /** Whether it has been put into a batch, with the address that is written there. */
  get isPlaced(): boolean {
    return this.#state === "placed";
  }

  get isAbandoned(): boolean {
    return this.#state === "abandoned";
  }

  /** It is put into a batch: gives what stands in front of its body, with the address of this moment. */
  place(): EncodedOptions {
    if (this.#state === "open") this.#state = "placed";
    return this.#place();
  }

  /** Does something as soon as the outcome is known. */
  onOutcome(action: () => void): void {
    this.#cleanUps.push(action);
  }

  /** Does something if it is given up. */
  onAbandon(action: () => void): void {
    this.#giveUp = action;
  }

  /** It is stored; what matters is the reply. */
  confirm(): void {}

  /** It is not stored: there will be no reply. */
  refuse(error: Error): void {
    if (this.#end("answered")) this.#resolve(traceCaller(error));
  }

  resolve(reply: Reply): void {
    if (this.#end("answered")) this.#resolve(reply);
  }

  /** Nobody waits for the reply any more. */
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
