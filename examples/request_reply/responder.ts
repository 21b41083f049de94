/**
 * Answers what is asked in the stream "questions", until Ctrl-C:
 *
 *     deno run -A examples/request_reply/responder.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
// Prints when the connection is lost, and when it is back.
(async () => {
  for await (const { type } of connection.status()) console.log("connection:", type);
})();
await connection.cursor().createStream("questions");

const follower = connection.follower<string>("questions");
console.log("waiting for questions");
for await (const message of follower.getMessages()) {
  const words = message.body.split(/\s+/).length;
  message.reply({ words });
  await message.ack();
  console.log("answered:", message.body);
}
