/**
 * A program whose calls fail, for the test beside it: its arguments are the broker's port, and in which
 * order things happen, once or several times. It ends with code 0 if nothing ended it before.
 *
 * @module
 */

import { assertRejects } from "@std/assert";
import { setImmediate } from "node:timers";
import { BrokerError, connect } from "../../../mod.ts";

const [port, ...args] = Deno.args;
let connection = await connect({ port: Number(port) });
let publisher = connection.publisher("nowhere");
const ignore = () => {};

/** A call that fails without the broker, because its body cannot be sent. */
const refuseHere = () => publisher.sendMessage(Symbol("bad") as unknown as string);

const orders: Record<string, () => unknown> = {
  "a handler before it fails": () => publisher.sendMessage("lost").catch(ignore),
  "a handler in the turn in which it fails": () => {
    const [first, second] = [publisher.sendMessage("lost"), publisher.sendMessage("lost, too")];
    return first.catch(() => second.catch(ignore));
  },
  "a handler behind a call that fails at once": () => refuseHere().catch(ignore),
  "a signal, and a handler": () => {
    const { signal } = new AbortController();
    return publisher.sendMessage("lost", { signal }).catch(ignore);
  },
  "flush() waits": () => {
    for (let count = 0; count < 200; count++) publisher.sendMessage("lost");
    return assertRejects(() => publisher.flush(), AggregateError, "200 calls failed");
  },
  "flush() comes behind calls that fail at once": () => {
    for (let count = 0; count < 200; count++) refuseHere();
    return assertRejects(() => publisher.flush(), AggregateError, "200 calls failed");
  },
  "close() waits": () => {
    publisher.sendMessage("lost");
    return assertRejects(() => publisher.close(), BrokerError, "nowhere");
  },
  "the connection's close() waits": () => {
    publisher.sendMessage("lost");
    return assertRejects(() => connection.close(), BrokerError, "nowhere");
  },
  "the connection's close() waits for a handler": async () => {
    const other = await connect({ port: Number(port) });
    await other.cursor().createStream("work");
    await other.publisher("work").sendMessage("x");
    const follower = other.follower("work");
    const message = await follower.getMessages().next();
    other.publisher("nowhere").sendMessage("lost");
    const closing = assertRejects(() => other.close(), BrokerError, "nowhere");
    for (let count = 0; count < 10; count++) await connection.cursor().getStreams();
    await message.value?.ack();
    await closing;
  },
  "nobody": () => void publisher.sendMessage("lost"),
  "nobody, with a signal": () => {
    const { signal } = new AbortController();
    publisher.sendMessages(["lost"], { signal });
  },
  "nobody, and it fails at once": () => void refuseHere(),
  "flush() of another publisher": () => {
    publisher.sendMessage("lost");
    return connection.publisher("nowhere").flush();
  },
};

for (const order of args) {
  // deno-lint-ignore no-console
  console.log(order);
  await orders[order]!();
  // Long after its failure, so that nothing else ends the process.
  if (order !== "the connection's close() waits") await connection.cursor().getStreams();
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => void setImmediate(resolve));
  connection = await connect({ port: Number(port) });
  publisher = connection.publisher("nowhere");
}
Deno.exit(0);
