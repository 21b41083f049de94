import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BrokerError } from "@simplemq/simplemq";
import { startBroker } from "../../support/broker/broker.ts";

Deno.test("createStream() tells what a stream that is there has otherwise, and can change it", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  const first = { maxDeliveries: 3, backoffMs: [1, 2], ttlMs: null } as const;
  assertEquals(await cursor.createStream("orders", first), { created: true, differs: [] });
  assertEquals(await cursor.createStream("orders", first), { created: false, differs: [] });
  assertEquals(await cursor.createStream("orders"), { created: false, differs: [] });
  const other = { maxDeliveries: 3, backoffMs: [1, 3], ttlMs: 5000, deadLetter: true } as const;
  const found = { created: false, differs: ["backoffMs" as const, "ttlMs" as const] };
  assertEquals(await cursor.createStream("orders", other), found);
  const error = await assertRejects(
    () => cursor.createStream("orders", other, { ifDifferent: "fail" }),
    BrokerError,
  );
  assertEquals(error.code, "STREAM_DIFFERS");
  assertStringIncludes(error.message, "backoffMs is [1,2], not [1,3]; ttlMs is null, not 5000");
  const kept = (await cursor.getStream("orders")).options;
  assertEquals([kept.backoffMs, kept.ttlMs], [[1, 2], null]);
  assertEquals(await cursor.createStream("orders", other, { ifDifferent: "update" }), found);
  const { backoffMs, ttlMs, maxDeliveries } = (await cursor.getStream("orders")).options;
  assertEquals([backoffMs, ttlMs, maxDeliveries], [[1, 3], 5000, 3]);
  const same = await cursor.createStream("orders", other, { ifDifferent: "fail" });
  assertEquals(same, { created: false, differs: [] });
  await assertRejects(
    () => cursor.createStream("orders", {}, { ifDifferent: "replace" as "keep" }),
    RangeError,
    `ifDifferent must be one of keep, update, fail, found "replace"`,
  );
});
