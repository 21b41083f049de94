import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { GuardedEngine } from "../../../src/server/access/guarded_engine.ts";
import { Permissions } from "../../../src/server/access/permissions.ts";
import type { User } from "../../../src/server/access/user.ts";
import { createPipe } from "../../../src/transport/duplex.ts";
import {
  ackLine,
  cursorLine,
  giveMeLine,
  LineClient,
  publishLine,
} from "../../support/wire/line_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";
import { WithholdingEngine } from "../../support/broker/engines.ts";
import { GuardedUse } from "./guarded_use.ts";

/** Sessions of one user, whose permissions can change. */
class ChangingSessions implements AsyncDisposable {
  readonly use: GuardedUse;
  readonly user: User;
  readonly sessions: Sessions;
  readonly #guards = new Set<GuardedEngine>();

  constructor(use: GuardedUse, user: User) {
    this.use = use;
    this.user = user;
    const { engine } = use.bare;
    const login = () => {
      const guarded = new GuardedEngine(engine, user, use.audit);
      this.#guards.add(guarded);
      return {
        user,
        engine: guarded,
        end: () => {
          guarded.end();
          this.#guards.delete(guarded);
        },
      };
    };
    this.sessions = new Sessions({ engine, access: { login } });
  }

  change(permissions: Permissions): void {
    this.user.permissions = permissions;
    for (const guarded of this.#guards) guarded.reconsider();
  }

  lines(): LineClient {
    const [here, there] = createPipe();
    this.sessions.take(there);
    return new LineClient(here);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sessions[Symbol.asyncDispose]();
  }
}

/** Permissions for two streams, and for one of them. */
const BOTH = new Permissions({ publish: ["orders", "other"], follow: ["orders", "other"] });
const OTHER = new Permissions({ publish: ["other"], follow: ["other"] });

async function start(): Promise<ChangingSessions> {
  const use = new GuardedUse();
  await use.bare.create("orders", "other");
  const user = use.user({});
  user.permissions = BOTH;
  return new ChangingSessions(use, user);
}

Deno.test("frames: members that lost their permission hear of it, and others go on", async () => {
  await using all = await start();
  await using client = await all.sessions.open();
  await client.openPublisher(1, "orders");
  await client.openPublisher(2, "other");
  await client.openFollower(1, "orders");
  await client.publish(1, 1, ["x"]);
  await client.expect("stream");
  await client.expect("confirm");
  await client.takeMessages(1);
  all.change(OTHER);
  const sentence = (what: string) =>
    `Cannot ${what} "orders": user "app" has no permission to ${what} it`;
  const first = await client.expectError("FORBIDDEN");
  assertEquals([first.publisher, first.message], [1, sentence("publish to")]);
  const revoke = await client.expect("revoke");
  assertEquals([revoke.follower, revoke.ranges], [1, [{ firstTag: 1, count: 1 }]]);
  const second = await client.expectError("FORBIDDEN");
  assertEquals([second.follower, second.message], [1, sentence("follow")]);
  // What was on its way is answered, each as it can be.
  await client.publish(1, 2, ["late"]);
  const refusal = await client.expect("refuse");
  assertEquals([refusal.publisher, refusal.code], [1, "FORBIDDEN"]);
  await client.sendTags("ack", 1, [[1, 1]], 7);
  assertEquals((await client.expectError("STALE_DELIVERY")).query, 7);
  await client.publish(2, 1, ["goes on"]);
  await client.expect("stream");
  assertEquals((await client.expect("confirm")).publisher, 2);
  assertEquals(await all.use.bare.counts("orders"), [1, 0, 0]);
});

Deno.test("frames: a reconnect keeps nothing", async () => {
  await using all = await start();
  const before = await all.sessions.open();
  await before.openPublisher(1, "orders", "identity");
  await before.publish(1, 1, ["x"]);
  await before.expect("stream");
  await before.expect("confirm");
  before.close();
  all.change(OTHER);
  await using again = await all.sessions.open();
  await again.openPublisher(1, "orders", "identity");
  assertEquals((await again.expectError("FORBIDDEN")).publisher, 1);
  // Not even the outcome of what was stored.
  await again.publish(1, 1, ["x"]);
  assertEquals((await again.expect("refuse")).code, "FORBIDDEN");
});

Deno.test("frames: a batch that was under way is answered, although its publisher has ended", async () => {
  const withholding = new WithholdingEngine();
  const use = new GuardedUse(withholding.engine);
  await use.bare.create("orders", "other");
  const user = use.user({});
  user.permissions = BOTH;
  await using all = new ChangingSessions(use, user);
  await using client = await all.sessions.open();
  await client.openPublisher(1, "orders");
  await client.publish(1, 1, ["x"]);
  await client.ask("getStream", "orders");
  all.change(OTHER);
  await client.expectError("FORBIDDEN");
  withholding.letGo();
  await client.expect("stream");
  assertEquals((await client.expect("confirm")).sequence, 1);
});

Deno.test("JSON lines: members that lost their permission hear of it, and others go on", async () => {
  await using all = await start();
  await using client = all.lines();
  await client.send(publishLine("orders", "1"), publishLine("other", "1"), giveMeLine("orders"));
  const { id } = await client.next();
  await client.send(giveMeLine("orders"));
  await client.ask(cursorLine("GET_STREAMS"));
  all.change(OTHER);
  const messages = [await client.expectError("FORBIDDEN"), await client.expectError("FORBIDDEN")];
  assertStringIncludes(messages.sort()[0]!, 'Cannot follow "orders"');
  assertStringIncludes(messages[1]!, 'Cannot publish to "orders"');
  await client.send(ackLine("orders", id));
  await client.expectError("STALE_DELIVERY");
  await client.send(publishLine("orders", "2"), giveMeLine("orders"), giveMeLine("other"));
  await client.expectError("FORBIDDEN");
  await client.expectError("FORBIDDEN");
  assertEquals((await client.next()).message_body, 1);
  assertEquals(await all.use.bare.counts("orders"), [1, 0, 0]);
  // When it is allowed again, the next line opens what it needs.
  all.change(BOTH);
  await client.send(publishLine("orders", "3"), giveMeLine("orders"), giveMeLine("orders"));
  assertEquals((await client.next()).message_body, 1);
  assertEquals((await client.next()).message_body, 3);
});

Deno.test("JSON lines: a pattern loses a stream and goes on", async () => {
  await using all = await start();
  await using client = all.lines();
  await client.send(publishLine(/o/, "1"), giveMeLine(/o/), giveMeLine(/o/));
  const given = [await client.next(), await client.next()];
  all.change(OTHER);
  await client.send(publishLine(/o/, "2"));
  await client.send(giveMeLine(/o/));
  assertEquals((await client.next()).message_body, 2);
  const { nextId } = await all.use.bare.engine.getStream("orders");
  assertEquals(nextId, 2, "nothing more was stored there");
  // One of the two messages was taken back.
  for (const { id } of given) await client.send(ackLine(/o/, id));
  await client.expectError("STALE_DELIVERY");
  assert((await all.use.bare.counts("orders"))[0] === 1);
});

Deno.test("changes of streams are in the log, with the user and what it was", async () => {
  const use = new GuardedUse();
  await using all = new ChangingSessions(use, use.user({ manage: ["*"], publish: ["*"] }));
  await using client = await all.sessions.open();
  await client.ask("createStream", "orders");
  await client.ask("createStream", "orders", {
    stream: { maxMessages: 9 },
    ifDifferent: "update",
  });
  await client.ask("updateStream", "orders", { stream: { maxMessages: 8 } });
  await client.ask("pauseStream", "orders");
  await client.ask("resumeStream", "orders");
  await use.bare.publisher("orders", "p").store("x", "y");
  await client.ask("purgeStream", "orders");
  const follower = use.bare.follower("orders", { name: "worker" });
  await use.bare.publisher("orders", "q").store("z");
  await follower.received(1);
  await client.ask("releasePel", "worker");
  await follower.received(2);
  await follower.reject([2]);
  await use.bare.fence();
  await client.ask("redrive", "orders.dead", { ids: [1] });
  await client.ask("deleteStream", "orders");
  await using lines = all.lines();
  await lines.send(cursorLine("CREATE_STREAM", "lines"));
  await lines.ask(cursorLine("GET_STREAMS"));
  const told = all.sessions.lines.filter((line) =>
    / info /.test(line) && !/session opened/.test(line)
  )
    .map((line) => line.trimEnd().replace(/^\S+ info /, ""));
  assertEquals(told, [
    "stream created stream=orders user=app session=1",
    "stream updated stream=orders user=app session=1",
    "stream updated stream=orders user=app session=1",
    "stream paused stream=orders user=app session=1",
    "stream resumed stream=orders user=app session=1",
    "stream purged stream=orders count=2 user=app session=1",
    "deliveries taken back follower=worker count=1 user=app session=1",
    "dead letters sent back stream=orders.dead count=1 user=app session=1",
    "stream deleted stream=orders count=1 user=app session=1",
    "stream created stream=lines user=app session=2",
  ]);
});
