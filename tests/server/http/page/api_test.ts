/**
 * The page's API over real HTTP: what it shows of streams, messages, dead letters and connections, and
 * what it changes.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, type Connection } from "../../../../client.ts";
import { PageBroker, type PageClient } from "./page_client.ts";

/** Makes dead letters of some messages: every second for one reason, the others for another one. */
async function makeDead(connection: Connection, stream: string, count: number): Promise<void> {
  await connection.cursor().createStream(stream);
  const bodies = Array.from({ length: count }, (_, index) => ({ number: index + 1 }));
  await connection.publisher(stream).sendMessages(bodies);
  let left = count;
  for await (const message of connection.follower(stream).getMessages()) {
    await message.reject(new Error(message.id % 2 === 0 ? "No Such Address" : "mailbox is full"));
    if (--left === 0) break;
  }
}

Deno.test("a stream is created, shown, changed, paused, purged and deleted", async () => {
  await using page = await PageBroker.start();
  const client = page.browse();
  const options = { maxDeliveries: 3, backoffMs: [0] };
  assertEquals((await client.post("/api/streams", { name: "orders", options })).status, 201);
  assertEquals((await client.post("/api/streams", { name: "orders", options })).body, {
    created: false,
  });
  const differs = await client.post("/api/streams", {
    name: "orders",
    options: { maxDeliveries: 4 },
  });
  assertEquals([differs.status, differs.body.code], [409, "STREAM_DIFFERS"]);
  assertEquals((await client.post("/api/streams", { name: "$x" })).body.code, "BAD_STREAM_NAME");
  const changed = await client.ask("PATCH", "/api/streams/orders", { options: { maxMessages: 9 } });
  assertEquals([changed.status, changed.body.options.maxMessages], [200, 9]);
  assertEquals((await client.post("/api/streams/orders/pause")).status, 204);
  for (const body of ["one", "two"]) {
    const sent = await client.post("/api/streams/orders/messages", { kind: "text", body });
    assertEquals(sent.status, 201);
  }
  const { sentences } = await client.read("/api/streams/orders/explain");
  assertStringIncludes(sentences.join(), "paused");
  const shown = await client.read("/api/streams/orders");
  assertEquals([shown.ready, shown.isPaused, shown.dead, shown.history.at.length], [
    2,
    true,
    null,
    1,
  ]);
  assertEquals(shown.options.maxDeliveries, 3);
  assertEquals((await client.post("/api/streams/orders/purge", { dryRun: true })).body, {
    count: 2,
    dryRun: true,
  });
  assertEquals((await client.post("/api/streams/orders/purge")).body.count, 2);
  assertEquals((await client.ask("DELETE", "/api/streams/orders")).body, {
    count: 0,
    dryRun: false,
  });
  assertEquals((await client.get("/api/streams/orders")).body.code, "STREAM_NOT_FOUND");
});

Deno.test("a message by hand arrives as it was written, and what is none is refused", async () => {
  await using page = await PageBroker.start();
  await using connection = await connect({ port: page.broker.port });
  await connection.cursor().createStream("orders");
  const client = page.browse();
  const path = "/api/streams/orders/messages";
  const properties = { headers: { a: "ü" }, key: "k", priority: 7, ttlMs: 60_000, dedupId: "d" };
  await client.post(path, { kind: "json", body: '{"n":[1]}', ...properties });
  await client.post(path, { kind: "bytes", body: "AAH/" });
  const again = await client.post(path, { kind: "text", body: "again", dedupId: "d" });
  assertEquals(again.body, { id: 1, isDuplicate: true });
  const [json, bytes] = await connection.cursor().peek("orders");
  assertEquals([json!.body, json!.key, json!.priority, json!.headers], [{ n: [1] }, "k", 7, {
    a: "ü",
  }]);
  assertEquals(bytes!.body, new Uint8Array([0, 1, 255]));
  const wrong = [
    { kind: "json", body: "{" },
    { kind: "bytes", body: "%" },
    { kind: "html", body: "" },
    { kind: "text" },
    { kind: "text", body: "", key: "" },
    { kind: "text", body: "", priority: 10 },
    { kind: "text", body: "", headers: { a: 1 } },
    { kind: "text", body: "", delay: 5 },
  ];
  for (const body of wrong) {
    const { status, body: { code, detail } } = await client.post(path, body);
    assertEquals([status, code], [400, "BAD_REQUEST"], `${JSON.stringify(body)}: ${detail}`);
  }
  const large = await client.post(path, { kind: "text", body: "x".repeat(1024 * 1024 + 1) });
  assertEquals([large.status, large.body.code], [413, "MESSAGE_TOO_LARGE"]);
  const unknown = await client.post("/api/streams/none/messages", { kind: "text", body: "" });
  assertEquals([unknown.status, unknown.body.code], [404, "STREAM_NOT_FOUND"]);
});

