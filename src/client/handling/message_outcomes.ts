import { BrokerError } from "../../../protocol.ts";
import type { DeliveredMessage } from "../deliveries/delivered_message.ts";
import type { DeliveryVerdicts } from "../deliveries/delivery_verdicts.ts";
import { abortSignal } from "../deliveries/held_messages.ts";
import type { Message } from "../deliveries/message.ts";
import type { WorkOutcomes } from "./handler_work.ts";
import { Postpone } from "./postpone.ts";
import { Reject } from "./reject.ts";

/** What becomes of the messages that handlers get one by one. */
export class MessageOutcomes implements WorkOutcomes<DeliveredMessage> {
  readonly #verdicts: DeliveryVerdicts;

  constructor(verdicts: DeliveryVerdicts) {
    this.#verdicts = verdicts;
  }

  describe({ id, stream }: DeliveredMessage): string {
    return `message ${id} of "${stream}"`;
  }

  isLost(message: DeliveredMessage): boolean {
    return this.#verdicts.held.lossOf(message) !== undefined;
  }

  finish(message: DeliveredMessage): void {
    this.#verdicts.finish(message);
  }

  fail(message: DeliveredMessage, error: unknown, verb: "nack" | "reject"): void {
    if (message.verdict !== undefined) return;
    endFailed(message, error, verb).catch(ignore);
  }

  release(messages: readonly DeliveredMessage[]): void {
    for (const message of messages) {
      if (message.verdict === undefined) message.release().catch(ignore);
    }
    this.#verdicts.writeNow();
  }

  extend(messages: readonly DeliveredMessage[], ms: number): void {
    this.#verdicts.extendAll(messages, ms);
  }

  abort(message: DeliveredMessage, reason: Error): void {
    abortSignal(message, reason);
  }
}

function endFailed(message: Message, error: unknown, verb: "nack" | "reject"): Promise<void> {
  if (error instanceof Postpone) {
    const { ms, lane, message: reason } = error;
    return message.postpone(ms, lane === undefined ? { reason } : { reason, lane });
  }
  const reason = describeFailure(error);
  if (verb === "reject" || error instanceof Reject) return message.reject(reason);
  return message.nack({ reason });
}

/** The message may have been taken away meanwhile, or its follower closed: then it comes again. */
function ignore(): void {}

/** What the dead letters tell of what a handler has thrown. */
export function describeFailure(error: unknown): string | Error {
  if (error === undefined || error === null) return `the handler has thrown ${error}`;
  if (error instanceof Reject || !(error instanceof Error)) return error as string | Error;
  const name = error instanceof BrokerError ? error.code : error.name;
  return name === "Error" || name === "" ? error : `${name}: ${error.message}`;
}
