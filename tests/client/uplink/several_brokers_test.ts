/**
 * Which broker of several a client tries, in which order, and for how long.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { BrokerError } from "@simplemq/simplemq";
import type { ClientSession } from "../../../src/client/uplink/client_session.ts";
import { SessionOpener } from "../../../src/client/uplink/session_opener.ts";
import { TargetList } from "../../../src/client/uplink/target_list.ts";
import { type Script, ScriptedBrokers, standby } from "../../support/cluster/scripted_brokers.ts";
import { withRandom } from "../support.ts";

const [A, B, C, D] = ["a:1", "b:2", "c:3", "d:4"] as const;
const NEVER = new AbortController().signal;

/** Lets clients in, and tells of its cluster. */
function active(brokers: readonly string[] = [], heartbeatTimeoutMs = 2000): Script {
  return { welcome: { brokers, heartbeatTimeoutMs, heartbeatMs: 500 } };
}

/** A client of the brokers at some addresses. */
function makeOpener(
  brokers: ScriptedBrokers,
  given: readonly string[],
  timeoutMs: number = 10_000,
): SessionOpener {
  const targets = given.map((address) => brokers.target(address));
  const { clock, wait } = brokers;
  return new SessionOpener(targets, { client: "test", timeoutMs, clock, wait });
}

function close(session: ClientSession): Promise<void> {
  return session.close(Promise.resolve());
}

/** Opens a session, and closes it; returns what was tried for it. */
async function connect(brokers: ScriptedBrokers, opener: SessionOpener): Promise<string[]> {
  await close(await opener.open(undefined));
  return brokers.take() as string[];
}

/** Makes one attempt in vain; returns what was tried. */
async function fail(brokers: ScriptedBrokers, opener: SessionOpener): Promise<string[]> {
  await assertRejects(() => opener.open(undefined));
  return brokers.take() as string[];
}

/** Lets a session end with an error; returns how long the client pauses, in all. */
async function end(
  brokers: ScriptedBrokers,
  opener: SessionOpener,
  error: Error | undefined,
  session: { hasServed?: boolean; openedAt?: number } = {},
): Promise<(string | number)[]> {
  await opener.pause({ hasServed: true, openedAt: 0, ...session }, error, NEVER);
  return brokers.take();
}

function notActive(address?: string): BrokerError {
  const details = address === undefined ? {} : { active: address };
  return new BrokerError("NOT_ACTIVE", "another one", { details });
}

Deno.test("a standby is followed by the broker that it names, known or not, once in an attempt", async () => {
  const brokers = new ScriptedBrokers();
  brokers.set({ [A]: standby(C), [B]: standby(A), [C]: standby(D), [D]: active() });
  assertEquals(await connect(brokers, makeOpener(brokers, [A, B])), [A, C, D]);
  // A circle, and one that names itself.
  brokers.set({ [A]: standby(B), [B]: standby(A), [C]: standby(C) });
  const opener = makeOpener(brokers, [A, B, C]);
  assertEquals(await fail(brokers, opener), [A, B, C]);
  // A broker that has just failed is not tried again.
  brokers.set({ [A]: "refused", [B]: standby(A), [C]: active() });
  assertEquals(await connect(brokers, opener), [A, B, C]);
});

Deno.test("what is no address of a broker is passed over", async () => {
  const brokers = new ScriptedBrokers();
  const garbage = [
    "",
    "b",
    "b:",
    ":2",
    "smq://b:2",
    "smqs://t@b:2",
    "b:0",
    "b:65536",
    "::1:2",
    "b 2:2",
  ]
    .concat("x".repeat(10_000) + ":2", "[::1]", "b:2/c", "\0:2");
  for (const address of garbage) {
    brokers.set({ [A]: standby(address), [B]: active(), "b:9090": active() });
    assertEquals(await connect(brokers, makeOpener(brokers, [A, B])), [A, B], address);
  }
  brokers.set({ [A]: active([...garbage, C]), [C]: active() });
  const opener = makeOpener(brokers, [A]);
  await connect(brokers, opener);
  brokers.set({ [A]: "refused" });
  assertEquals(await connect(brokers, opener), [A, C]);
});

