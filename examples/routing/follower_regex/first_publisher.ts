/**
 * Sends one message to the stream "old_world":
 *
 *     deno run -A examples/routing/follower_regex/first_publisher.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
await connection.cursor().createStream("old_world");

const publisher = connection.publisher("old_world");
const receipt = await publisher.sendMessage("hello old world");
console.log("confirmed:", receipt);
