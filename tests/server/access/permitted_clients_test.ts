/**
 * What clients meet of their permissions, and of changes of them while they are connected.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import type { BrokerServer } from "../../../server.ts";
import type { User } from "../../../src/server/access/user.ts";
import { GuardedEngine } from "../../../src/server/access/guarded_engine.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { TestDirectory } from "../../support/disk/journals.ts";
import { Sessions } from "../../support/wire/sessions.ts";
import { GuardedUse } from "./guarded_use.ts";

/** Runs a test with a broker whose users it can change. */
async function withUsers(
  permissions: Readonly<Record<string, string>>,
  test: (
    broker: BrokerServer,
    change: (permissions: Readonly<Record<string, string>>) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  await using directory = await TestDirectory.create();
  const users = `${directory.path}/users.yaml`;
  const write = async (permissions: Readonly<Record<string, string>>) => {
    const lines = Object.entries(permissions).map(([name, text]) =>
      `  ${name}: { permissions: { ${text} } }\n`
    );
    await Deno.writeTextFile(`${users}.tmp`, `users:\n${lines.join("")}`, { mode: 0o600 });
    await Deno.rename(`${users}.tmp`, users);
  };
  await write(permissions);
  await using broker = await startBroker({ users });
  await test(broker, write);
}

/** The code of an error of the broker. */
async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return (await assertRejects(() => promise, BrokerError)).code;
}

Deno.test("a client is refused what its user may not do, and goes on", () =>
  withUsers({ app: "publish: [orders], follow: [replies]" }, async (broker) => {
    await using all = await broker.connect();
    for (const name of ["orders", "replies", "secret"]) await all.cursor().createStream(name);
    await using app = await broker.connect({ user: "app" });
    await app.publisher("orders").sendMessage("allowed");
    const forbidden = await assertRejects(
      () => app.publisher("secret").sendMessage("x"),
      BrokerError,
      'Cannot publish to "secret": user "app" has no permission to publish to it',
    );
    assertEquals(forbidden.code, "FORBIDDEN");
    assertEquals(await codeOf(app.cursor().peek("orders")), "FORBIDDEN");
    assertEquals(await codeOf(app.cursor().createStream("new")), "FORBIDDEN");
    const { created } = await app.cursor().createStream("orders");
    assertEquals(created, false);
    const names = (await app.cursor().getStreams()).map(({ name }) => name);
    assertEquals(names.sort(), ["orders", "replies"]);
    assertEquals(await codeOf(app.follower("orders").getMessages().next()), "FORBIDDEN");
    await app.publisher("orders").sendMessage("still allowed");
    assertEquals((await all.cursor().getStream("orders")).ready, 2);
  }));

Deno.test("only administrators tell the story of a dead letter: redrive would send it anywhere", () =>
  withUsers({ app: "manage: ['*'], publish: [jobs.dead]", root: "admin: true" }, async (broker) => {
    await using root = await broker.connect({ user: "root" });
    for (const name of ["jobs.dead", "secret"]) await root.cursor().createStream(name);
    const times = { firstAt: 1, lastAt: 2 };
    const deadLetter = {
      ...{ stream: "secret", id: 1, attempts: 1, reasons: ["no"], ...times },
      cause: "rejected" as const,
    };
    await using app = await broker.connect({ user: "app" });
    const sending = app.publisher("jobs.dead").sendMessage("x", { deadLetter });
    assertEquals(await codeOf(sending), "FORBIDDEN");
    await app.publisher("jobs.dead").sendMessage("goes on");
    await root.publisher("jobs.dead").sendMessage("imported", { deadLetter });
    const [, imported] = await root.cursor().peek("jobs.dead");
    assertEquals(imported!.deadLetter, deadLetter);
    assertEquals(await root.cursor().redrive("jobs.dead"), { count: 1, skipped: 1 });
    assertEquals((await root.cursor().getStream("secret")).ready, 1);
  }));

