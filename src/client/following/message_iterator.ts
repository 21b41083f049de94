import { checkOptionNames } from "../member/option_check.ts";
import type { DeliveredMessage } from "../deliveries/delivered_message.ts";
import type { GetMessagesOptions } from "./follower.ts";
import type { Message } from "../deliveries/message.ts";

export const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Supplies loops with messages. */
export interface MessageSource {
  /** Resolves to a loop's next message, as soon as there is one. */
  next(loop: MessageIterator): Promise<IteratorResult<Message>>;
  leave(loop: MessageIterator): void;
}

/** A loop over the messages of a follower. It ends for good when it is left. */
export class MessageIterator implements AsyncIterableIterator<Message> {
  readonly autoAck: boolean;
  readonly signal: AbortSignal | undefined;
  /** The last message that the loop got. */
  last: DeliveredMessage | undefined = undefined;
  readonly #source: MessageSource;
  #isOver = false;

  constructor(source: MessageSource, options: GetMessagesOptions) {
    checkOptionNames(options, ["autoAck", "signal"], "Cannot get messages");
    const { autoAck = false, signal } = options;
    this.#source = source;
    this.autoAck = autoAck;
    this.signal = signal;
  }

  next(): Promise<IteratorResult<Message>> {
    return this.#isOver ? Promise.resolve(done) : this.#source.next(this);
  }

  /** Called by `break`, `return` and `throw` in a `for await`, which cannot be told apart. */
  return(): Promise<IteratorResult<Message>> {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#source.leave(this);
    }
    return Promise.resolve(done);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