Deno.test("messages are shown page by page, cut, whole, and as bytes that no browser runs", async () => {
  await using page = await PageBroker.start();
  await using connection = await connect({ port: page.broker.port });
  await connection.cursor().createStream("orders");
  const publisher = connection.publisher("orders");
  await publisher.sendMessages(["<script>", "é".repeat(300), new Uint8Array(300)]);
  const client = page.browse();
  const first = await client.read("/api/streams/orders/messages?limit=2&preview=101");
  assertEquals([first.messages.length, first.next], [2, 3]);
  const [script, text] = first.messages;
  assertEquals([script.body, script.kind, script.isCut], ["<script>", "text", false]);
  assertEquals([text.body, text.size, text.isCut], ["é".repeat(50), 600, true]);
  const last = await client.read("/api/streams/orders/messages?from=3&preview=2");
  assertEquals([last.messages[0].body, last.next], ["AAA=", undefined]);
  assertEquals((await client.read("/api/streams/orders/messages/2")).body, "é".repeat(300));
  const { headers, body } = await client.get("/api/streams/orders/messages/1/body");
  assertEquals([body, headers.get("content-type")], ["<script>", "application/octet-stream"]);
  assertMatch(headers.get("content-disposition")!, /^attachment; filename="orders-1.bin"$/);
  for (
    const [path, code] of [
      ["9", "MESSAGE_NOT_FOUND"],
      ["0", "BAD_REQUEST"],
      ["x", "BAD_REQUEST"],
      ["1?limit=1", undefined],
    ]
  ) {
    assertEquals((await client.get(`/api/streams/orders/messages/${path}`)).body.code, code, path);
  }
  for (const query of ["limit=201", "preview=-1", "from=0", "from=1&from=2", "limt=1"]) {
    const { body: { code } } = await client.get(`/api/streams/orders/messages?${query}`);
    assertEquals(code, "BAD_REQUEST", query);
  }
});

/** Asks for page after page of a search; returns the ids that were found, and how many requests it took. */
async function searchAll(client: PageClient, path: string, query: string) {
  const ids: number[] = [];
  let requests = 0;
  let scanned = 0;
  for (let more = ""; requests < 100;) {
    const found = await client.read(`${path}/search?${query}${more}`);
    requests++;
    scanned += found.scanned;
    ids.push(...found.messages.map(({ id }: { id: number }) => id));
    if (found.next === undefined) return { ids, requests, scanned };
    more = `&from=${found.next}&until=${found.until}`;
  }
  throw new Error("the search does not end");
}

Deno.test("a search looks at a limited number of messages, and goes on where it has stopped", async () => {
  await using page = await PageBroker.start();
  await using connection = await connect({ port: page.broker.port });
  await connection.cursor().createStream("orders");
  const publisher = connection.publisher("orders");
  for (let start = 1; start <= 12_000; start += 4000) {
    await publisher.sendMessages(
      Array.from(
        { length: 4000 },
        (_, index) => `order ${start + index}${(start + index) % 1000 === 0 ? " Übergroß" : ""}`,
      ),
    );
  }
  const client = page.browse();
  const wanted = Array.from({ length: 12 }, (_, index) => 1000 * (index + 1));
  const all = await searchAll(client, "/api/streams/orders", "text=ÜBERGROSS".replace("SS", "ß"));
  assertEquals([all.ids, all.scanned], [wanted, 12_000]);
  // No request looks at more than five thousand.
  assert(all.requests >= 3, `${all.requests}`);
  const few = await searchAll(client, "/api/streams/orders", "text=übergroß&limit=5");
  assertEquals(few.ids, wanted);
  assertEquals((await searchAll(client, "/api/streams/orders", "text=nothing")).ids, []);
});