Deno.test("brokers that name new ones without an end do not keep a client", async () => {
  const brokers = new ScriptedBrokers();
  let count = 0;
  brokers.onTry = () => {
    const at = `new-${count++}:1`;
    brokers.set({ [A]: standby(at), [`new-${count - 2}:1`]: standby(at) });
  };
  const opener = makeOpener(brokers, [A]);
  assertEquals(await fail(brokers, opener), [A, "new-0:1", "new-1:1", "new-2:1"]);
  const list = new TargetList([brokers.target(A)]);
  for (let index = 0; index < 200; index++) list.find(list.current, `new-${index}:1`);
  assertEquals(list.size, 101);
  assertEquals(list.find(list.current, "new-150:1"), list.inTurn(0)[51]);
});

Deno.test("brokers that a welcome tells are tried, each once, and forgotten when another one leaves them out", async () => {
  const brokers = new ScriptedBrokers();
  brokers.set({ [A]: active(["A:1", "[::1]:7", B, "B:2", C, A]) });
  const opener = makeOpener(brokers, [A, D]);
  assertEquals(await connect(brokers, opener), [A]);
  brokers.set({ [A]: "refused" });
  assertEquals(await fail(brokers, opener), [A, D, "[::1]:7", B, C]);
  brokers.set({ [C]: active([B, C]) });
  assertEquals(await connect(brokers, opener), [A, D, "[::1]:7", B, C]);
  // The given ones stay; now the last one is the first.
  brokers.set({ [C]: "refused" });
  assertEquals(await fail(brokers, opener), [C, A, D, B]);
  brokers.set({ [B]: active([]) });
  assertEquals(await connect(brokers, opener), [C, A, D, B]);
  brokers.set({ [B]: "refused" });
  assertEquals(await fail(brokers, opener), [A, D]);
  assertEquals(opener.address, { hostname: "b", port: 2 });
});

Deno.test("of thousands of brokers that a welcome tells, a hundred are remembered", async () => {
  const brokers = new ScriptedBrokers();
  const told = Array.from({ length: 5000 }, (_, index) => `h${index}:1`);
  brokers.set({ [A]: active(told) });
  const opener = makeOpener(brokers, [A]);
  await connect(brokers, opener);
  brokers.set({ [A]: "refused" });
  assertEquals(await fail(brokers, opener), [A, ...told.slice(0, 100)]);
});

Deno.test("a broker that accepts and does not answer is left after the time that its cluster allows", async () => {
  const brokers = new ScriptedBrokers();
  brokers.set({ [A]: "silent", [B]: "nameless", [C]: active([A, B, C], 700) });
  const opener = makeOpener(brokers, [A, B, C]);
  await close(await opener.open(undefined));
  assertEquals(brokers.durations.slice(0, 2), [2000, 2000], "nothing was told before");
  // A dial that succeeds after all is closed.
  assertEquals(brokers.closedCount, 1);
  brokers.take();
  brokers.clock.pass(60_000);
  brokers.set({ [C]: "refused" });
  await assertRejects(() => opener.open(undefined));
  assertEquals(brokers.durations.slice(1, 3), [700, 700]);
  // A shorter time of the option holds, and a single broker has all of it.
  for (const [given, timeoutMs, limitMs] of [[[A, C], 50, 50], [[A], 5000, 5000]] as const) {
    brokers.take();
    const other = makeOpener(brokers, given, timeoutMs);
    await assertRejects(() => other.open(undefined), Error, `no welcome within ${limitMs} ms`);
    assertEquals(brokers.durations[0], limitMs);
  }
});

