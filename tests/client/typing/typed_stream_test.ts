import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { deadline } from "@std/async/deadline";
import {
  type Connection,
  defineStream,
  type DefineStreamOptions,
  defineStreams,
  InvalidBodyError,
  type StandardSchema,
} from "@simplemq/simplemq";
import { passTurns, startBroker } from "../../support/broker/broker.ts";
import { connectTo, PATIENCE_MS } from "../support.ts";
import { readReasons } from "./reasons.ts";
import { laterNumber, ORDERS, schemaOf, type SentOrder } from "./schemas.ts";

/** Takes so many messages of a follower with handlers; resolves to their bodies. */
async function takeBodies(
  follower: ReturnType<Connection["follower"]>,
  count: number,
): Promise<unknown[]> {
  const bodies: unknown[] = [];
  const work = follower.handle(({ body }) => {
    if (bodies.push(body) === count) work.close();
  });
  await deadline(work.closed, PATIENCE_MS);
  return bodies;
}

const any = schemaOf((value) => ({ value }));

Deno.test("defineStream() refuses what is no schema, and options that are not allowed", () => {
  const schema = ORDERS.zod!;
  for (
    const [options, error, text] of [
      [undefined, TypeError, "options must be an object, found undefined"],
      [{}, TypeError, "schema must be a Standard Schema"],
      [{ schema: null }, TypeError, "schema must be a Standard Schema"],
      [{ schema: { validate() {} } }, TypeError, "schema must be a Standard Schema"],
      [{ schema: { "~standard": { version: 2 } } }, TypeError, "schema must be a Standard Schema"],
      [{ schema, result: {} }, TypeError, "result must be a Standard Schema"],
      [{ schema, version: 0 }, RangeError, "version is 0, allowed are whole numbers from 1"],
      [{ schema, version: "2" }, TypeError, "version must be a number"],
      [{ schema, upgrade: { 1: () => {} } }, RangeError, 'upgrade has version "1"'],
      [{ schema, version: 2, upgrade: { 2: () => {} } }, RangeError, "numbers from 1 to 1"],
      [{ schema, version: 2, upgrade: { one: () => {} } }, RangeError, 'upgrade has version "one"'],
      [{ schema, version: 2, upgrade: { 1: {} } }, TypeError, "upgrade[1] must be a function"],
      [{ schema, version: 2, upgrade: null }, TypeError, "must be an object, found null"],
      [{ schema, onInvalid: "ack" }, TypeError, 'onInvalid must be "reject", "throw" or "pass"'],
      [{ schema, oninvalid: "pass" }, TypeError, "is onInvalid meant?"],
      [{ schema, name: "" }, TypeError, "name must be a text that is not empty"],
    ] as const
  ) {
    assertThrows(() => defineStream("orders", options as DefineStreamOptions), error, text);
  }
  assertThrows(() => defineStream("", { schema }), RangeError, "Cannot bind");
  assertThrows(() => defineStreams(/a/g, { schema }), TypeError, "the only flag allowed is i");
});

