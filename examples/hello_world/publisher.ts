/**
 * Sends one message to the stream "hello_queue":
 *
 *     deno run -A examples/hello_world/publisher.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
await connection.cursor().createStream("hello_queue");

const publisher = connection.publisher("hello_queue");
const receipt = await publisher.sendMessage("hello world");
console.log("confirmed:", receipt);
