/**
 * Works 2 seconds on each message of the stream "reports". Ctrl-C, or `kill`, lets it finish the one
 * that it has:
 *
 *     deno run -A examples/stopping/worker.ts
 *
 * Other seconds can be given: `deno run -A examples/stopping/worker.ts 0.5`.
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";
import { delay } from "@std/async/delay";

const seconds = Number(Deno.args[0] ?? 2);
const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port, drainMs: 20_000 });
// Tells when the broker is away, and when it is back.
(async () => {
  for await (const { type } of connection.status()) console.log("connection:", type);
})();
await connection.cursor().createStream("reports");

const stop = () => void connection.close();
Deno.addSignalListener("SIGTERM", stop);
Deno.addSignalListener("SIGINT", stop);

const follower = connection.follower<number>("reports", { name: "worker" });
console.log("waiting for reports");
for await (const message of follower.getMessages()) {
  console.log("begins:", message.body);
  await delay(seconds * 1000, { signal: message.signal });
  await message.ack();
  console.log("is done:", message.body);
}
console.log("stopped");