Deno.test("dead letters tell their story; some are sent back, some dropped, and a dry run does nothing", async () => {
  await using page = await PageBroker.start();
  await using connection = await connect({ port: page.broker.port });
  await makeDead(connection, "mails", 10);
  const client = page.browse();
  const { streams } = await client.read("/api/streams?kind=dead");
  assertEquals(streams.map(({ name, ready }: Record<string, unknown>) => [name, ready]), [
    ["mails.dead", 10],
  ]);
  assertEquals((await client.read("/api/streams/mails")).dead, {
    name: "mails.dead",
    messages: 10,
  });
  assertEquals((await client.read("/api/streams/mails.dead")).deadOf, "mails");
  const { messages: [first] } = await client.read("/api/streams/mails.dead/messages?limit=1");
  assertEquals([first.deadLetter.cause, first.deadLetter.reasons, first.deadLetter.stream], [
    "rejected",
    ["mailbox is full"],
    "mails",
  ]);
  const filter = { reason: "such address", cause: "rejected" };
  const dry = await client.post("/api/streams/mails.dead/redrive", { filter, dryRun: true });
  assertEquals([dry.body.matched, dry.body.count, dry.body.scanned], [5, 0, 10]);
  const done = await client.post("/api/streams/mails.dead/redrive", { filter });
  assertEquals([done.body.matched, done.body.count, done.body.next], [5, 5, undefined]);
  assertEquals((await client.read("/api/streams/mails")).ready, 5);
  const drop = { ids: [1, 3, 99] };
  const dryDrop = await client.post("/api/streams/mails.dead/drop", { ...drop, dryRun: true });
  assertEquals([dryDrop.body.matched, dryDrop.body.count], [2, 0]);
  assertEquals((await client.post("/api/streams/mails.dead/drop", drop)).body.count, 2);
  assertEquals((await client.read("/api/streams/mails.dead")).ready, 3);
  // Nothing is swept by mistake.
  for (
    const body of [{}, { filter: { reson: "x" } }, { ids: [] }, { ids: [1], filter: {} }, {
      ids: ["1"],
    }]
  ) {
    for (const verb of ["redrive", "drop"]) {
      const { status } = await client.post(`/api/streams/mails.dead/${verb}`, body);
      assertEquals(status, 400, JSON.stringify(body));
    }
  }
  // What is no dead letter is not sent anywhere.
  const live = await client.post("/api/streams/mails/redrive", { filter: {} });
  assertEquals([live.body.matched, live.body.count], [0, 0]);
});

Deno.test("followers and what they hold are shown, and deliveries are taken back", async () => {
  await using page = await PageBroker.start();
  await using connection = await connect({ port: page.broker.port, drainMs: 0 });
  await connection.cursor().createStream("orders");
  await connection.publisher("orders").sendMessages(["one", "two"]);
  const messages = connection.follower("orders", { name: "mailer", prefetch: 9 })
    .getMessages();
  const held = await messages.next();
  const client = page.browse();
  const { followers: [mailer] } = await client.read("/api/streams/orders/followers");
  assertEquals([mailer.name, mailer.pending, mailer.mayRelease], ["mailer", 2, true]);
  assertEquals(mailer.entries.map(({ id }: { id: number }) => id), [1, 2]);
  assertEquals((await client.post("/api/followers/mailer/release")).body.count, 2);
  assertEquals(
    (await client.post("/api/followers/nobody/release")).body.code,
    "FOLLOWER_NOT_FOUND",
  );
  assert(held.done === false);
});

Deno.test("connections are found and sorted, and closed with a reason; the log tells who did it", async () => {
  await using page = await PageBroker.start(undefined, { logLevel: "warning" });
  const client = page.browse();
  await using other = await connect({
    port: page.broker.port,
    name: "billing",
  });
  const lost = other.status().next();
  const { connections: [billing], matched } = await client.read(
    "/api/connections?search=BILL&sort=client",
  );
  assertEquals([billing.client, billing.protocol, matched], ["billing", "frames", 1]);
  const path = `/api/connections/${billing.id}/close`;
  assertEquals((await client.post(path, { reason: "by the test" })).body, { closed: true });
  const { done } = await lost;
  assertEquals(done, false);
  const gone = await client.post(path);
  assertEquals([gone.status, gone.body.code], [404, "NOT_FOUND"]);
  const { events, next } = await client.read("/api/events?level=info");
  const last = events.at(-1);
  assert(
    events.some(({ message }: { message: string }) => message.includes("closed by an operator")),
    JSON.stringify(events),
  );
  assertEquals([(await client.read(`/api/events?after=${next}`)).events, last.number <= next], [
    [],
    true,
  ]);
  assertEquals((await client.post("/api/log-level", { level: "error" })).status, 204);
  assertEquals((await client.post("/api/log-level", { level: "loud" })).status, 400);
});
