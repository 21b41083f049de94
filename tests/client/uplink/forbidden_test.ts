/**
 * Permissions that are not there, or are taken away later: the publisher or the follower ends, everything
 * that waits for it fails, and the rest of the connection goes on.
 *
 * @module
 */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import {
  BrokerError,
  connect,
  type Connection,
  type ErrorCode,
  type Publisher,
} from "@simplemq/simplemq";
import type { BrokerServer } from "@simplemq/simplemq/server";
import { type ErrorReport, writeControlFrame } from "../../../protocol.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import { PlayedBroker } from "../../support/wire/played_broker.ts";
import { PATIENCE_MS, takeOne } from "../support.ts";

/** A connection on which a test takes permissions away. */
class Scene implements AsyncDisposable {
  readonly broker: BrokerServer;
  readonly door: PlayedBroker;
  readonly connection: Connection;

  private constructor(broker: BrokerServer, door: PlayedBroker, connection: Connection) {
    this.broker = broker;
    this.door = door;
    this.connection = connection;
  }

  static async start(): Promise<Scene> {
    const broker = await startBroker();
    const door = new PlayedBroker(broker.port);
    const connection = await connect({ port: door.port, drainMs: PATIENCE_MS });
    await connection.cursor().createStream("orders", { maxMessages: 2 });
    await connection.cursor().createStream("other");
    return new Scene(broker, door, connection);
  }

  /** Tells the client that one of its members may not do what it does. */
  async forbid(member: Pick<ErrorReport, "publisher" | "follower">): Promise<void> {
    const message = 'Cannot use "orders": user "app" has no permission';
    await this.door.say((writer) => {
      writeControlFrame(writer, "error", { code: "FORBIDDEN", message, ...member });
    });
  }

  /** Proves that the connection and its other members work. */
  async check(): Promise<void> {
    await using publisher = this.connection.publisher("other");
    await deadline(publisher.sendMessage("x"), PATIENCE_MS);
    const message = await takeOne(this.connection.follower("other"));
    await message.ack({ confirm: true });
    assertEquals((await this.connection.status().next()).value?.type, "connected");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close({ drainMs: 0 });
    await this.door[Symbol.asyncDispose]();
    await this.broker.close();
  }
}

/** Waits until a call has failed; it must be by that code. */
async function expectCode(call: PromiseLike<unknown>, code: ErrorCode): Promise<void> {
  const error = await assertRejects(() => deadline(Promise.resolve(call), PATIENCE_MS));
  assertInstanceOf(error, BrokerError);
  assertEquals(error.code, code);
}

/** Calls that wait because their stream is full, or because too much is under way. */
async function fill(publisher: Publisher): Promise<PromiseLike<unknown>[]> {
  await publisher.sendMessages([1, 2]);
  return [
    publisher.sendMessage("waits for room"),
    publisher.sendMessages(["waits", "with it"]),
    publisher.request("waits, too"),
    publisher.sendMessage("waits in the queue", { timeoutMs: PATIENCE_MS }),
    publisher.sendMessage("waits in the queue", { signal: AbortSignal.timeout(PATIENCE_MS) }),
    publisher.request("waits in the queue"),
  ];
}

Deno.test("a publisher that may not publish from the start fails all its calls", async () => {
  await using scene = await Scene.start();
  const publisher = scene.connection.publisher("orders", { whenFull: "wait" });
  const calls = [publisher.sendMessage("x"), publisher.sendMessages(["x"]), publisher.request("x")];
  const results = Promise.all(calls.map((call) => expectCode(call, "FORBIDDEN")));
  await scene.forbid({ publisher: 1 });
  await results;
  await expectCode(publisher.sendMessage("later"), "FORBIDDEN");
  await publisher.close();
  await scene.check();
});

Deno.test("a permission to publish that is taken away fails all that waits, and nothing else", async () => {
  for (const maxUnconfirmed of [1, 3, 1000]) {
    await using scene = await Scene.start();
    const options = { whenFull: "wait", maxUnconfirmed } as const;
    const publisher = scene.connection.publisher("orders", options);
    const calls = await fill(publisher);
    const results = Promise.all(calls.map((call) => expectCode(call, "FORBIDDEN")));
    // The refusals of the full stream have come before this answer.
    await scene.connection.cursor().getStreams();
    const flushed = publisher.flush();
    await scene.forbid({ publisher: 1 });
    await results;
    await deadline(flushed, PATIENCE_MS);
    await deadline(publisher.flush(), PATIENCE_MS);
    for (const call of [publisher.sendMessage("x"), publisher.request("x")]) {
      await expectCode(call, "FORBIDDEN");
    }
    await expectCode(publisher.sendMessages([]), "FORBIDDEN");
    await deadline(publisher.close(), PATIENCE_MS);
    await scene.check();
    assertEquals((await scene.connection.cursor().getStream("orders")).ready, 2);
    assertEquals(scene.door.hellos.length, 1);
  }
});

