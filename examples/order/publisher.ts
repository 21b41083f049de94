/**
 * Sends the payments of three customers to the stream "payments", and one that cannot wait:
 *
 *     deno run -A examples/order/publisher.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
await connection.cursor().createStream("payments");

const publisher = connection.publisher("payments");
const payments = [1, 2, 3].flatMap((number) =>
  ["ann", "bob", "cay"].map((customer) => ({ customer, number }))
);
// Those of one customer are worked on one after the other.
await publisher.sendMessages(payments, { key: ({ customer }) => customer });
await publisher.sendMessage({ customer: "dan", number: 1 }, { key: "dan", priority: 9 });
console.log("sent:", payments.length + 1);
