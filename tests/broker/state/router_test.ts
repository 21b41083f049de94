/**
 * Which streams a bind matches, now and later.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import { FollowerState } from "../../../src/broker/share/follower_state.ts";
import { Route } from "../../../src/broker/state/route.ts";
import { checkStreamName, Router } from "../../../src/broker/state/router.ts";
import { assertCode } from "../../support/wire/frames.ts";
import { RecordingFollowerSink } from "../../support/broker/recording_sinks.ts";
import { bindOf, type TestBind } from "../../support/broker/test_broker.ts";
import { streamOf } from "../../support/broker/test_stream.ts";

/** A router that counts how often a pattern is matched. */
class CountingRouter extends Router {
  matchCount = 0;

  constructor(...streams: readonly string[]) {
    super((pattern, ignoreCase) => {
      const expression = new RegExp(pattern, ignoreCase ? "i" : "");
      return (name) => {
        this.matchCount++;
        return expression.test(name);
      };
    });
    for (const name of streams) this.addStream(streamOf(name));
  }
}

function follower(bind: TestBind, name = "follower"): FollowerState {
  const sink = new RecordingFollowerSink();
  return new FollowerState({ name, bind: bindOf(bind), messages: 1, bytes: 1, sink });
}

function namesOf(things: Iterable<{ readonly name: string }>): string[] {
  return [...things].map(({ name }) => name);
}

Deno.test("Router.requireStream() finds a stream or throws STREAM_NOT_FOUND with its name", () => {
  const router = new CountingRouter("orders");
  assertEquals(router.requireStream("orders").name, "orders");
  assertEquals(router.getStream("nothing"), undefined);
  const message = assertCode("STREAM_NOT_FOUND", () => router.requireStream("nothing"));
  assertStringIncludes(message, '"nothing"');
});

Deno.test("Router.addFollower() with a direct bind matches the stream of just that name", () => {
  const router = new CountingRouter("order", "orders", "orders.dead");
  assertEquals(namesOf(router.addFollower(follower("orders"))), ["orders"]);
  assertEquals(namesOf(router.addFollower(follower("nothing"))), []);
});

Deno.test("Router.addFollower() with a regex bind matches all streams that it is found in", () => {
  const router = new CountingRouter("hello_world", "world", "Hello", "other");
  assertEquals(namesOf(router.addFollower(follower(/.+_world/))), ["hello_world"]);
  assertEquals(namesOf(router.addFollower(follower(/world/))), ["hello_world", "world"]);
  assertEquals(namesOf(router.addFollower(follower(/hello/i))), ["hello_world", "Hello"]);
});

Deno.test("Router: a regex bind does not mean dead letters unless its pattern says so", () => {
  const router = new CountingRouter("orders", "orders.dead", "undead");
  assertEquals(namesOf(router.addFollower(follower(/orders|undead/))), [
    "orders",
    "orders.dead",
    "undead",
  ]);
  assertEquals(namesOf(router.addFollower(follower(/ord/))), ["orders"]);
  assertEquals(namesOf(router.addFollower(follower(/./))), ["orders", "undead"]);
  assertEquals(namesOf(router.addFollower(follower(/DEAD$/i))), ["orders.dead", "undead"]);
  assertEquals(namesOf(router.addFollower(follower("orders.dead"))), ["orders.dead"]);
  assertEquals(namesOf(new Route(bindOf(/./), router).resolve()), ["orders", "undead"]);
  assertEquals(router.addStream(streamOf("other.dead")).length, 1);
});

Deno.test("Router.addStream() returns the followers that the new stream matches", () => {
  const router = new CountingRouter();
  for (
    const [bind, name] of [["orders", "direct"], [/ord/, "regex"], ["other", "other"]] as const
  ) {
    router.addFollower(follower(bind, name));
  }
  router.addFollower(follower("orders", "second"));
  assertEquals(namesOf(router.addStream(streamOf("orders"))).sort(), [
    "direct",
    "regex",
    "second",
  ]);
  assertEquals(namesOf(router.addStream(streamOf("border"))), ["regex"]);
});

Deno.test("Router.removeFollower() forgets it, and only it", () => {
  const router = new CountingRouter();
  const followers = [follower("orders", "a"), follower("orders", "b"), follower(/ord/, "c")];
  for (const one of followers) router.addFollower(one);
  router.removeFollower(followers[0]!);
  router.removeFollower(followers[2]!);
  router.removeFollower(followers[2]!);
  assertEquals(namesOf(router.addStream(streamOf("orders"))), ["b"]);
});

