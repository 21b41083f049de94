/**
 * Takes messages from the stream "hello_queue", until Ctrl-C:
 *
 *     deno run -A examples/hello_world/follower.ts
 */

// deno-lint-ignore-file no-console
import { connect, type Message } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
// Tells when the broker is away, and when it is back.
(async () => {
  for await (const { type } of connection.status()) console.log("connection:", type);
})();
await connection.cursor().createStream("hello_queue");

function handleMessage(message: Message): void {
  console.log("message body:", message.body);
}

const follower = connection.follower("hello_queue");
console.log("waiting for messages");
for await (const message of follower.getMessages()) {
  handleMessage(message);
  await follower.ackMessage(message);
}
