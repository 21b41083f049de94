/**
 * Sends ten messages to the stream "slow_work", in one batch:
 *
 *     deno run -A examples/worker/publisher.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
await connection.cursor().createStream("slow_work");

const bodies: string[] = [];
for (let number = 1; number <= 10; number++) bodies.push(`hello world ${number}`);

const publisher = connection.publisher("slow_work");
const receipt = await publisher.sendMessages(bodies);
console.log("confirmed:", receipt);
