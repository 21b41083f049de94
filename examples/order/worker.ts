/**
 * Two workers share the stream "payments" until Ctrl-C:
 *
 *     deno run -A examples/order/worker.ts
 *
 * Payments of one customer are never worked on at the same time, and go in their order. Those of
 * different customers do not wait for each other.
 */

// deno-lint-ignore-file no-console
import { connect, type Connection } from "@simplemq/simplemq";
import { delay } from "@std/async/delay";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
// Prints when the connection is lost, and when it is back.
(async () => {
  for await (const { type } of connection.status()) console.log("connection:", type);
})();
await connection.cursor().createStream("payments");

async function work(connection: Connection, name: string): Promise<void> {
  type Payment = { customer: string; number: number };
  const follower = connection.follower<Payment>("payments", { name, prefetch: 1 });
  for await (const message of follower.getMessages()) {
    const { customer, number } = message.body;
    console.log(`${name} begins: ${customer} ${number}`);
    await delay(100);
    console.log(`${name} is done: ${customer} ${number}`);
    await message.ack();
  }
}

console.log("waiting for payments");
await Promise.all([work(connection, "worker-1"), work(connection, "worker-2")]);