Deno.test("redrive() without its permission names that, whatever else the user may do", () =>
  withUsers(
    { send: "publish: [jobs]", work: "follow: [jobs]", look: "inspect: [jobs]" },
    async (broker) => {
      await using all = await broker.connect();
      await all.cursor().createStream("jobs");
      await all.publisher("jobs").sendMessage("bad");
      for await (const message of all.follower("jobs").getMessages()) {
        await message.reject("bad", { confirm: true });
        break;
      }
      for (const user of ["send", "work", "look"]) {
        await using connection = await broker.connect({ user });
        await assertRejects(
          () => connection.cursor().redrive("jobs"),
          BrokerError,
          `"jobs.dead": user "${user}" has no permission to manage it`,
        );
      }
      assertEquals(await all.cursor().redrive("jobs"), { count: 1, skipped: 0 });
    },
  ));

Deno.test("members of a client end with FORBIDDEN when the file of users changes", () =>
  withUsers({ app: "publish: [a, b], follow: [a, b]" }, async (broker, change) => {
    await using all = await broker.connect();
    for (const name of ["a", "b"]) await all.cursor().createStream(name);
    await using app = await broker.connect({ user: "app" });
    const publisher = app.publisher("a");
    await publisher.sendMessage("begun");
    await publisher.sendMessage("fetched");
    const messages = app.follower("a").getMessages();
    const { value: begun } = await messages.next();
    assertEquals(begun?.body, "begun");
    await change({ app: "publish: [b], follow: [b]" });
    // The client hears of it while it works on the message.
    await new Promise((resolve) => begun!.signal.addEventListener("abort", resolve));
    assertEquals(await codeOf(messages.next()), "FORBIDDEN");
    assertEquals(await codeOf(publisher.sendMessage("late")), "FORBIDDEN");
    assertEquals(await codeOf(app.publisher("a").sendMessage("late")), "FORBIDDEN");
    await app.publisher("b").sendMessage("goes on");
    const others = all.follower("a", { prefetch: 2 }).getMessages();
    const found: string[] = [];
    for await (const message of others) {
      found.push(`${message.body}×${message.attempts}`);
      await message.ack();
      if (found.length === 2) break;
    }
    assertEquals(found.sort(), ["begun×2", "fetched×1"]);
  }));

Deno.test("a client's pattern has the streams of its user, and others when that changes", () =>
  withUsers({ app: "publish: [], follow: [a-*]" }, async (broker, change) => {
    await using all = await broker.connect();
    for (const name of ["a-1", "b-1"]) await all.cursor().createStream(name);
    await using app = await broker.connect({ user: "app" });
    const messages = app.follower(/-/).getMessages();
    const next = async () => {
      const { value } = await messages.next();
      await value!.ack();
      return `${value!.stream} ${value!.body}`;
    };
    await all.publisher(/-/).sendMessage("1");
    assertEquals(await next(), "a-1 1");
    await all.cursor().createStream("a-2");
    await all.publisher("a-2").sendMessage("2");
    assertEquals(await next(), "a-2 2");
    await change({ app: "publish: [], follow: [b-*]" });
    assertEquals(await next(), "b-1 1");
    const { followers } = await all.cursor().getStream("a-1");
    assertEquals(followers, 0);
  }));

Deno.test("an administrator's publisher is not for others", async () => {
  const use = new GuardedUse();
  await use.bare.create("orders");
  const root = use.user({ admin: true }, {}, "root");
  const app = use.user({ publish: ["*"] });
  let next: User = root;
  const { engine } = use.bare;
  const login = () => {
    const guarded = new GuardedEngine(engine, next, use.audit);
    return next === root
      ? { user: root, engine, end: () => guarded.end() }
      : { user: next, engine: guarded, end: () => guarded.end() };
  };
  await using sessions = new Sessions({ engine, access: { login } });
  await using first = await sessions.open();
  await first.openPublisher(1, "orders", "identity");
  await first.publish(1, 1, ["x"]);
  await first.expect("stream");
  await first.expect("confirm");
  next = app;
  await using second = await sessions.open();
  await second.openPublisher(1, "orders", "identity");
  const { message } = await second.expectError("FORBIDDEN");
  assertEquals(message, 'Cannot open a publisher: its identity is not one of user "app"');
});
