/**
 * Keys and priorities, as an application uses them.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { SendBatchOptions, SendOptions } from "../../../client.ts";
import { startBroker, until } from "../../support/broker/broker.ts";

Deno.test("keys and priorities that are not allowed are refused before anything is sent", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("orders");
  const publisher = connection.publisher("orders");
  const mistakes: [options: unknown, type: ErrorConstructor, tells: string][] = [
    [{ key: "" }, RangeError, "key must have 1 to 128 bytes, found 0"],
    [{ key: "я".repeat(65) }, RangeError, "key must have 1 to 128 bytes, found 130"],
    [{ key: "x".repeat(129) }, RangeError, "found 129"],
    [{ key: 7 }, TypeError, "key must be a string"],
    [{ key: null }, TypeError, "key must be a string"],
    [{ priority: -1 }, RangeError, "priority must be a whole number from 0 to 9, found -1"],
    [{ priority: 10 }, RangeError, "priority must be a whole number from 0 to 9, found 10"],
    [{ priority: 1.5 }, RangeError, "priority must be a whole number from 0 to 9, found 1.5"],
    [{ priority: NaN }, RangeError, "priority must be a whole number from 0 to 9, found NaN"],
    [{ priority: "9" }, TypeError, "priority must be a whole number from 0 to 9"],
    [
      { priority: 10, ttlMs: 5 },
      RangeError,
      "priority must be a whole number from 0 to 9, found 10",
    ],
  ];
  for (const [options, type, tells] of mistakes) {
    const { message } = await assertRejects(
      () => publisher.sendMessage("x", options as SendOptions),
      type,
    );
    assertStringIncludes(message, tells);
    await assertRejects(() => publisher.sendMessages(["x"], options as SendBatchOptions), type);
    const each = Object.fromEntries(
      Object.entries(options as object).map((
        [name, value],
      ) => [
        name,
        name === "ttlMs" ? value : (_: unknown, index: number) => index === 0 ? undefined : value,
      ]),
    );
    await assertRejects(() => publisher.sendMessages(["x", "y"], each), type);
  }
  assertEquals((await connection.cursor().getStream("orders")).nextId, 1);
});

Deno.test("messages tell their keys and priorities, to followers and to cursors", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("orders");
  const publisher = connection.publisher("orders");
  const headers = { trace: "1" };
  await publisher.sendMessage("a", { key: "ключ", priority: 4, headers });
  await publisher.sendMessage("b", { priority: 3, ttlMs: 60_000 });
  await publisher.sendMessages(["c", { d: 1 }, new Uint8Array([5])], {
    key: (body, index) => index === 1 ? undefined : `${typeof body}-${index}`,
    priority: (_body, index) => index === 2 ? 2 : undefined,
    headers,
  });
  await publisher.sendMessage("e", { key: "k".repeat(128), deliverAt: 1, dedupId: "1" });
  await publisher.sendMessage("f");
  const expected: (string | number | object | undefined)[][] = [
    ["ключ", 4, headers],
    [undefined, 3, {}],
    ["string-0", 4, headers],
    [undefined, 4, headers],
    ["object-2", 2, headers],
    ["k".repeat(128), 4, {}],
    [undefined, 4, {}],
  ];
  const peeked = await cursor.peek("orders");
  assertEquals(peeked.map(({ key, priority, headers }) => [key, priority, headers]), expected);
  const follower = connection.follower("orders");
  const seen: typeof expected = [];
  for await (const message of follower.getMessages()) {
    seen[message.id - 1] = [message.key, message.priority, message.headers];
    await message.ack();
    if (seen.filter(Boolean).length === expected.length) break;
  }
  assertEquals(seen, expected);
});

Deno.test("a handler of several messages at a time never has two of one key", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("orders");
  const bodies = Array.from({ length: 500 }, (_, index) => index);
  await connection.publisher("orders").sendMessages(bodies, {
    key: (body) => `k${Number(body) % 7}`,
  });
  const busy = new Set<string>();
  const last = new Map<string, number>();
  const violations: string[] = [];
  let doneCount = 0;
  const work = async (prefetch: number | "auto") => {
    await using own = await broker.connect();
    for await (const message of own.follower<number>("orders", { prefetch }).getMessages()) {
      const key = message.key!;
      if (busy.has(key)) violations.push(`${key} twice at a time`);
      if ((last.get(key) ?? -1) >= message.body) violations.push(`${key} out of order`);
      busy.add(key);
      last.set(key, message.body);
      await Promise.resolve();
      busy.delete(key);
      await message.ack();
      doneCount++;
    }
  };
  const workers = [work("auto"), work(1), work(20)];
  await until("all are done", () => doneCount === bodies.length);
  await broker.close();
  await Promise.allSettled(workers);
  assertEquals(violations, []);
});
