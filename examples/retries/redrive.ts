/**
 * Shows the dead letters of the stream "mails", and sends back those that may work now:
 *
 *     deno run -A examples/retries/redrive.ts
 */

// deno-lint-ignore-file no-console
import { connect, type PeekedMessage } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });

/** Whether to send a mail again: one without an address never works. */
function isWorthIt({ body, deadLetter }: PeekedMessage): boolean {
  console.log("dead:", body, deadLetter?.cause, deadLetter?.reasons.at(-1));
  return deadLetter?.cause === "maxDeliveries";
}

const result = await connection.cursor().redrive("mails", { filter: isWorthIt });
console.log("sent back:", result);