for (const [library, schema] of Object.entries(ORDERS)) {
  Deno.test(`a stream with a schema of ${library} is checked at both ends`, async () => {
    await using broker = await startBroker();
    await using connection = await connectTo(broker, "orders");
    const orders = defineStream("orders", { schema });
    const publisher = connection.publisher(orders);
    await publisher.sendMessage({ pizza: 1 });
    publisher.sendMessages([{ pizza: 2, note: " hot " }, { pizza: 3 }]);
    const wrong = "two" as unknown as number;
    const error = await assertRejects(
      () => publisher.sendMessage({ pizza: wrong }),
      TypeError,
      'Cannot publish to "orders": pizza: ',
    );
    assert(error instanceof InvalidBodyError);
    assertEquals(error.issues.length, 1);
    await assertRejects(
      () => publisher.sendMessages([{ pizza: 4 }, { pizza: wrong }]),
      InvalidBodyError,
      'Cannot publish to "orders": body 2 of 2: pizza: ',
    );
    await assertRejects(() => publisher.request({ pizza: wrong }), InvalidBodyError);
    await connection.publisher("orders").sendMessages([{ pizza: "4" }, "five", { pizza: 6 }]);
    // What goes over the wire is the body as it is.
    const sent = await connection.cursor().peek("orders");
    assertEquals(sent.map(({ headers }) => headers.schema), [
      "orders@1",
      "orders@1",
      "orders@1",
      undefined,
      undefined,
      undefined,
    ]);
    assertEquals(sent[1]?.body, { pizza: 2, note: " hot " });
    await using follower = connection.follower(orders);
    assertEquals(await takeBodies(follower as never, 4), [
      { pizza: 1, note: "none" },
      { pizza: 2, note: "hot" },
      { pizza: 3, note: "none" },
      { pizza: 6, note: "none" },
    ]);
    const reasons = await readReasons(connection, "orders", 2) as [string, string][];
    for (const [cause, reason] of reasons) {
      assertEquals(cause, "rejected");
      assertStringIncludes(reason, "invalid: ");
    }
    assertStringIncludes(reasons[0]![1], "invalid: pizza: ");
  });
}

Deno.test("a loop hands out what is valid, and onInvalid says what becomes of the rest", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const number = schemaOf<number>((value) =>
    typeof value === "number" ? { value } : { issues: [{ message: "no number" }, { message: "!" }] }
  );
  for (const schema of [number, laterNumber]) {
    for (const onInvalid of ["reject", "throw", "pass"] as const) {
      const name = `${onInvalid}-${schema === number ? "now" : "later"}`;
      await connection.cursor().createStream(name, { backoffMs: [0], maxDeliveries: 2 });
      await connection.publisher(name).sendMessages([1, "two", 3]);
      const follower = connection.follower(defineStream(name, { schema, onInvalid }));
      const seen: unknown[] = [];
      const loop = async () => {
        for await (const message of follower.getMessages()) {
          seen.push(message.body);
          await message.ack();
          if (message.body === 3) break;
        }
      };
      if (onInvalid === "throw") {
        const ends: unknown[] = [];
        while (ends.length < 3) {
          ends.push(await deadline(loop(), PATIENCE_MS).catch((error) => error));
        }
        const faults = ends.filter((end) => end instanceof InvalidBodyError);
        assertEquals([faults.length, seen], [2, [1, 3]]);
        assertStringIncludes(faults[0]!.message, `Cannot read message 2 of "${name}": n`);
      } else {
        await deadline(loop(), PATIENCE_MS);
        assertEquals(seen, onInvalid === "pass" ? [1, "two", 3] : [1, 3]);
      }
      await follower.close();
      if (onInvalid === "pass") continue;
      const [story] = await readReasons(connection, name, 1) as [string, string][];
      assertEquals(story![0], onInvalid === "reject" ? "rejected" : "maxDeliveries");
    }
  }
});

Deno.test("handlers with onInvalid throw or pass fail, or get the body as it came", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("orders", { maxDeliveries: 1 });
  const told: unknown[] = [];
  const seen: unknown[] = [];
  const schema = ORDERS.zod!;
  await using follower = connection.follower(
    defineStream("orders", { schema, onInvalid: "throw" }),
  );
  const work = follower.handle(({ body }) => seen.push(body), {
    onError: (error) => told.push(error instanceof InvalidBodyError),
  });
  await connection.publisher("orders").sendMessage("bad");
  await readReasons(connection, "orders", 1);
  assertEquals([told, seen], [[true], []]);
  await work.close();
  const passing = connection.follower(defineStream("orders", { schema, onInvalid: "pass" }));
  await connection.publisher("orders").sendMessage("bad");
  assertEquals(await takeBodies(passing as never, 1), ["bad"]);
  assertThrows(() => follower.handle(undefined as never), TypeError, "must be a function");
});

