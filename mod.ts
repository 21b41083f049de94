/**
 * SimpleMQ is a message queue for Deno, Node and Bun. This module is the client that applications use, with
 * the error codes. The broker is in `@simplemq/simplemq/server`; importing this module does not load it.
 *
 * @example Publishing, following and acknowledging
 * ```ts
 * import { connect } from "@simplemq/simplemq";
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * // Or in another process: deno run -A server.ts
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await connect({ port: broker.port });
 *
 * await connection.cursor().createStream("hello_queue");
 * await connection.publisher("hello_queue").sendMessage("hello world");
 *
 * const follower = connection.follower("hello_queue");
 * for await (const message of follower.getMessages()) {
 *   assertEquals(message.body, "hello world");
 *   await follower.ackMessage(message);
 *   break;
 * }
 * ```
 *
 * @module
 */

export * from "./client.ts";
export { ERROR_CODES, isErrorCode } from "./protocol.ts";
