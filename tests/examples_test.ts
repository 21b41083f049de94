/**
 * The examples, run as people run them: each as a process of its own.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ProgramProcess } from "./docs/process.ts";
import { startBroker, until } from "./support/broker/broker.ts";

/** Starts an example with a broker at `port`. */
function start(name: string, port: number, ...args: readonly string[]): ProgramProcess {
  return new ProgramProcess(new URL(`../examples/${name}.ts`, import.meta.url).href, port, ...args);
}

/** The lines that it has printed, without those on its connection. */
function linesOf({ text }: ProgramProcess): string[] {
  const lines = text.trimEnd().split("\n");
  return lines.filter((line) => !line.startsWith("connection: "));
}

Deno.test("order: payments of one customer are handled one after the other, by two workers", async () => {
  await using broker = await startBroker();
  await using publisher = start("order/publisher", broker.port);
  await publisher.end();
  await using worker = start("order/worker", broker.port);
  // Ten payments: each begins and is done.
  await until("all are handled", () => linesOf(worker).length === 21);
  const [first, ...lines] = linesOf(worker);
  assertEquals(first, "waiting for payments");
  assertEquals(lines.slice(0, 2).some((line) => line.endsWith("begins: dan 1")), true);
  for (const customer of ["ann", "bob", "cay"]) {
    const own = lines.filter((line) => line.includes(`: ${customer} `));
    const expected = [1, 2, 3].flatMap((number) => [
      `begins: ${customer} ${number}`,
      `is done: ${customer} ${number}`,
    ]);
    assertEquals(own.map((line) => line.replace(/^worker-\d /, "")), expected);
  }
});

Deno.test("retries: what fails comes back, what fails too often is dead until it is sent back", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const countDead = async () => {
    const streams = await connection.cursor().getStreams();
    return streams.find(({ name }) => name === "mails.dead")?.ready;
  };
  {
    await using worker = start("retries/worker", broker.port);
    await worker.waitFor("waiting for mails");
    await using publisher = start("retries/publisher", broker.port);
    await publisher.end();
    await until("two are dead", async () => await countDead() === 2);
    await worker.waitFor("attempt 3 failed: cay@down.example\n");
    assertEquals(linesOf(worker).toSorted(), [
      "attempt 1 failed: bob@slow.example",
      "attempt 1 failed: cay@down.example",
      "attempt 2 failed: cay@down.example",
      "attempt 3 failed: cay@down.example",
      "rejected: nobody",
      "sent: ann@quick.example",
      "sent: bob@slow.example",
      "waiting for mails",
    ]);
  }
  await using worker = start("retries/worker", broker.port, "repaired");
  await using redrive = start("retries/redrive", broker.port);
  assertEquals(
    await redrive.end(),
    "dead: nobody rejected this is no address\n" +
      "dead: cay@down.example maxDeliveries the server does not answer\n" +
      "sent back: { count: 1, skipped: 0 }\n",
  );
  await worker.waitFor("sent: cay@down.example");
  assertEquals(await countDead(), 1);
});

Deno.test("request_reply: all questions are answered, although the requester comes first", async () => {
  await using broker = await startBroker();
  await using requester = start("request_reply/requester", broker.port);
  await using one = start("request_reply/responder", broker.port);
  await using other = start("request_reply/responder", broker.port);
  assertEquals(
    await requester.end(),
    "6 words: to be or not to be\n2 words: that is\n2 words: the question\n",
  );
  const isAnswer = (line: string) => line.startsWith("answered:");
  await until(
    "three are answered",
    () => [...linesOf(one), ...linesOf(other)].filter(isAnswer).length === 3,
  );
});
