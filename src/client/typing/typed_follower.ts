import type { Batch } from "../batching/batch.ts";
import type { GetBatchesOptions, HandleBatchesOptions } from "../batching/batch_options.ts";
import { ClientBatch } from "../batching/client_batch.ts";
import type { DeliveredMessage } from "../deliveries/delivered_message.ts";
import type { AckOptions, Message, NackOptions, PostponeOptions } from "../deliveries/message.ts";
import type { Follower, GetMessagesOptions } from "../following/follower.ts";
import type { HandleOptions } from "../handling/handle_options.ts";
import { checkHandler } from "../handling/handle_options.ts";
import type { Handling } from "../handling/handling.ts";
import { Reject } from "../handling/reject.ts";
import type { Bind } from "../member/bind.ts";
import type { CallOptions, CloseOptions } from "../member/call_options.ts";
import { BodyCheck, type BodyFault } from "./body_check.ts";
import type { StreamDefinition } from "./stream_definition.ts";

/** A follower that checks each body before it hands the message out. */
export class CheckedFollower implements Follower<never> {
  readonly #inner: Follower<never>;
  readonly #check: BodyCheck;

  constructor(inner: Follower<never>, definition: StreamDefinition) {
    this.#inner = inner;
    this.#check = new BodyCheck(definition);
  }

  get name(): string {
    return this.#inner.name;
  }

  get bind(): Bind {
    return this.#inner.bind;
  }

  getMessages(options: GetMessagesOptions = {}): AsyncIterableIterator<Message<never>> {
    const { onInvalid } = this.#check.definition;
    if (options?.autoAck && onInvalid === "reject") {
      throw new TypeError(
        `Cannot get messages: autoAck acknowledges a message before its body is checked, so it cannot be ` +
          `rejected; define the stream with onInvalid "throw" or "pass", or leave autoAck out`,
      );
    }
    return new CheckedLoop(this.#inner.getMessages(options), this.#check);
  }

  handle(
    handler: (message: Message<never>) => unknown,
    options?: HandleOptions<never>,
  ): Handling {
    checkHandler(handler, "Cannot handle messages");
    const handleChecked = (message: Message<never>) => {
      const judge = (fault: BodyFault) => {
        if (fault !== undefined) failIfMeant(fault, this.#check, message);
        return handler(message);
      };
      const fault = this.#check.checkReceived(message as unknown as DeliveredMessage);
      return fault instanceof Promise ? fault.then(judge) : judge(fault);
    };
    return this.#inner.handle(handleChecked, options);
  }

  getBatches(options?: GetBatchesOptions): AsyncIterableIterator<Batch<never>> {
    return new CheckedBatchLoop(this.#inner.getBatches(options), this.#check);
  }

  handleBatches(
    handler: (batch: Batch<never>) => unknown,
    options?: HandleBatchesOptions<never>,
  ): Handling {
    checkHandler(handler, "Cannot handle batches");
    return this.#inner.handleBatches((batch) => {
      const fault = checkBatch(batch, this.#check);
      const judge = (fault: BodyFault) => {
        if (fault !== undefined) throw fault;
        return batch.messages.length === 0 ? undefined : handler(batch);
      };
      return fault instanceof Promise ? fault.then(judge) : judge(fault);
    }, options);
  }

  ackMessage(message: Message<never>, options?: AckOptions): Promise<void> {
    return this.#inner.ackMessage(message, options);
  }

  nackMessage(message: Message<never>, options?: NackOptions): Promise<void> {
    return this.#inner.nackMessage(message, options);
  }

  postponeMessage(message: Message<never>, ms: number, options?: PostponeOptions): Promise<void> {
    return this.#inner.postponeMessage(message, ms, options);
  }

  rejectMessage(
    message: Message<never>,
    reason?: string | Error,
    options?: AckOptions,
  ): Promise<void> {
    return this.#inner.rejectMessage(message, reason, options);
  }

  extendMessage(message: Message<never>, ms: number, options?: CallOptions): Promise<void> {
    return this.#inner.extendMessage(message, ms, options);
  }

  releaseMessage(message: Message<never>, options?: AckOptions): Promise<void> {
    return this.#inner.releaseMessage(message, options);
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#inner.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Lets a handler's attempt fail as the definition says; returns if the message is handed out as it came. */
function failIfMeant(
  fault: NonNullable<BodyFault>,
  check: BodyCheck,
  message: Message<never>,
): void {
  const { onInvalid } = check.definition;
  if (onInvalid === "reject") throw new Reject(check.describeFault(fault, message));
  if (onInvalid === "throw") throw fault;
}

/**
 * Checks the messages of a batch. Those that are not valid are rejected and leave the batch, or are the fault that
 * is returned, as the definition says.
 */
function checkBatch(given: Batch<never>, check: BodyCheck): BodyFault | Promise<BodyFault> {
  const batch = given as unknown as ClientBatch;
  const { messages } = batch;
  const { onInvalid } = check.definition;
  const judge = (faults: readonly BodyFault[]) => {
    if (onInvalid === "pass") return undefined;
    if (onInvalid === "throw") return faults.find((fault) => fault !== undefined);
    faults.forEach((fault, index) => {
      if (fault === undefined) return;
      const message = messages[index]!;
      // It may have been taken away meanwhile.
      message.reject(check.describeFault(fault, message)).catch(() => {});
    });
    ClientBatch.narrow(batch, messages.filter((_, index) => faults[index] === undefined));
    return undefined;
  };
  const asked = messages.map((message) => check.checkReceived(message));
  const isLater = asked.some((fault) => fault instanceof Promise);
  return isLater ? Promise.all(asked).then(judge) : judge(asked as BodyFault[]);
}

/** A loop over batches of messages whose bodies are valid. */
class CheckedBatchLoop implements AsyncIterableIterator<Batch<never>> {
  readonly #inner: AsyncIterableIterator<Batch<never>>;
  readonly #check: BodyCheck;

  constructor(inner: AsyncIterableIterator<Batch<never>>, check: BodyCheck) {
    this.#inner = inner;
    this.#check = check;
  }

  async next(): Promise<IteratorResult<Batch<never>>> {
    for (;;) {
      const result = await this.#inner.next();
      if (result.done) return result;
      const fault = await checkBatch(result.value, this.#check);
      if (fault !== undefined) {
        await this.#inner.return?.();
        throw fault;
      }
      if (result.value.messages.length > 0) return result;
    }
  }

  async return(): Promise<IteratorResult<Batch<never>>> {
    return await this.#inner.return!();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** A loop over messages whose bodies are valid. */
class CheckedLoop implements AsyncIterableIterator<Message<never>> {
  readonly #inner: AsyncIterableIterator<Message<never>>;
  readonly #check: BodyCheck;

  constructor(inner: AsyncIterableIterator<Message<never>>, check: BodyCheck) {
    this.#inner = inner;
    this.#check = check;
  }

  async next(): Promise<IteratorResult<Message<never>>> {
    const { onInvalid } = this.#check.definition;
    for (;;) {
      const result = await this.#inner.next();
      if (result.done) return result;
      const asked = this.#check.checkReceived(result.value as unknown as DeliveredMessage);
      const fault = asked instanceof Promise ? await asked : asked;
      if (fault === undefined || onInvalid === "pass") return result;
      if (onInvalid === "throw") {
        await this.#inner.return?.();
        throw fault;
      }
      await result.value.reject(this.#check.describeFault(fault, result.value));
    }
  }

  async return(): Promise<IteratorResult<Message<never>>> {
    return await this.#inner.return!();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
