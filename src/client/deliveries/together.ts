import type { CallOptions } from "../member/call_options.ts";
import type { DeliveredMessage } from "./delivered_message.ts";
import type { FailureNote } from "./delivery_notes.ts";
import type { AckOptions, NackOptions, PostponeOptions } from "./message.ts";
import {
  findAckMistake,
  findSpanMistake,
  readNack,
  readPostpone,
  readReject,
} from "./verdict_note.ts";

/** How messages are ended. */
export type Ending =
  | { readonly action: "acknowledge" }
  | { readonly action: "release" }
  | { readonly action: "nack" | "postpone" | "reject"; readonly note: FailureNote };

/** Ends several messages in one go. */
export interface SeveralVerdicts {
  /** Whether the broker knows of messages that fail together. */
  readonly knowsWork: boolean;
  /** Ends those that have no outcome. */
  endAll(messages: readonly DeliveredMessage[], ending: Ending, options: AckOptions): Promise<void>;
  /** Extends the time of all; resolves when the broker has done so. */
  extendNow(messages: readonly DeliveredMessage[], ms: number, options: CallOptions): Promise<void>;
}

/** What may be said about the messages of a batch as a whole. */
export class Together {
  readonly #verdicts: SeveralVerdicts;

  constructor(verdicts: SeveralVerdicts) {
    this.#verdicts = verdicts;
  }

  ack(messages: readonly DeliveredMessage[], options: AckOptions): Promise<void> {
    const mistake = findAckMistake(options, "acknowledge");
    if (mistake !== undefined) return Promise.reject(mistake);
    return this.#verdicts.endAll(messages, { action: "acknowledge" }, options);
  }

  release(messages: readonly DeliveredMessage[], options: AckOptions): Promise<void> {
    const mistake = findAckMistake(options, "release");
    if (mistake !== undefined) return Promise.reject(mistake);
    return this.#verdicts.endAll(messages, { action: "release" }, options);
  }

  /** @param isTogether Whether one handler has had several: then nobody knows which one is at fault. */
  nack(
    messages: readonly DeliveredMessage[],
    options: NackOptions,
    isTogether: boolean,
  ): Promise<void> {
    const { knowsWork } = this.#verdicts;
    const note = readNack(options, knowsWork);
    if (note instanceof Error) return Promise.reject(note);
    const told = isTogether && knowsWork ? { ...note, isTogether } : note;
    return this.#verdicts.endAll(messages, { action: "nack", note: told }, options);
  }

  reject(
    messages: readonly DeliveredMessage[],
    reason: string | Error | undefined,
    options: AckOptions,
  ): Promise<void> {
    const note = readReject(reason, options);
    if (note instanceof Error) return Promise.reject(note);
    return this.#verdicts.endAll(messages, { action: "reject", note }, options);
  }

  postpone(
    messages: readonly DeliveredMessage[],
    ms: number,
    options: PostponeOptions,
  ): Promise<void> {
    const note = readPostpone(ms, options, this.#verdicts.knowsWork);
    if (note instanceof Error) return Promise.reject(note);
    return this.#verdicts.endAll(messages, { action: "postpone", note }, options);
  }

  extend(messages: readonly DeliveredMessage[], ms: number, options: CallOptions): Promise<void> {
    const mistake = findSpanMistake("extend", "ms", ms, 1);
    if (mistake !== undefined) return Promise.reject(mistake);
    return this.#verdicts.extendNow(messages, ms, options);
  }
}
