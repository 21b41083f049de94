import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { defineStream, InvalidBodyError } from "@simplemq/simplemq";
import { startBroker, until } from "../../support/broker/broker.ts";
import { PATIENCE_MS } from "../support.ts";
import { readReasons } from "./reasons.ts";
import { laterNumber, ORDERS, schemaOf } from "./schemas.ts";

Deno.test("batches have the valid messages of a stream with a schema", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const number = schemaOf<unknown, number>((value) =>
    typeof value === "number" ? { value: value * 2 } : { issues: [{ message: "no number" }] }
  );
  for (const onInvalid of ["reject", "throw", "pass"] as const) {
    for (const schema of [number, laterNumber]) {
      const name = `${onInvalid}-${schema === number ? "now" : "later"}`;
      const factor = schema === number ? 2 : 1;
      await connection.cursor().createStream(name, { backoffMs: [0], maxDeliveries: 1 });
      await connection.publisher(name).sendMessages([1, "two", 3, "four"]);
      const follower = connection.follower(defineStream(name, { schema, onInvalid }));
      const loop = follower.getBatches({ size: 4, minSize: 4 });
      if (onInvalid === "throw") {
        await assertRejects(() => loop.next(), InvalidBodyError, "Cannot read message 2");
        await follower.close();
        continue;
      }
      const { value } = await deadline(loop.next(), PATIENCE_MS);
      const expected = onInvalid === "pass"
        ? [factor, "two", 3 * factor, "four"]
        : [factor, 3 * factor];
      assertEquals(value?.bodies, expected as number[]);
      await value!.ack();
      if (onInvalid === "pass") continue;
      assertEquals(await readReasons(connection, name, 2), [
        ["rejected", `invalid: ${schema === number ? "no" : "not a"} number`],
        ["rejected", `invalid: ${schema === number ? "no" : "not a"} number`],
      ]);
      // A batch without any valid message is passed over.
      await connection.publisher(name).sendMessages(["a", "b", "c", "d", 5, 6, 7, 8]);
      const next = await deadline(loop.next(), PATIENCE_MS);
      assertEquals(next.value?.bodies, [5, 6, 7, 8].map((body) => body * factor));
      await next.value!.ack();
    }
  }
});

Deno.test("handlers of batches get what is valid; a fault that is thrown fails the batch", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  for (const schema of [ORDERS.zod!, laterNumber as never]) {
    const isLater = schema !== ORDERS.zod;
    const name = isLater ? "later" : "now";
    await connection.cursor().createStream(name, { backoffMs: [0], maxDeliveries: 1 });
    const good = (pizza: number) => isLater ? pizza : { pizza };
    await connection.publisher(name).sendMessages([good(1), "bad", good(3)]);
    const seen: number[] = [];
    const follower = connection.follower(defineStream(name, { schema, onInvalid: "throw" }));
    const work = follower.handleBatches(({ messages }) => {
      seen.push(...messages.map(({ id }) => id));
    }, { size: 3, waitMs: 10 });
    // Its neighbours come again in halves, and are not harmed.
    assertEquals((await readReasons(connection, name, 1) as string[][])[0]![0], "maxDeliveries");
    await until("the others are done", () => seen.length === 2);
    assertEquals(seen.toSorted(), [1, 3]);
    assertThrows(() => follower.handleBatches(undefined as never), TypeError, "a function");
    await work.close();
  }
});