Deno.test("autoAck is refused where an invalid message would have to be rejected", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "orders");
  const schema = ORDERS.zod!;
  const rejecting = connection.follower(defineStream("orders", { schema }));
  const call = () => rejecting.getMessages({ autoAck: true });
  assertThrows(call, TypeError, "autoAck acknowledges a message before its body is checked");
  const passing = connection.follower(defineStream("orders", { schema, onInvalid: "pass" }));
  await connection.publisher("orders").sendMessage("bad");
  for await (const { body } of passing.getMessages({ autoAck: true })) {
    assertEquals(body, "bad" as never);
    break;
  }
});

Deno.test("old versions go up the ladder, step by step, and what cannot is rejected", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "orders");
  const make = <T>(version: number, more: Partial<DefineStreamOptions> = {}) =>
    defineStream("orders", { schema: any as StandardSchema<T>, version, ...more });
  await connection.publisher(make<{ pizza: string }>(1)).sendMessage({ pizza: "1" });
  await connection.publisher(make<{ pizza: string }>(1)).sendMessage({ pizza: "none" });
  await connection.publisher(make<{ pizza: number }>(2)).sendMessage({ pizza: 2 });
  await connection.publisher(make<SentOrder>(3)).sendMessage({ pizza: 3, note: "three" });
  await connection.publisher(make<SentOrder>(4)).sendMessage({ pizza: 4 });
  const plain = connection.publisher("orders");
  await plain.sendMessage({ pizza: 5 }, { headers: { schema: "others@1" } });
  await plain.sendMessage({ pizza: 6 }, { headers: { schema: "orders@x" } });
  await plain.sendMessage({ pizza: 7 });
  const steps: string[] = [];
  const orders = defineStream("orders", {
    schema: ORDERS.zod!,
    version: 3,
    upgrade: {
      1: ({ pizza }) => {
        steps.push(`1: ${pizza}`);
        if (pizza === "none") throw new Error("there is no pizza");
        return Promise.resolve({ pizza: Number(pizza) });
      },
      2: ({ pizza }) => {
        steps.push(`2: ${pizza}`);
        return { pizza, note: "upgraded" };
      },
    },
  });
  await using follower = connection.follower(orders);
  assertEquals(await takeBodies(follower as never, 7), [
    { pizza: 1, note: "upgraded" },
    { pizza: 2, note: "upgraded" },
    { pizza: 3, note: "three" },
    { pizza: 4, note: "none" },
    { pizza: 5, note: "none" },
    { pizza: 6, note: "none" },
    { pizza: 7, note: "none" },
  ]);
  assertEquals(steps, ["1: 1", "2: 1", "1: none", "2: 2"]);
  assertEquals(await readReasons(connection, "orders", 1), [
    ["rejected", "invalid: its upgrade has thrown: there is no pizza"],
  ]);
});

Deno.test("the reason of a dead letter names a foreign or newer version", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "orders");
  const plain = connection.publisher("orders");
  for (const schema of ["orders@9", "others@1", "orders@3", "orders@1"]) {
    await plain.sendMessage("none", { headers: { schema } });
  }
  await plain.sendMessage({ pizza: 1 });
  await using follower = connection.follower(
    defineStream("orders", { schema: ORDERS.zod!, version: 3 }),
  );
  assertEquals((await takeBodies(follower as never, 1)).length, 1);
  const reasons = (await readReasons(connection, "orders", 4)).map((one) =>
    String((one as unknown[])[1])
  );
  const knows = "this program knows orders@3: ";
  assertStringIncludes(reasons[0]!, `invalid: message is of orders@9, ${knows}`);
  assertStringIncludes(reasons[1]!, `invalid: message is of others@1, ${knows}`);
  for (const reason of reasons.slice(2)) assertEquals(reason.includes("message is of"), false);
});

