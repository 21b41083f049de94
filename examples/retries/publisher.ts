/**
 * Sends four mails to the stream "mails":
 *
 *     deno run -A examples/retries/publisher.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
await connection.cursor().createStream("mails", { maxDeliveries: 3, backoffMs: [200, 500] });

const publisher = connection.publisher("mails");
const receipt = await publisher.sendMessages([
  "ann@quick.example",
  "bob@slow.example",
  "cay@down.example",
  "nobody",
]);
console.log("confirmed:", receipt);