Deno.test("Router.removeFollower() of a pattern that reads like a name leaves followers of that name", () => {
  const router = new CountingRouter();
  const regex = follower(/orders/, "regex");
  router.addFollower(follower("orders", "direct"));
  router.addFollower(regex);
  router.removeFollower(regex);
  assertEquals(namesOf(router.addStream(streamOf("orders"))), ["direct"]);
});

Deno.test("Route.resolve() follows streams as they come and go", () => {
  const router = new CountingRouter("a1");
  const regex = new Route(bindOf(/^a/), router);
  const direct = new Route(bindOf("a2"), router);
  assertEquals([namesOf(regex.resolve()), namesOf(direct.resolve())], [["a1"], []]);
  const added = streamOf("a2");
  router.addStream(added);
  assertEquals([namesOf(regex.resolve()), namesOf(direct.resolve())], [
    ["a1", "a2"],
    ["a2"],
  ]);
  router.removeStream(added);
  assertEquals([namesOf(regex.resolve()), namesOf(direct.resolve())], [["a1"], []]);
});

Deno.test("Router.removeStream() leaves another stream that has the name by now", () => {
  const router = new CountingRouter();
  const [older, newer] = [streamOf("orders"), streamOf("orders")];
  router.addStream(older);
  router.addStream(newer);
  router.removeStream(older);
  assertEquals(router.getStream("orders"), newer);
  assertEquals([older, newer].map(({ number }) => router.getNumbered(number)), [undefined, newer]);
  router.removeStream(newer);
  assertEquals([router.streamCount, router.getNumbered(newer.number)], [0, undefined]);
});

Deno.test("Route.resolve() matches a pattern when streams have changed, never per message", () => {
  const router = new CountingRouter("a1", "a2", "b");
  const route = new Route(bindOf(/^a/), router);
  for (let message = 0; message < 100; message++) route.resolve();
  assertEquals(router.matchCount, 3);
});

Deno.test("Router refuses binds that are not allowed, before anything is kept", () => {
  const router = new CountingRouter();
  for (const name of ["", "$x", "a/b", "x".repeat(129)]) {
    assertCode("BAD_STREAM_NAME", () => new Route(bindOf(name), router));
    assertCode("BAD_STREAM_NAME", () => router.addFollower(follower(name)));
  }
  for (const routeString of ["", "x".repeat(257)]) {
    const bind = { routeString, bindType: "regex", ignoreCase: false } as const;
    assertCode("BAD_PATTERN", () => new Route(bind, router));
  }
  assertEquals(router.addStream(streamOf("x")), []);
});

Deno.test("Router passes on what the compiler of patterns throws", () => {
  const error = new BrokerError("BAD_PATTERN", "no");
  const router = new Router(() => {
    throw error;
  });
  assertEquals(assertThrows(() => new Route(bindOf(/a/), router)), error);
});

Deno.test("Router compiles a refused pattern once, and keeps no error, whose stack keeps a session", () => {
  let count = 0;
  const router = new Router(() => {
    count++;
    throw new BrokerError("BAD_PATTERN", "no");
  });
  const open = () => assertThrows(() => new Route(bindOf(/a/), router), BrokerError, "no");
  assert(open() !== open());
  assertEquals(count, 1);
});

Deno.test("checkStreamName() throws BAD_STREAM_NAME for names outside the rule", () => {
  checkStreamName("orders.dead");
  assertCode("BAD_STREAM_NAME", () => checkStreamName(".."));
});

Deno.test("Router.streamCount changes with each stream", () => {
  const router = new CountingRouter("a", "b");
  assertEquals(router.streamCount, 2);
  router.removeStream(router.requireStream("a"));
  assertEquals(router.streamCount, 1);
  assertEquals(namesOf(router.streams), ["b"]);
});

