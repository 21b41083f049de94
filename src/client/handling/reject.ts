/**
 * Thrown by a handler for a message that can never be handled: it goes to the dead letters at once, or is
 * removed if its stream has none. In a loop, call `message.reject()`.
 *
 * @example Rejecting from a handler
 * ```ts
 * import { Reject } from "@simplemq/simplemq";
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * await connection.cursor().createStream("orders");
 * await connection.publisher("orders").sendMessage({ sum: -1 });
 *
 * const dead = connection.follower("orders.dead").getMessages();
 * await using work = connection.follower<{ sum: number }>("orders").handle(({ body }) => {
 *   if (body.sum < 0) throw new Reject("the sum is negative");
 * });
 * const { value } = await dead.next();
 * assertEquals(value?.deadLetter?.reasons, ["the sum is negative"]);
 * ```
 */
export class Reject extends Error {
  /** The name of the class. */
  override readonly name = "Reject";

  /**
   * Makes the error.
   *
   * @param reason The reason, kept with the dead letter: a text or an error, which becomes the `cause`.
   */
  constructor(reason: string | Error = "") {
    const isText = typeof reason === "string";
    super(isText ? reason : reason.message || reason.name, isText ? {} : { cause: reason });
  }
}