Deno.test("who was silent is tried last, and not at all for a moment while another one answers", async () => {
  const brokers = new ScriptedBrokers();
  brokers.set({ [A]: active([A, B], 2000), [B]: standby(A) });
  const opener = makeOpener(brokers, [A]);
  await connect(brokers, opener);
  await end(brokers, opener, new BrokerError("HEARTBEAT_LOST", "silent"));
  brokers.set({ [A]: "silent" });
  assertEquals(await fail(brokers, opener), [B]);
  // It may have woken up, and still be the active one: after a second it gets a moment, then longer ones.
  for (const limitMs of [300, 600, 1200, 2000, 2000]) {
    brokers.clock.pass(1000);
    await assertRejects(() => opener.open(undefined));
    assertEquals(brokers.durations, [0, limitMs]);
    assertEquals(brokers.take(), [B, A]);
  }
  brokers.clock.pass(999);
  assertEquals(await fail(brokers, opener), [B]);
  brokers.clock.pass(1);
  brokers.set({ [A]: active([A, B]) });
  assertEquals(await connect(brokers, opener), [B, A]);
  // It has answered, and is the first again.
  assertEquals(await connect(brokers, opener), [A]);
  // Where no other one answers, there is nobody to wait for.
  await end(brokers, opener, new BrokerError("HEARTBEAT_LOST", "silent"));
  brokers.set({ [B]: "refused" });
  assertEquals(await connect(brokers, opener), [B, A]);
});

Deno.test("a broker that was silent is not asked by the name that its cluster has for it either", async () => {
  const brokers = new ScriptedBrokers();
  // A program says "localhost:1", the cluster "127.0.0.1:1", for one and the same.
  brokers.set({ [A]: active([C, B], 2000), [B]: standby(C), [C]: "silent" });
  const opener = makeOpener(brokers, [A, B]);
  await connect(brokers, opener);
  await end(brokers, opener, new BrokerError("HEARTBEAT_LOST", "silent"));
  brokers.set({ [A]: "silent" });
  assertEquals(await fail(brokers, opener), [B]);
  brokers.set({ [B]: active([B, C]) });
  assertEquals(await connect(brokers, opener), [B]);
});

Deno.test("where nobody answers in time, such as over a slow network, there is more of it", async () => {
  const brokers = new ScriptedBrokers();
  brokers.set({ [A]: "nameless", [B]: "silent" });
  const opener = makeOpener(brokers, [A, B]);
  for (const limitMs of [2000, 4000, 8000, 10_000, 10_000]) {
    await assertRejects(() => opener.open(undefined), AggregateError);
    assertEquals(brokers.durations, [limitMs, limitMs]);
    brokers.take();
  }
  brokers.set({ [B]: active() });
  await connect(brokers, opener);
  brokers.set({ [B]: "silent" });
  await assertRejects(() => opener.open(undefined), AggregateError);
  assertEquals(brokers.durations, [2000, 2000]);
});

Deno.test("a session that ends because another broker is active is followed by one with that broker, at once", async () => {
  const brokers = new ScriptedBrokers();
  brokers.set({ [A]: active([A, B, C]), [B]: active([A, B, C]), [C]: active([A, B, C]) });
  const opener = makeOpener(brokers, [A]);
  await connect(brokers, opener);
  assertEquals(await end(brokers, opener, notActive(C)), []);
  assertEquals(await connect(brokers, opener), [C]);
  await withRandom(0.5, async () => {
    // Nobody is named, or nobody else; a session that was none.
    assertEquals(await end(brokers, opener, notActive()), [50]);
    assertEquals(await connect(brokers, opener), [C]);
    assertEquals(await end(brokers, opener, notActive(C)), [50]);
    const openedAt = brokers.clock.now() - 100;
    assertEquals(await end(brokers, opener, notActive(B), { openedAt }), [50]);
    assertEquals(await connect(brokers, opener), [B]);
    assertEquals(await end(brokers, opener, notActive(A), { hasServed: false }), [100]);
    assertEquals(await connect(brokers, opener), [A]);
    const closed = new BrokerError("CLOSED_BY_OPERATOR", "enough");
    assertEquals(await end(brokers, opener, closed), [1500]);
  });
});

