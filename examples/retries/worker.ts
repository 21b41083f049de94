/**
 * Sends the mails of the stream "mails", or acts as if it did, until Ctrl-C:
 *
 *     deno run -A examples/retries/worker.ts
 *
 * The server of slow.example is busy the first time, the one of down.example always, unless somebody
 * has repaired it: `deno run -A examples/retries/worker.ts repaired`.
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const isRepaired = Deno.args.includes("repaired");
const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
// Prints when the connection is lost, and when it is back.
(async () => {
  for await (const { type } of connection.status()) console.log("connection:", type);
})();
await connection.cursor().createStream("mails", { maxDeliveries: 3, backoffMs: [200, 500] });

/** Tells why a mail cannot be sent now, if it cannot. */
function sendMail(address: string, attempts: number): string | undefined {
  if (address.endsWith("@slow.example") && attempts === 1) return "the server is busy";
  if (address.endsWith("@down.example") && !isRepaired) return "the server does not answer";
  return undefined;
}

const follower = connection.follower<string>("mails", { name: "mailer" });
console.log("waiting for mails");
for await (const message of follower.getMessages()) {
  const { body: address, attempts } = message;
  if (!address.includes("@")) {
    await message.reject("this is no address");
    console.log("rejected:", address);
    continue;
  }
  const problem = sendMail(address, attempts);
  if (problem === undefined) {
    await message.ack();
    console.log("sent:", address);
  } else {
    await message.nack({ reason: problem });
    console.log(`attempt ${attempts} failed:`, address);
  }
}