Deno.test("Router matches a pattern with a stream once, however many members there are", () => {
  const router = new CountingRouter("a1", "a2", "b");
  for (let count = 0; count < 100; count++) {
    router.addFollower(follower(/^a/));
    new Route(bindOf(/^a/), router).resolve();
  }
  router.addFollower(follower(/^a/i));
  assertEquals([router.matchCount, router.patternCount], [6, 2]);
  router.matchCount = 0;
  assertEquals(router.countByPattern("a3"), 101);
  const added = streamOf("a3");
  assertEquals(router.addStream(added).length, 101);
  assertEquals([router.matchCount, router.countByPattern("a4")], [2, 101]);
  assertEquals(namesOf(new Route(bindOf(/^a/), router).resolve()), ["a1", "a2", "a3"]);
  router.removeStream(added);
  assertEquals(namesOf(router.addFollower(follower(/^a/))), ["a1", "a2"]);
});

Deno.test("Router forgets patterns that nobody is bound to, but for the last ones", () => {
  const router = new CountingRouter("a1");
  for (let index = 0; index < 1000; index++) {
    const one = follower(new RegExp(`^a${index}$`));
    router.addFollower(one);
    const route = new Route(bindOf(new RegExp(`^b${index}$`)), router);
    router.removeFollower(one);
    router.removeFollower(one);
    route.close();
    route.close();
    assertEquals(route.resolve(), []);
  }
  assertEquals(router.patternCount, 64);
});

Deno.test("Router.prepare() matches a pattern step by step, while streams come and go", () => {
  const router = new CountingRouter();
  const streams = Array.from({ length: 1000 }, (_, index) => streamOf(`a${index}`));
  for (const stream of streams) router.addStream(stream);
  const bind = bindOf(/^a.*9$/);
  let turns = 0;
  while (!router.prepare({ bind }, 100)) {
    assertEquals(router.matchCount, 100 * ++turns);
    if (turns === 3) router.removeStream(streams[999]!);
    if (turns !== 3) continue;
    router.addStream(streamOf("a1009"));
    router.addStream(streamOf("b1009"));
    router.matchCount -= 2;
  }
  assertEquals([turns, router.matchCount], [9, 999]);
  const found = namesOf(router.addFollower(follower(/^a.*9$/)));
  assertEquals(router.matchCount, 999, "all of it was done in advance");
  const expected = streams.map(({ name }) => name).filter((name) => /9$/.test(name));
  assertEquals(found.toSorted(), [...expected.slice(0, -1), "a1009"].sort());
  // What was not prepared to the end is done when it is needed.
  assertEquals(router.prepare({ bind: bindOf(/0$/) }, 10), false);
  assertEquals(new Route(bindOf(/0$/), router).resolve().length, 100);
  assertEquals(router.prepare({ bind: bindOf("a") }, 1), true);
});

Deno.test("Router counts steps for matches, and more of them for patterns that are new", () => {
  const router = new CountingRouter("a1", "a2");
  const takes = (act: () => void) => {
    const before = router.steps;
    act();
    return router.steps - before;
  };
  assertEquals(takes(() => router.addFollower(follower("a1"))), 0);
  assertEquals(takes(() => router.addFollower(follower(/^a/))), 144);
  assertEquals(takes(() => router.addFollower(follower(/^a/))), 0);
  assertEquals(takes(() => router.addStream(streamOf("a3"))), 1);
});

Deno.test("Router.prepareStream() matches a name with many patterns step by step, while they come and go", () => {
  const router = new CountingRouter();
  const followers = Array.from({ length: 1000 }, (_, index) => {
    const one = follower(new RegExp(`^a|${index}`), `${index}`);
    router.addFollower(one);
    return one;
  });
  let turns = 0;
  while (!router.prepareStream("a1", 100)) {
    assertEquals(router.matchCount, 100 * ++turns);
    if (turns !== 3) continue;
    // One that was looked at goes, and one comes that was not.
    router.removeFollower(followers[0]!);
    router.addFollower(follower(/a1/, "late"));
  }
  assertEquals(turns, 10);
  router.matchCount = 0;
  assertEquals(router.countByPattern("a1"), 1000);
  const found = namesOf(router.addStream(streamOf("a1")));
  assertEquals([router.matchCount, found.length], [0, 1000]);
  assertEquals([found.includes("0"), found.includes("late")], [false, true]);
  assertEquals([router.prepareStream("a1", 1), router.prepareStream("a2", 10_000)], [true, true]);
  // Names that nobody creates in the end are not remembered for ever, and others are found all the same.
  for (let index = 0; index < 100; index++) router.prepareStream(`b${index}`, 10);
  assertEquals(namesOf(router.addStream(streamOf("b7"))), ["7"]);
});
