import { checkOptionNames } from "../member/option_check.ts";
import type { DeliveredMessage } from "../deliveries/delivered_message.ts";
import type { GetMessagesOptions } from "./follower.ts";

export const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Supplies loops with messages. */
export interface MessageSource {
  /** A loop's next message, if that can be handed out at once. */
  takeNow(loop: MessageIterator): DeliveredMessage | undefined;
  /** Resolves to a loop's next message, as soon as there is one. */
  next(loop: MessageIterator): Promise<IteratorResult<DeliveredMessage>>;
  leave(loop: MessageIterator): void;
}

/** A loop over the messages of a follower. It ends for good when it is left. */
export class MessageIterator implements AsyncIterableIterator<DeliveredMessage> {
  readonly autoAck: boolean;
  readonly signal: AbortSignal | undefined;
  /** The last message that the loop got. */
  last: DeliveredMessage | undefined = undefined;
  /** Whether the last message goes back when the loop is left. */
  readonly keepsLast: boolean;
  readonly #source: MessageSource;
  #isOver = false;

  constructor(source: MessageSource, options: GetMessagesOptions, keepsLast = true) {
    checkOptionNames(options, ["autoAck", "signal"], "Cannot get messages");
    const { autoAck = false, signal } = options;
    this.#source = source;
    this.autoAck = autoAck;
    this.signal = signal;
    this.keepsLast = keepsLast;
  }

  /** The next message, if that can be had at once. */
  takeNow(): DeliveredMessage | undefined {
    return this.#isOver ? undefined : this.#source.takeNow(this);
  }

  next(): Promise<IteratorResult<DeliveredMessage>> {
    return this.#isOver ? Promise.resolve(done) : this.#source.next(this);
  }

  /** Called by `break`, `return` and `throw` in a `for await`, which cannot be told apart. */
  return(): Promise<IteratorResult<DeliveredMessage>> {
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
