import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerError, connect, type Follower } from "@simplemq/simplemq";
import { startBroker, until } from "../../support/broker/broker.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { aborted, PATIENCE_MS, takeAll, takeOne, withRandom } from "../support.ts";

Deno.test("close() of a follower lets its handler finish, and gives back the rest unseen", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect({ drainMs: PATIENCE_MS });
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessages([0, 1, 2, 3, 4]);
  const follower = connection.follower("work", { name: "worker", prefetch: 5 });
  const { promise: isWorking, resolve: work } = Promise.withResolvers<void>();
  const { promise: mayFinish, resolve: finish } = Promise.withResolvers<void>();
  const seen: unknown[] = [];
  const loop = (async () => {
    for await (const message of follower.getMessages()) {
      seen.push(message.body);
      if (message.body === 1) {
        work();
        await mayFinish;
        assertEquals(message.signal.aborted, false);
      }
      await message.ack();
    }
  })();
  await deadline(isWorking, PATIENCE_MS);
  const other = follower.getMessages();
  const closing = follower.close();
  assertEquals(await other.next(), { done: true, value: undefined });
  // What was fetched ahead does not wait for the handler.
  const [held, ...others] = await connection.cursor().getPel("worker");
  assertEquals([held?.id, others], [2, []]);
  finish();
  await deadline(Promise.all([closing, loop]), PATIENCE_MS);
  assertEquals(seen, [0, 1]);
  assertEquals(await takeAll(connection, "work"), [[2, 1], [3, 1], [4, 1]]);
});

for (
  const [how, begin] of [
    ["drainMs: 0", (follower: Follower) => follower.close({ drainMs: 0 })],
    ["a drainMs that is over", (follower: Follower) => follower.close({ drainMs: 1 })],
    [
      "a signal that is aborted",
      (follower: Follower) => follower.close({ signal: AbortSignal.abort() }),
    ],
    ["a second call that is in a hurry", (follower: Follower) => {
      const closing = follower.close({ drainMs: 2 ** 31 - 1 });
      return follower.close({ drainMs: 0 }).then(() => closing);
    }],
    ["a connection that is lost", async (follower: Follower, proxy: Proxy) => {
      const closing = follower.close();
      proxy.cut();
      await closing;
    }],
  ] as const
) {
  Deno.test(`close() with ${how}: signals abort, and what is said then is refused`, async () => {
    await using broker = await startBroker();
    await using proxy = new Proxy(broker.port);
    await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
    await connection.cursor().createStream("work");
    await connection.publisher("work").sendMessages([0, 1, 2]);
    const follower = connection.follower("work", { name: "worker", prefetch: 3 });
    const messages = [await takeOne(follower), await takeOne(follower)];
    // By now the broker knows that both are being worked on.
    await connection.cursor().getStreams();
    const aborts = messages.map(aborted);
    await deadline(begin(follower, proxy), PATIENCE_MS);
    for (const reason of await Promise.all(aborts)) assertInstanceOf(reason, BrokerError);
    const [first, second] = messages;
    for (
      const say of [
        () => first!.ack(),
        () => second!.nack({ reason: "too late" }),
      ]
    ) {
      const error = await assertRejects(say, BrokerError);
      assertEquals(error.code, "STALE_DELIVERY");
      // It was not done: whoever tries again hears the same.
      const { message } = await assertRejects(say, BrokerError);
      assertEquals(message, error.message);
    }
    await using elsewhere = await broker.connect();
    await until("all is ready again", async () => {
      return (await elsewhere.cursor().getStream("work")).ready === 3;
    });
    assertEquals(await takeAll(elsewhere, "work"), [[0, 2], [1, 2], [2, 1]]);
  });
}

Deno.test("a follower that is over does not come back, whatever becomes of its loops", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  await connection.publisher("work").sendMessages([1, 2]);
  const follower = connection.follower("work", { name: "closed" });
  for await (const _ of follower.getMessages()) {
    await follower.close({ drainMs: 0 });
    break;
  }
  const refused = connection.follower(/a(?=b)/, { name: "refused" });
  const loop = refused.getMessages();
  await assertRejects(() => deadline(loop.next(), PATIENCE_MS), BrokerError, "lookaround");
  await loop.return?.();
  assertEquals(await cursor.getPels(), []);
  assertEquals((await cursor.getStream("work")).followers, 0);
});

Deno.test("a follower that the broker has refused is not opened again", async () => {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  const said: string[] = [];
  proxy.onClientBytes = (bytes) => {
    said.push(...new TextDecoder().decode(bytes).match(/"name":"\w+"/g) ?? []);
    return true;
  };
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  const refused = connection.follower(/a(?=b)/, { name: "refused" });
  await assertRejects(() => deadline(refused.getMessages().next(), PATIENCE_MS), BrokerError);
  await withRandom(0, async () => {
    proxy.cut();
    await deadline(connection.cursor().getStreams(), PATIENCE_MS);
  });
  assertEquals(said.filter((name) => name.includes("refused")).length, 1);
});

Deno.test("close() that is told an undefined drain time takes that of its connection", async () => {
  await using broker = await startBroker();
  const connection = await broker.connect({ drainMs: 0 });
  await connection.cursor().createStream("work");
  await connection.publisher("work").sendMessages([1, 2]);
  const unsaid: object = { drainMs: undefined };
  for (const close of ["follower", "connection"]) {
    const follower = connection.follower("work", { prefetch: 1 });
    const { signal } = await takeOne(follower);
    const closing = close === "follower" ? follower.close(unsaid) : connection.close(unsaid);
    // Without any time to drain, that is done during the call.
    assert(signal.aborted);
    await closing;
  }
});
