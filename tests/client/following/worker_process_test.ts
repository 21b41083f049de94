/**
 * Workers that end their process, or keep its event loop from its turn: what they have acknowledged
 * before counts.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { BrokerServer } from "@simplemq/simplemq/server";
import { startBroker, until } from "../../support/broker/broker.ts";

/** Long enough for a slow machine; a test that waits so long has failed. */
const PATIENCE_MS = 30_000;

const PROGRAM = new URL("./worker_program.ts", import.meta.url).pathname;

/** Runs workers, one after the other, until one ends by itself; resolves to what all worked on. */
async function work(broker: BrokerServer, prefetch: string): Promise<Map<string, number>> {
  const path = await Deno.makeTempFile();
  try {
    const args = ["run", "-A", "--no-check", PROGRAM, String(broker.port), prefetch, path];
    for (let isDone = false; !isDone;) {
      const { success, signal, stderr } = await deadline(
        new Deno.Command(Deno.execPath(), { args }).output(),
        PATIENCE_MS,
      );
      assert(success || signal === "SIGKILL", new TextDecoder().decode(stderr));
      isDone = success;
    }
    const counts = new Map<string, number>();
    for (const line of (await Deno.readTextFile(path)).trim().split("\n")) {
      counts.set(line, (counts.get(line) ?? 0) + 1);
    }
    return counts;
  } finally {
    await Deno.remove(path);
  }
}

for (const prefetch of ["20", "auto"]) {
  Deno.test(`a handler that ends its process takes no finished work with it twice: prefetch ${prefetch}`, async () => {
    await using broker = await startBroker();
    await using connection = await broker.connect();
    const cursor = connection.cursor();
    await cursor.createStream("work", { maxDeliveries: 2 });
    const publisher = connection.publisher("work");
    // The worker is at full speed when it meets the message that ends it.
    const bodies = Array.from({ length: 2000 }, () => "innocent");
    bodies[1500 + 19] = "poison";
    await publisher.sendMessages(bodies);
    // The poison comes again a while after the others are done: the last worker waits for that.
    const given = connection.follower("work.dead").getMessages().next();
    const ended = given.then(() => publisher.sendMessage("end"));
    const counts = await work(broker, prefetch);
    await ended;
    // The first time the broker may not know that it was begun.
    const poisoned = counts.get("1520 poison")!;
    assert(poisoned === 2 || poisoned === 3, `the poison was taken ${poisoned} times`);
    counts.delete("1520 poison");
    assertEquals(counts.size, 2000);
    for (const [line, count] of counts) assert(count <= 2, `${line}: done ${count} times`);
    const [dead, ...others] = await cursor.peek("work.dead");
    assertEquals([dead?.deadLetter?.id, others.length], [1520, 0]);
    const { ready, pending } = await cursor.getStream("work");
    assertEquals([ready, pending], [0, 0]);
  });
}

Deno.test("a handler that computes for longer than the heartbeat allows does its work once", async () => {
  await using broker = await startBroker({ heartbeatMs: 75, heartbeatTimeoutMs: 300 });
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work", { maxDeliveries: 2 });
  await connection.publisher("work").sendMessages([700, 700, "end"]);
  const counts = await work(broker, "2");
  assertEquals([...counts], [["1 700", 1], ["2 700", 1], ["3 end", 1]]);
  assertEquals((await cursor.getStreams()).map(({ name, ready }) => [name, ready]), [["work", 0]]);
});

for (const prefetch of ["3", "auto"]) {
  Deno.test(`a handler that blocks its event loop keeps nobody waiting for what it has not seen: prefetch ${prefetch}`, async () => {
    await using broker = await startBroker();
    await using connection = await broker.connect();
    const cursor = connection.cursor();
    await cursor.createStream("work", { ackTimeoutMs: 200, backoffMs: [0], maxDeliveries: 5 });
    await connection.publisher("work").sendMessages([60_000, "a", "b"]);
    const path = await Deno.makeTempFile();
    const args = ["run", "-A", "--no-check", PROGRAM, String(broker.port), prefetch, path];
    const worker = new Deno.Command(Deno.execPath(), { args }).spawn();
    try {
      await until("it computes", async () => (await Deno.readTextFile(path)).includes("1 60000"));
      const seen: string[] = [];
      for await (const message of connection.follower("work").getMessages()) {
        seen.push(`${message.body}×${message.attempts}`);
        await message.ack({ confirm: true });
        if (seen.length === 3) break;
      }
      // Whether it was begun could not be said: then it has cost nothing either.
      assertEquals(seen.filter((one) => !one.startsWith("60000")), ["a×1", "b×1"]);
      assertEquals(await Deno.readTextFile(path), "1 60000\n");
    } finally {
      worker.kill("SIGKILL");
      await worker.status;
      await Deno.remove(path);
    }
  });
}
