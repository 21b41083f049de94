import type { CloseOptions } from "../member/call_options.ts";

/**
 * Handlers at work on the messages of a follower, from {@linkcode Follower.handle}.
 *
 * @example Working until the block is left
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * await connection.cursor().createStream("mails");
 * const { promise, resolve } = Promise.withResolvers<unknown>();
 * {
 *   await using work = connection.follower("mails").handle(({ body }) => resolve(body));
 *   assertEquals(work.running, 0);
 *   await connection.publisher("mails").sendMessage("hello");
 *   assertEquals(await promise, "hello");
 * }
 * ```
 */
export interface Handling extends AsyncDisposable {
  /**
   * Resolves when no handler runs any more, and none will: the work, its follower or the connection was closed.
   *
   * It rejects for what {@linkcode Follower.getMessages} would throw, and for nothing else: `BAD_PATTERN`,
   * `FORBIDDEN`, or a `ConnectionClosedError` if the connection is lost for good. A program that does not wait
   * for it ends with that error as an unhandled rejection. What handlers throw never ends the work.
   */
  readonly closed: Promise<void>;
  /** The number of handlers that run now. */
  readonly running: number;

  /**
   * Ends the work: handlers get nothing more, and messages that no handler has seen go back at once. Handlers
   * that run may finish within `drainMs`. After that the signals of their messages abort, and the messages go
   * back. None of this costs an attempt.
   *
   * The follower stays open. A handler that awaits this call waits for all of `drainMs`. A second call may
   * shorten the time.
   *
   * @param options How long handlers may take, by default the `drainMs` of the work; a signal to end at once.
   * @throws {TypeError | RangeError} If `drainMs` is not a whole number from 0 to 2^31 - 1.
   */
  close(options?: CloseOptions): Promise<void>;
}
