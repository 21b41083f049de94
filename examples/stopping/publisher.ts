/**
 * Sends five messages to the stream "reports":
 *
 *     deno run -A examples/stopping/publisher.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
await connection.cursor().createStream("reports");
await connection.publisher("reports").sendMessages([1, 2, 3, 4, 5]);
console.log("published 5 reports");