Deno.test("a schema that answers later needs calls that are awaited", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "numbers");
  const numbers = defineStream("numbers", { schema: laterNumber });
  const publisher = connection.publisher(numbers);
  await connection.publisher("numbers").sendMessage("none");
  await publisher.sendMessage(1);
  const second = publisher.sendMessage(2);
  await assertRejects(
    () => publisher.sendMessage(3),
    TypeError,
    'Cannot publish to "numbers": the schema answers with a promise, so each call must be awaited',
  );
  await assertRejects(() => publisher.sendMessages([3]), TypeError, "must be awaited");
  await assertRejects(() => publisher.request(3), TypeError, "must be awaited");
  await publisher.flush();
  await second;
  await publisher.sendMessages([4, 5]);
  await assertRejects(() => publisher.sendMessage("6" as never), InvalidBodyError, "not a number");
  await assertRejects(() => publisher.sendMessages([6, "7"] as never), InvalidBodyError, "body 2");
  const last = publisher.sendMessage(8);
  await publisher.close();
  await last;
  await using follower = connection.follower(numbers);
  assertEquals(await takeBodies(follower as never, 5), [1, 2, 4, 5, 8]);
  assertEquals(await readReasons(connection, "numbers", 1), [[
    "rejected",
    "invalid: not a number",
  ]]);
});

Deno.test("bodies that a schema makes nothing of, and schemas that throw", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "odd");
  const odd = schemaOf<unknown, unknown>((value) => {
    if (value === "throws") throw new Error("broken");
    return { value: value === "null" ? null : undefined };
  });
  await connection.publisher("odd").sendMessages(["null", "undefined", "throws", "null"]);
  await using follower = connection.follower(defineStream("odd", { schema: odd }));
  assertEquals(await takeBodies(follower as never, 3), [null, undefined, null]);
  assertEquals(await readReasons(connection, "odd", 1), [
    ["rejected", "invalid: its schema has thrown: broken"],
  ]);
});

Deno.test("a reply is checked where it arrives, and becomes what the schema makes of it", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "sums");
  const result = schemaOf<unknown, { sum: number }>((value) =>
    typeof value === "number" ? { value: { sum: value } } : { issues: [{ message: "no sum" }] }
  );
  const sums = defineStream("sums", { schema: any as StandardSchema<number[]>, result });
  await using follower = connection.follower(sums);
  await using _work = follower.handle(async (message) => {
    const sum = message.body.reduce((one, other) => one + other, 0);
    await message.reply(sum === 0 ? "nothing" : sum, { headers: { by: "me" } });
  });
  const publisher = connection.publisher(sums);
  const { body, headers, bytes } = await publisher.request([1, 2]);
  assertEquals([body, headers, bytes.length], [{ sum: 3 }, { by: "me" }, 1]);
  await assertRejects(
    () => publisher.request([]),
    InvalidBodyError,
    "Cannot read a reply: no sum",
  );
});

Deno.test("the header of the definition joins those of the call, and is nobody else's", async () => {
  await using broker = await startBroker();
  await using connection = await connectTo(broker, "tenant-a");
  await connection.cursor().createStream("tenant-b");
  const tenants = defineStreams(/^tenant-/, { schema: any, name: "tenants", version: 7 });
  await using publisher = connection.publisher(tenants);
  assertEquals(publisher.bind.routeString, "^tenant-");
  await publisher.sendMessage(1, { headers: { a: "b" }, key: "k" });
  const mistaken = () => publisher.sendMessage(1, { headers: { schema: "mine" } });
  await assertRejects(mistaken, TypeError, 'the header "schema" is that of the definition');
  await assertRejects(() => publisher.sendMessage(1, { headers: "no" as never }), TypeError);
  await assertRejects(() => publisher.sendMessage(1, { hedders: {} } as never), TypeError);
  const [message] = await connection.cursor().peek("tenant-b");
  assertEquals([message?.headers, message?.key], [{ a: "b", schema: "tenants@7" }, "k"]);
  const follower = connection.follower(tenants, { name: "f" });
  assertEquals([follower.name, follower.bind.bindType], ["f", "regex"]);
  const seen: string[] = [];
  for await (const one of follower.getMessages()) {
    seen.push(one.stream);
    await follower.ackMessage(one);
    if (seen.length === 2) break;
  }
  assertEquals(seen.toSorted(), ["tenant-a", "tenant-b"]);
  await passTurns();
});