Deno.test("flush() and close() that wait report what a lost permission has failed", async () => {
  for (const how of ["flush", "close"] as const) {
    await using scene = await Scene.start();
    const publisher = scene.connection.publisher("orders", { whenFull: "wait" });
    await publisher.sendMessages([1, 2]);
    publisher.sendMessage("waits for room");
    const waiting = publisher[how]();
    const result = expectCode(waiting, "FORBIDDEN");
    await scene.connection.cursor().getStreams();
    await scene.forbid({ publisher: 1 });
    await result;
    await deadline(publisher.close(), PATIENCE_MS);
    await scene.check();
  }
});

Deno.test("closing a connection ends when a permission is lost meanwhile", async () => {
  await using scene = await Scene.start();
  const publisher = scene.connection.publisher("orders", { whenFull: "wait" });
  await publisher.sendMessages([1, 2]);
  const call = expectCode(publisher.sendMessage("waits for room"), "FORBIDDEN");
  await scene.connection.cursor().getStreams();
  const closing = scene.connection.close();
  await scene.forbid({ publisher: 1 });
  await call;
  await deadline(closing, PATIENCE_MS);
});

Deno.test("a request that waits for its reply fails when its publisher loses the permission", async () => {
  await using scene = await Scene.start();
  const { connection } = scene;
  const publisher = connection.publisher("orders");
  const request = publisher.request("x", { timeoutMs: PATIENCE_MS });
  const result = expectCode(request, "FORBIDDEN");
  // It is stored, and somebody works on it.
  const message = await takeOne(connection.follower("orders"));
  await scene.forbid({ publisher: 1 });
  await result;
  // The reply comes too late, and disturbs nobody.
  await message.reply("late");
  await message.ack({ confirm: true });
  await scene.check();
});

Deno.test("a batch that a limit of the user refuses fails alone", async () => {
  await using scene = await Scene.start();
  const { connection, door } = scene;
  const publisher = connection.publisher("other", { whenFull: "wait" });
  await publisher.sendMessage("first");
  door.isSilent = true;
  for (const [index, code] of (["LIMIT_REACHED", "FORBIDDEN"] as const).entries()) {
    const calls = [publisher.sendMessages(["refused", "with it"]), publisher.request("refused")];
    const results = Promise.all(calls.map((call) => expectCode(call, code)));
    const refusal = { publisher: 1, sequence: 2 + 3 * index, count: 3, code, message: "no" };
    await door.say((writer) => writeControlFrame(writer, "refuse", refusal));
    await results;
  }
  door.isSilent = false;
  await deadline(publisher.sendMessage("goes on"), PATIENCE_MS);
  await publisher.close();
  assertEquals((await connection.status().next()).value?.type, "connected");
});

Deno.test("a follower that may not follow throws in its loops, and its messages go to others", async () => {
  await using scene = await Scene.start();
  const { connection } = scene;
  await connection.publisher("orders").sendMessages(["in hand", "prefetched"]);
  const follower = connection.follower("orders", { prefetch: 2 });
  const loop = follower.getMessages();
  const message = (await deadline(loop.next(), PATIENCE_MS)).value!;
  const waiting = follower.getMessages({ signal: AbortSignal.timeout(PATIENCE_MS) });
  const second = (await deadline(waiting.next(), PATIENCE_MS)).value!;
  const results = [loop.next(), waiting.next()].map((next) => expectCode(next, "FORBIDDEN"));
  await scene.forbid({ follower: 2 });
  await Promise.all(results);
  assertEquals([message.signal.aborted, second.signal.aborted], [true, true]);
  await expectCode(message.ack({ confirm: true }), "STALE_DELIVERY");
  await expectCode(loop.next(), "FORBIDDEN");
  await expectCode(follower.getMessages().next(), "FORBIDDEN");
  await deadline(follower.close(), PATIENCE_MS);
  const other = connection.follower("orders");
  assertEquals((await takeOne(other)).body, "in hand");
  await scene.check();
});

Deno.test("a follower that is closed ends when its permission is lost meanwhile", async () => {
  await using scene = await Scene.start();
  const { connection } = scene;
  await connection.publisher("orders").sendMessage("in hand");
  const follower = connection.follower("orders");
  await takeOne(follower);
  const closing = follower.close();
  await scene.forbid({ follower: 2 });
  await deadline(closing, PATIENCE_MS);
  await scene.check();
});

Deno.test("members that lose their permission while the connection is restored end, others do not", async () => {
  await using scene = await Scene.start();
  const { connection, door } = scene;
  const publisher = connection.publisher("orders", { whenFull: "wait" });
  await publisher.sendMessages([1, 2]);
  const call = expectCode(publisher.sendMessage("waits for room"), "FORBIDDEN");
  const loop = expectCode(connection.follower("nowhere").getMessages().next(), "FORBIDDEN");
  await connection.cursor().getStreams();
  door.cut();
  await until("it is connected again", () => door.hellos.length === 2);
  await connection.cursor().getStreams();
  await scene.forbid({ publisher: 1 });
  await scene.forbid({ follower: 2 });
  await Promise.all([call, loop]);
  await scene.check();
});
