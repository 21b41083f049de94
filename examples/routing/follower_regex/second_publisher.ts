/**
 * Sends one message to the stream "new_world":
 *
 *     deno run -A examples/routing/follower_regex/second_publisher.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
await connection.cursor().createStream("new_world");

const publisher = connection.publisher("new_world");
const receipt = await publisher.sendMessage("hello new world");
console.log("confirmed:", receipt);
