import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import { assertCode, assertCodeLater } from "../../support/wire/frames.ts";
import { single } from "../../engine/engine_use.ts";
import { GuardedUse } from "./guarded_use.ts";
import { Permissions } from "../../../src/server/access/permissions.ts";

for (const method of ["tick", "tend", "close", "watchStreams"] as const) {
  Deno.test(`${method} of a guarded engine is for nobody`, () => {
    const all = new GuardedUse();
    const { guarded } = all.session(all.user({ manage: ["*"] }));
    const call = guarded[method] as (argument: unknown) => unknown;
    assertThrows(() => call.call(guarded, 0), Error, `Cannot call ${method}`);
  });
}

Deno.test("the figures of all streams together are for no session", () => {
  const all = new GuardedUse();
  const { guarded } = all.session(all.user({ inspect: ["a*"] }));
  assertThrows(() => guarded.counters, Error, "Cannot call counters");
});

Deno.test("a refusal has the verb, the stream and the user, and does not tell whether it exists", async () => {
  const all = new GuardedUse();
  await all.bare.create("orders");
  const { guarded, use } = all.session(all.user({ publish: ["other"] }));
  const check = async (act: (name: string) => unknown, sentence: string) => {
    for (const name of ["orders", "missing"]) {
      const call = async () => void await act(name);
      const expected = `Cannot ${sentence.replaceAll("?", name)}`;
      const error = await assertRejects(call, BrokerError, expected);
      assertEquals(error.message, expected, "all of it");
      assertEquals([error.code, error.fatal], ["FORBIDDEN", false]);
    }
  };
  const none = 'user "app" has no permission to';
  await check((name) => use.publisher(name), `publish to "?": ${none} publish to it`);
  await check((name) => use.follower(name), `follow "?": ${none} follow it`);
  await check((name) => guarded.peek(name, 1, 1), `inspect "?": ${none} inspect it`);
  await check((name) => guarded.explain(name), `inspect "?": ${none} inspect it`);
  await check((name) => guarded.deleteStream(name), `manage "?": ${none} manage it`);
  await check((name) => guarded.createStream(name), `create "?": ${none} manage it`);
  await check(
    (name) => guarded.getStream(name),
    `see "?": ${none} inspect, publish to, follow or manage it`,
  );
  await check((name) => use.follower(new RegExp(name)), `follow /?/: ${none} follow any stream`);
});

Deno.test("what is forbidden costs no search", async () => {
  const all = new GuardedUse();
  await all.bare.create("a", "b");
  const { guarded } = all.session(all.user({ inspect: ["*"] }));
  const before = guarded.steps;
  const bind = { routeString: "a+b?c*", bindType: "regex", ignoreCase: false } as const;
  assert(guarded.prepare({ kind: "publisher", bind }, 1));
  assert(guarded.prepare({ kind: "follower", bind }, 1));
  assert(guarded.prepareStream("c", 1));
  assertEquals(guarded.steps, before);
});

Deno.test("a publisher's identity is not for another user, nor for an administrator's session", async () => {
  const all = new GuardedUse();
  await all.bare.create("orders");
  const one = all.session(all.user({ publish: ["*"] }, {}, "one")).use.publisher("orders", "id");
  await one.store("x");
  const { use: two } = all.session(all.user({ publish: ["*"] }, {}, "two"));
  assertCode("FORBIDDEN", () => two.publisher("orders", "id"));
  one.port.lose();
  assertCode("FORBIDDEN", () => two.publisher("orders", "id"));
  // A guard names the user, whatever a session says.
  assertCode("FORBIDDEN", () => two.publisher("orders", "id", { owner: "one" }));
});

Deno.test("a redriven message goes where its story says, and nobody can write a story", async () => {
  const all = new GuardedUse();
  await all.bare.create("orders", "orders.dead", "secret");
  await all.bare.publisher("orders.dead", "p").store("no story");
  const { guarded } = all.session(all.user({ manage: ["orders.dead"] }));
  assertEquals(await guarded.redrive("orders.dead", [1]), { count: 0, skipped: 1 });
  await assertCodeLater("FORBIDDEN", () => guarded.redrive("secret", [1]));
});

Deno.test("members that lost their permission are closed in the same turn", async () => {
  const all = new GuardedUse();
  await all.bare.create("orders", "other");
  const user = all.user({ publish: ["*"], follow: ["*"] });
  const { guarded, use } = all.session(user);
  const publisher = use.publisher("orders", "p");
  const kept = use.publisher("other", "q");
  const follower = use.follower("orders", { reportsBegin: true });
  await publisher.store("1", "2");
  await follower.received(2);
  follower.port.begin([single(1)]);
  user.permissions = new Permissions({ publish: ["other"], follow: ["oth*"] });
  guarded.reconsider();
  const sentence = (action: string) =>
    `Cannot ${action} "orders": user "app" has no permission to ${action} it`;
  assertEquals(follower.sink.ends.map(({ message }) => message), [sentence("follow")]);
  assertEquals(publisher.sink.ends.map(({ message }) => message), [sentence("publish to")]);
  assertEquals(follower.sink.revoked, [`1+2 ${sentence("follow")}`]);
  publisher.send("late");
  assertEquals((await publisher.outcomes()).at(-1), "FORBIDDEN");
  await kept.store("goes on");
  assertEquals(kept.sink.ends, []);
  const other = all.bare.follower("orders", { name: "other" });
  assertEquals((await other.received(2)).sort(), ["orders:1×2 1", "orders:2×1 2"]);
  // What has ended stays ended, although it would be allowed again.
  user.permissions = new Permissions({ publish: ["*"], follow: ["*"] });
  guarded.reconsider();
  publisher.send("too late");
  assertEquals((await publisher.outcomes()).at(-1), "FORBIDDEN");
  publisher.port.close();
  await use.publisher("orders", "p").store("opened again");
});

