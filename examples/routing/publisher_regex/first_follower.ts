/**
 * Takes messages from the stream "new_world", until Ctrl-C:
 *
 *     deno run -A examples/routing/publisher_regex/first_follower.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
// Tells when the broker is away, and when it is back.
(async () => {
  for await (const { type } of connection.status()) console.log("connection:", type);
})();
await connection.cursor().createStream("new_world");

const follower = connection.follower("new_world");
console.log("waiting for messages");
for await (const message of follower.getMessages()) {
  console.log("message body:", message.body, "from", message.stream);
  await follower.ackMessage(message);
}
