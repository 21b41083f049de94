/**
 * A loop over the messages of a follower.
 *
 * @module
 */

import type { GetMessagesOptions } from "./follower.ts";
import type { Message } from "./message.ts";
import { checkOptionNames } from "../member/option_check.ts";

/** What says that there is nothing more. */
export const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Gives loops their messages. */
export interface MessageSource {
  /** Gives a loop its next message, as soon as there is one. */
  next(loop: MessageIterator): Promise<IteratorResult<Message>>;
  /** A loop is left: what it waits for, and what it has in hand, is given up. */
  leave(loop: MessageIterator): void;
}

/** One loop. It ends for good when it is left. */
export class MessageIterator implements AsyncIterableIterator<Message> {
  /** Whether its messages are acknowledged before it sees them. */
  readonly autoAck: boolean;
  /** Ends it. */
  readonly signal: AbortSignal | undefined;
  /** The tag of the message that it was given last, which may be ended; none if it is 0. */
  lastTag = 0;
  /** Over which of its follower's connections that came: tags of another one mean nothing. */
  lastEpoch = 0;
  readonly #source: MessageSource;
  #isOver = false;

  constructor(source: MessageSource, options: GetMessagesOptions) {
    checkOptionNames(options, ["autoAck", "signal"], "Cannot get messages");
    const { autoAck = false, signal } = options;
    this.#source = source;
    this.autoAck = autoAck;
    this.signal = signal;
  }

  /** Whether it was left. */
  get isOver(): boolean {
    return this.#isOver;
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
