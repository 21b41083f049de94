import type { DeliveredMessage } from "../deliveries/delivered_message.ts";
import type { DeliveryVerdicts } from "../deliveries/delivery_verdicts.ts";
import { signalOf } from "../deliveries/held_messages.ts";
import type { AckOptions, NackOptions, PostponeOptions } from "../deliveries/message.ts";
import type { CallOptions } from "../member/call_options.ts";
import { printAs } from "../member/inspection.ts";
import type { Batch } from "./batch.ts";

/** Messages of a follower that a handler has together. */
export class ClientBatch implements Batch {
  #messages: readonly DeliveredMessage[];
  readonly #verdicts: DeliveryVerdicts;
  #controller: AbortController | undefined;
  #abortReason: { readonly reason: unknown } | undefined;

  constructor(messages: readonly DeliveredMessage[], verdicts: DeliveryVerdicts) {
    this.#messages = messages;
    this.#verdicts = verdicts;
  }

  get messages(): readonly DeliveredMessage[] {
    return this.#messages;
  }

  get bodies(): unknown[] {
    return this.#messages.map(({ body }) => body);
  }

  /** Those that have no outcome; some may be lost. */
  get unsettled(): DeliveredMessage[] {
    return this.#messages.filter(({ verdict }) => verdict === undefined);
  }

  /** The number of messages that somebody still has to decide about. */
  get openCount(): number {
    const { held } = this.#verdicts;
    let count = 0;
    for (const message of this.#messages) {
      if (message.verdict === undefined && held.has(message)) count++;
    }
    return count;
  }

  /** Why it was taken away as a whole, if it was. */
  get loss(): string | undefined {
    if (this.openCount > 0) return undefined;
    const { held } = this.#verdicts;
    return this.unsettled.map((message) => held.lossOf(message)).find((why) => why !== undefined);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason.reason);
      else this.#listen();
    }
    return this.#controller.signal;
  }

  ack(options: AckOptions = {}): Promise<void> {
    return this.#verdicts.together.ack(this.unsettled, options);
  }

  nack(options: NackOptions = {}): Promise<void> {
    const isTogether = this.#messages.length > 1;
    return this.#verdicts.together.nack(this.unsettled, options, isTogether);
  }

  reject(reason?: string | Error, options: AckOptions = {}): Promise<void> {
    return this.#verdicts.together.reject(this.unsettled, reason, options);
  }

  release(options: AckOptions = {}): Promise<void> {
    return this.#verdicts.together.release(this.unsettled, options);
  }

  postpone(ms: number, options: PostponeOptions = {}): Promise<void> {
    return this.#verdicts.together.postpone(this.unsettled, ms, options);
  }

  extend(ms: number, options: CallOptions = {}): Promise<void> {
    return this.#verdicts.together.extend(this.unsettled, ms, options);
  }

  /** Tells the handler that it should not go on. */
  static abort(batch: ClientBatch, reason: unknown): void {
    batch.#abortReason ??= { reason };
    batch.#controller?.abort(reason);
  }

  /** Leaves only some of the messages in it; the others have an outcome. */
  static narrow(batch: ClientBatch, messages: readonly DeliveredMessage[]): void {
    batch.#messages = messages;
  }

  /** Aborts when the last message that somebody has to decide about is lost. */
  #listen(): void {
    const look = (reason: unknown) => {
      if (this.loss !== undefined) ClientBatch.abort(this, reason);
    };
    for (const message of this.unsettled) {
      const signal = signalOf(message);
      if (signal.aborted) look(signal.reason);
      else signal.addEventListener("abort", () => look(signal.reason), { once: true });
    }
  }
}

printAs(ClientBatch, ({ messages }, inspect) => `Batch ${inspect(messages)}`);
