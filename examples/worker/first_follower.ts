/**
 * Works 100 seconds on each message of the stream "slow_work", until Ctrl-C:
 *
 *     deno run -A examples/worker/first_follower.ts
 *
 * Other seconds can be given: `deno run -A examples/worker/first_follower.ts 0.5`.
 */

// deno-lint-ignore-file no-console
import { connect, type Message } from "@simplemq/simplemq";
import { delay } from "@std/async/delay";

const seconds = Number(Deno.args[0] ?? 100);
const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
// Tells when the broker is away, and when it is back.
(async () => {
  for await (const { type } of connection.status()) console.log("connection:", type);
})();
await connection.cursor().createStream("slow_work");

async function handleMessage(message: Message): Promise<void> {
  console.log("message taken:", message.body);
  await delay(seconds * 1000);
  console.log("message handled:", message.body);
}

const follower = connection.follower("slow_work", { name: "first" });
console.log("waiting for messages");
for await (const message of follower.getMessages()) {
  await handleMessage(message);
  await follower.ackMessage(message);
}