Deno.test("attempts follow each other within 250 ms where there are several brokers, for as long as it takes", async () => {
  const brokers = new ScriptedBrokers();
  brokers.set({ [A]: standby(), [B]: "refused" });
  for (const [share, pauses] of [[0, [50, 50, 50, 50]], [0.999, [100, 200, 250, 250]]] as const) {
    await withRandom(share, async () => {
      let count = 0;
      brokers.onTry = () => ++count === 200 && brokers.set({ [A]: active() });
      brokers.set({ [A]: standby() });
      const opener = makeOpener(brokers, [A, B]);
      await close(await opener.reopen(NEVER, () => {}));
      const tries = brokers.take();
      assert(count >= 200);
      assertEquals(tries.slice(0, 12), pauses.flatMap((ms) => [A, B, share * (ms - 50) + 50]));
      assert(tries.every((one) => typeof one === "string" || one >= 50 && one <= 250));
    });
  }
  // A single one that says that it is a standby has others beside it; a single one that is away has not.
  await withRandom(1, async () => {
    let count = 0;
    brokers.onTry = () => ++count === 7 && brokers.set({ [A]: active() });
    brokers.set({ [A]: standby() });
    await close(await makeOpener(brokers, [A]).reopen(NEVER, () => {}));
    assertEquals(brokers.take(), [A, 100, A, 200, A, 250, A, 250, A, 250, A, 250, A]);
    count = 0;
    brokers.set({ [A]: "refused" });
    await close(await makeOpener(brokers, [A]).reopen(NEVER, () => {}));
    assertEquals(brokers.take(), [A, 100, A, 200, A, 400, A, 800, A, 1600, A, 3200, A]);
  });
});

Deno.test("a first connection waits for an election as long as for a broker, and tells why each one failed", async () => {
  const brokers = new ScriptedBrokers();
  brokers.set({
    [A]: standby(B),
    [B]: "refused",
    [C]: { code: "TOO_MANY_CONNECTIONS", details: {} },
  });
  const opener = makeOpener(brokers, [A, B, C], 3000);
  const began = brokers.clock.now();
  const error = await assertRejects(() => opener.openFirst(undefined), AggregateError);
  const ms = brokers.clock.now() - began;
  assert(ms >= 3000 && ms < 3250, `${ms} ms`);
  assertEquals(
    error.message,
    "Cannot connect to a broker at a:1: this broker does not serve; " +
      "Cannot connect to a broker at b:2: connection refused; " +
      "Cannot connect to a broker at c:3: this broker does not serve",
  );
  assertEquals(error.errors.map(({ code }) => code), [
    "NOT_ACTIVE",
    undefined,
    "TOO_MANY_CONNECTIONS",
  ]);
  assertEquals(error.errors[0].details, { active: B });
  // It comes back as soon as there is one; without a cluster it does not wait.
  let count = 0;
  brokers.onTry = (at) => at === A && ++count === 4 && brokers.set({ [B]: active() });
  await close(await opener.openFirst(undefined));
  brokers.take();
  brokers.set({ [A]: "refused", [B]: "refused" });
  await assertRejects(() => opener.openFirst(undefined), AggregateError);
  assertEquals(brokers.take(), [B, C, A]);
});

Deno.test("only the active broker looks at tokens: what it refuses is refused, whatever standbys say", async () => {
  const brokers = new ScriptedBrokers();
  brokers.set({ [A]: { code: "UNAUTHORIZED", details: {} }, [B]: standby(A) });
  const opener = makeOpener(brokers, [A, B]);
  for (const open of [() => opener.openFirst(undefined), () => opener.reopen(NEVER, () => {})]) {
    const { code } = await assertRejects(open, BrokerError);
    assertEquals([code, brokers.take()], ["UNAUTHORIZED", [A, B]]);
  }
});

Deno.test("a client of the command line says that a standby will do, others do not", async () => {
  const brokers = new ScriptedBrokers();
  brokers.set({ [A]: active() });
  const options = { client: "test", timeoutMs: 1000, clock: brokers.clock, wait: brokers.wait };
  for (const standby of [true, false, undefined]) {
    const opener = new SessionOpener([brokers.target(A)], { ...options, standby });
    await close(await opener.open(undefined));
  }
  assertEquals(brokers.hellos.map(({ standby }) => standby), [true, undefined, undefined]);
});
