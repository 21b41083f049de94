/**
 * The page's API of what a stream has only if it is asked for: breakers, schedules, lanes, cancelled
 * messages.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../../client.ts";
import { PageBroker } from "./page_client.ts";

Deno.test("a breaker is shown while it is open, and closed by hand", async () => {
  await using page = await PageBroker.start();
  await using connection = await connect({ port: page.broker.port });
  const client = page.browse();
  const options = { breaker: { failures: 2, openMs: 3_600_000 } };
  await client.post("/api/streams", { name: "mails", options });
  const before = await client.read("/api/streams/mails");
  assertEquals([before.breaker, before.isBroken, before.states], [null, false, []]);
  await connection.publisher("mails").sendMessages(["1", "2", "3"]);
  let count = 0;
  for await (const message of connection.follower("mails").getMessages()) {
    await message.nack({ reason: "503", fault: "downstream" });
    if (++count === 2) break;
  }
  const open = await client.read("/api/streams/mails");
  assertEquals([open.breaker.failed, open.breaker.reason], [2, "503"]);
  assert(open.states.includes("broken"));
  const { sentences, cures } = await client.read("/api/streams/mails/explain");
  assert(sentences.some((text: string) => /^The breaker.* is open/.test(text)), sentences.join());
  assert(cures.some(({ kind }: { kind: string }) => kind === "resume"));
  const { streams } = await client.read("/api/streams?kind=stuck");
  assertEquals(streams.map(({ name }: { name: string }) => name), ["mails"]);
  assertEquals((await client.post("/api/streams/mails/resume")).status, 204);
  assertEquals((await client.read("/api/streams/mails")).breaker, null);
});

Deno.test("messages are cancelled by their ids, also those that followers have", async () => {
  await using page = await PageBroker.start();
  await using connection = await connect({ port: page.broker.port, drainMs: 0 });
  const cursor = connection.cursor();
  await cursor.createStream("films");
  await connection.publisher("films").sendMessages(["1", "2", "3"], { lane: "acme" });
  const messages = connection.follower("films", { prefetch: 1 }).getMessages();
  const { value: first } = await messages.next();
  const client = page.browse();
  const shown = await client.read("/api/streams/films/messages/1");
  assertEquals([shown.lane, shown.state], ["acme", "pending"]);
  const dry = await client.post("/api/streams/films/cancel", { ids: [1, 2], dryRun: true });
  assertEquals([dry.body.matched, dry.body.count], [2, 0]);
  const done = await client.post("/api/streams/films/cancel", { ids: [1, 2, 9] });
  assertEquals([done.body.matched, done.body.count], [2, 2]);
  assert(first!.signal.aborted);
  assertEquals((await cursor.getStream("films")).totals.cancelled, 2);
});

Deno.test("schedules are listed, searched and sorted, paused, resumed and deleted", async () => {
  await using page = await PageBroker.start();
  await using connection = await connect({ port: page.broker.port });
  const cursor = connection.cursor();
  for (const stream of ["reports", "feeds"]) await cursor.createStream(stream);
  const body = "x".repeat(1000);
  for (const [name, stream, everyMs] of SCHEDULES) {
    await cursor.putSchedule(name, { stream, body, everyMs });
  }
  const client = page.browse();
  const list = async (query = "") => {
    const { schedules } = await client.read(`/api/schedules${query}`);
    return schedules.map(({ name }: { name: string }) => name);
  };
  assertEquals(await list(), ["nightly", "poll", "weekly"]);
  assertEquals(await list("?sort=next"), ["poll", "nightly", "weekly"]);
  assertEquals(await list("?search=FEED"), ["poll"]);
  assertEquals(await list("?search=n*ly&limit=1"), ["nightly"]);
  const { schedules: [nightly], total } = await client.read("/api/schedules?search=nightly");
  assertEquals([nightly.everyMs, nightly.next.length, nightly.mayManage], [86_400_000, 3, true]);
  assertEquals([nightly.entry, nightly.settings, total], [undefined, undefined, 3]);
  assertEquals((await client.post("/api/schedules/poll/pause")).status, 204);
  assertEquals((await client.read("/api/schedules?search=poll")).schedules[0].isPaused, true);
  assertEquals((await client.post("/api/schedules/poll/resume")).status, 204);
  assertEquals((await client.ask("DELETE", "/api/schedules/poll")).status, 204);
  assertEquals(await list(), ["nightly", "weekly"]);
  const gone = await client.post("/api/schedules/poll/pause");
  assertEquals([gone.status, gone.body.code], [404, "SCHEDULE_NOT_FOUND"]);
  for (const query of ["?sort=body", "?stream=a", "?limit=0"]) {
    assertEquals((await client.get(`/api/schedules${query}`)).status, 400, query);
  }
  const { events } = await client.read("/api/events?level=info");
  const said = events.map(({ message }: { message: string }) => message);
  for (const change of ["schedule paused", "schedule resumed", "schedule deleted"]) {
    assert(said.some((text: string) => text.includes(change)), change);
  }
});

const SCHEDULES = [
  ["nightly", "reports", 86_400_000],
  ["weekly", "reports", 604_800_000],
  ["poll", "feeds", 60_000],
] as const;

Deno.test("lanes are listed and set, and the shared limit of a stream is told", async () => {
  await using page = await PageBroker.start();
  await using connection = await connect({ port: page.broker.port });
  const cursor = connection.cursor();
  await cursor.createStream("films", { sharedLimit: "calls" });
  await cursor.putLimit("calls", { maxPending: 5 });
  const publisher = connection.publisher("films");
  await publisher.sendMessages(["1", "2"], { lane: "acme" });
  await publisher.sendMessage("3", { lane: "bolt" });
  const client = page.browse();
  const path = "/api/streams/films/lanes";
  const { lanes, count, sharedLimit } = await client.read(path);
  assertEquals([lanes.map(({ name }: { name: string }) => name), count], [["acme", "bolt"], 2]);
  assertEquals([sharedLimit.name, sharedLimit.pending, sharedLimit.streams], [
    "calls",
    0,
    ["films"],
  ]);
  const settings = { weight: 2, isPaused: true };
  assertEquals((await client.post(path, { lane: "acme", settings })).status, 204);
  const [acme] = (await client.read(`${path}?by=name&limit=1`)).lanes;
  assertEquals([acme.settings, acme.limitedBy], [settings, "paused"]);
  assertEquals((await client.post(path, { lane: "acme", settings: null })).status, 204);
  assertEquals((await client.read(path)).lanes[0].settings, undefined);
  for (
    const body of [
      { lane: "", settings: null },
      { lane: "acme" },
      { lane: "acme", settings: { weight: 0 } },
      { lane: "acme", settings: { size: 1 } },
    ]
  ) assertEquals((await client.post(path, body)).status, 400, JSON.stringify(body));
  assertEquals((await client.get(`${path}?by=size`)).status, 400);
  assertEquals((await client.get("/api/streams/none/lanes")).status, 404);
});