Deno.test("patterns find their streams anew when permissions change", async () => {
  const all = new GuardedUse();
  await all.bare.create("a-1", "b-1", "c-1");
  const user = all.user({ publish: ["a*"], follow: ["a*", "b*"] });
  const { guarded, use } = all.session(user);
  const publisher = use.publisher(/-/, "p");
  const follower = use.follower(/-/, { messages: 100 });
  await publisher.store("x");
  await all.bare.publisher("b-1", "q").store("y");
  await follower.received(2);
  user.permissions = new Permissions({ publish: ["c*"], follow: ["a*", "c*"] });
  guarded.reconsider();
  assertEquals(follower.sink.revoked, ['2+1 user "app" may not follow its stream any more']);
  assertEquals(follower.sink.ends, []);
  await publisher.store("z");
  assertEquals(await publisher.outcomes(), ["a-1:1", "c-1:1"]);
  assertEquals((await follower.received(3)).at(-1), "c-1:1×1 z");
  assertEquals((await all.bare.counts("b-1")).slice(0, 3), [1, 0, 0]);
  await all.bare.create("b-2", "c-2");
  assertEquals((await all.bare.counts("b-2"))[2], 0);
  assertEquals((await all.bare.counts("c-2"))[2], 1);
  // Without any permission of its kind it has no reason to be open.
  user.permissions = new Permissions({ publish: ["c*"] });
  guarded.reconsider();
  assertEquals(follower.sink.ends.map(({ code }) => code), ["FORBIDDEN"]);
  assertEquals((await all.bare.counts("c-2"))[2], 0);
});

Deno.test("what did not change, and what has ended, is left alone", async () => {
  const all = new GuardedUse();
  await all.bare.create("a-1", "b-1");
  const user = all.user({ follow: ["a*", "b-1"], publish: ["a*"] });
  const { guarded, use } = all.session(user);
  const follower = use.follower(/-/);
  const closed = use.follower("b-1", { name: "closed" });
  const lost = use.publisher("a-1", "p");
  closed.port.close();
  lost.port.lose();
  const before = guarded.steps;
  user.permissions = new Permissions({ follow: ["b-1", "a*"], manage: ["*"] });
  guarded.reconsider();
  assertEquals(guarded.steps, before, "no search");
  user.permissions = new Permissions({});
  guarded.reconsider();
  assertEquals([follower.sink.ends.length, closed.sink.ends.length], [1, 0]);
  assertEquals(lost.sink.ends, []);
});

Deno.test("a refusal is written with the verb that is missing", async () => {
  const all = new GuardedUse();
  await all.bare.create("orders");
  const { guarded } = all.session(all.user({ publish: ["orders"] }));
  await assertCodeLater("FORBIDDEN", () => guarded.createStream("new"));
  await assertCodeLater("FORBIDDEN", () => guarded.purgeStream("orders"));
  await assertCodeLater("FORBIDDEN", () => guarded.getStream("other"));
  await assertCodeLater("FORBIDDEN", () => guarded.peek("orders", 1, 1));
  assertEquals(all.lines, [
    "warning a user was refused user=app verb=manage stream=new count=1",
    "warning a user was refused user=app verb=any stream=other count=1",
    "warning a user was refused user=app verb=inspect stream=orders count=1",
  ]);
});

Deno.test("refusals are written once a minute for each user and verb, with their number", () => {
  const all = new GuardedUse();
  const { use } = all.session(all.user({}));
  const other = all.session(all.user({}, {}, "other"));
  const refuse = (count: number) => {
    for (let tries = 0; tries < count; tries++) assertCode("FORBIDDEN", () => use.publisher("a"));
  };
  refuse(3);
  assertCode("FORBIDDEN", () => use.follower("b"));
  assertCode("FORBIDDEN", () => other.use.follower("c"));
  assertEquals(all.lines, [
    "warning a user was refused user=app verb=publish stream=a count=1",
    "warning a user was refused user=app verb=follow stream=b count=1",
    "warning a user was refused user=other verb=follow stream=c count=1",
  ]);
  all.lines.length = 0;
  all.clock.now += 59_999;
  refuse(1);
  all.audit.tick();
  assertEquals(all.lines, []);
  all.clock.now += 1;
  all.audit.tick();
  assertEquals(all.lines, ["warning a user was refused user=app verb=publish stream=a count=3"]);
  refuse(2);
  all.clock.now += 60_000;
  refuse(1);
  assertEquals(all.lines.slice(1), [
    "warning a user was refused user=app verb=publish stream=a count=3",
  ]);
  refuse(1);
  all.audit.end();
  all.audit.end();
  assertEquals(all.lines.length, 3, "what is left, once");
});

Deno.test("refusals of very many users are counted for some of them, and none is lost", () => {
  const all = new GuardedUse();
  const users = Array.from({ length: 1500 }, (_, index) => all.user({}, {}, `user-${index}`));
  for (const user of users) {
    for (const _ of [1, 2]) {
      assertCode("FORBIDDEN", () => all.session(user).use.publisher("a"));
    }
  }
  all.audit.end();
  const counts = all.lines.map((line) => Number(line.split("count=")[1]));
  assertEquals(counts.reduce((sum, count) => sum + count), 3000);
});
