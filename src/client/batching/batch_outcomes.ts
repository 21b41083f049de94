import { abortSignal } from "../deliveries/held_messages.ts";
import type { DeliveryVerdicts } from "../deliveries/delivery_verdicts.ts";
import { describeFailure } from "../handling/message_outcomes.ts";
import type { WorkOutcomes } from "../handling/handler_work.ts";
import { Postpone } from "../handling/postpone.ts";
import { Reject } from "../handling/reject.ts";
import { ClientBatch } from "./client_batch.ts";

/** What becomes of the messages of handlers that get batches. */
export class BatchOutcomes implements WorkOutcomes<ClientBatch> {
  readonly #verdicts: DeliveryVerdicts;

  constructor(verdicts: DeliveryVerdicts) {
    this.#verdicts = verdicts;
  }

  describe({ messages }: ClientBatch): string {
    const [first] = messages;
    const one = `message ${first?.id} of "${first?.stream}"`;
    return messages.length === 1 ? one : `a batch of ${messages.length} that begins with ${one}`;
  }

  isLost(batch: ClientBatch): boolean {
    return batch.loss !== undefined;
  }

  finish(batch: ClientBatch): void {
    batch.ack().catch(ignore);
  }

  fail(batch: ClientBatch, error: unknown, verb: "nack" | "reject"): void {
    endFailed(batch, error, verb).catch(ignore);
  }

  release(batches: readonly ClientBatch[]): void {
    for (const batch of batches) batch.release().catch(ignore);
    this.#verdicts.writeNow();
  }

  extend(batches: readonly ClientBatch[], ms: number): void {
    for (const { unsettled } of batches) this.#verdicts.extendAll(unsettled, ms);
  }

  abort(batch: ClientBatch, reason: Error): void {
    ClientBatch.abort(batch, reason);
    for (const message of batch.messages) abortSignal(message, reason);
  }
}

function endFailed(batch: ClientBatch, error: unknown, verb: "nack" | "reject"): Promise<void> {
  if (error instanceof Postpone) {
    const { ms, lane, message: reason } = error;
    return batch.postpone(ms, lane === undefined ? { reason } : { reason, lane });
  }
  const reason = describeFailure(error);
  // Of several messages nobody knows which one is at fault.
  const isMeant = error instanceof Reject || (verb === "reject" && batch.messages.length === 1);
  return isMeant ? batch.reject(reason) : batch.nack({ reason });
}

function ignore(): void {}
