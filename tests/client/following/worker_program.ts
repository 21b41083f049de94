/**
 * A worker in a process of its own, for the test beside it. It writes down what it works on before it
 * does, and never waits for anything but its next message.
 *
 * - `poison`: ends its process, at once;
 * - a number: computes for so many milliseconds;
 * - `end`: acknowledges with `confirm`, and ends.
 *
 * Its arguments are the broker's port, the prefetch, and the file to write to.
 *
 * @module
 */

import { connect } from "../../../client.ts";

const [port, prefetch, path] = Deno.args;
const connection = await connect({ port: Number(port), hostname: "127.0.0.1" });
const follower = connection.follower<string | number>("work", {
  name: "worker",
  prefetch: prefetch === "auto" ? "auto" : Number(prefetch),
});
using file = await Deno.open(path!, { append: true, create: true });
const encoder = new TextEncoder();

for await (const message of follower.getMessages()) {
  file.writeSync(encoder.encode(`${message.id} ${message.body}\n`));
  if (message.body === "end") {
    await message.ack({ confirm: true });
    break;
  }
  if (message.body === "poison") Deno.kill(Deno.pid, "SIGKILL");
  if (typeof message.body === "number") compute(message.body);
  await message.ack();
}
await connection.close();

/** Keeps the event loop from its turn. */
function compute(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
