/**
 * Handlers for tests: they wait until the test lets them go on.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import type { Message } from "@simplemq/simplemq";
import { until } from "../../support/broker/broker.ts";
import { PATIENCE_MS } from "../support.ts";

/** A handler that runs. */
interface Running {
  readonly message: Message;
  readonly end: PromiseWithResolvers<void>;
}

/** A handler whose runs end when the test says so. */
export class HeldHandler {
  /** The bodies of all messages, in the order in which they came. */
  readonly seen: unknown[] = [];
  readonly #running = new Set<Running>();
  /** The most that ran at once. */
  peak = 0;

  readonly handle = async (message: Message): Promise<void> => {
    const running = { message, end: Promise.withResolvers<void>() };
    this.#running.add(running);
    this.seen.push(message.body);
    this.peak = Math.max(this.peak, this.#running.size);
    try {
      await running.end.promise;
    } finally {
      this.#running.delete(running);
    }
  };

  /** The messages of those that run, oldest first. */
  get messages(): Message[] {
    return [...this.#running].map(({ message }) => message);
  }

  /** Resolves when so many run, to their messages. */
  async whenRunning(count: number): Promise<Message[]> {
    await until(`${count} handlers run`, () => this.#running.size === count);
    return this.messages;
  }

  /** Lets the oldest ones return. */
  finish(count: number = this.#running.size): void {
    for (const { end } of [...this.#running].slice(0, count)) end.resolve();
  }

  /** Lets the oldest one throw. */
  fail(error: unknown): void {
    const [first] = this.#running;
    first?.end.reject(error);
  }
}

/** Waits for a promise, but not for ever. */
export function soon<T>(promise: Promise<T>): Promise<T> {
  return deadline(promise, PATIENCE_MS);
}
