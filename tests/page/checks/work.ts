/**
 * What an operator does with the page: streams, messages, dead letters, connections.
 *
 * @module
 */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { SCRIPT_BODY, seed, startBroker } from "../full_broker.ts";
import { Chromium } from "../watched_page.ts";

Deno.test("a stream is created, changed, paused, purged and deleted", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}/#/streams`);
  const { page } = watched;
  const cursor = connection.cursor();
  await page.getByRole("heading", { level: 1, name: "Streams" }).click();
  await page.keyboard.press("n");
  const dialog = page.locator("dialog");
  await dialog.getByLabel("Name").fill("no/good");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText("(BAD_STREAM_NAME)").waitFor();
  await dialog.getByLabel("Name").fill("mail");
  await dialog.locator("summary").click();
  await dialog.getByLabel("Deliveries at most").fill("many");
  await dialog.getByLabel("Time to live").fill("soon");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText(/Deliveries at most: "many".*Time to live: "soon"/).waitFor();
  await dialog.getByLabel("Deliveries at most").fill("3");
  await dialog.getByLabel("Time to live").fill("2 h");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { level: 1, name: "mail", exact: true }).waitFor();
  const made = await cursor.getStream("mail");
  assertEquals([made.options.maxDeliveries, made.options.ttlMs], [3, 7_200_000]);

  await page.getByRole("link", { name: "Options" }).click();
  await page.getByRole("button", { name: "Change" }).click();
  await dialog.getByLabel("Messages at most").fill("1000");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("cell", { name: "1,000" }).waitFor();
  assertEquals((await cursor.getStream("mail")).options.maxMessages, 1000);

  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Resume" }).waitFor();
  assertEquals((await cursor.getStream("mail")).isPaused, true);

  await connection.publisher("mail").sendMessages(["one", "two", "three"]);
  await page.getByRole("button", { name: "Purge" }).click();
  await dialog.getByText('3 messages of the stream "mail"').waitFor();
  await page.keyboard.press("Escape");
  assertEquals((await cursor.getStream("mail")).ready, 3);
  await page.getByRole("button", { name: "Purge" }).click();
  await dialog.getByRole("button", { name: "Purge 3 messages" }).click();
  await page.getByText('3 messages of "mail" removed.').waitFor();
  assertEquals((await cursor.getStream("mail")).ready, 0);

  await page.getByRole("button", { name: "Delete" }).click();
  await dialog.getByRole("button", { name: "Delete mail with 0 messages" }).click();
  await page.getByRole("heading", { level: 1, name: "Streams" }).waitFor();
  await assertRejects(() => cursor.getStream("mail"), Error, "mail");
  watched.assertClean(/status of 400/);
});

Deno.test("limits and a breaker are set in the options of a stream, and removed", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await using chromium = await Chromium.launch();
  const cursor = connection.cursor();
  await cursor.createStream("mail");
  const watched = await chromium.open(`${broker.address}/#/streams/mail/options`);
  const { page } = watched;
  const dialog = page.locator("dialog");
  await page.getByRole("button", { name: "Change" }).click();
  await dialog.getByLabel("Rate of deliveries").fill("ten a second");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText(/Rate of deliveries: "ten a second" is not a number in a time/).waitFor();
  await dialog.getByLabel("Rate of deliveries").fill("10/s");
  await dialog.getByLabel("Each lane: pending").fill("2");
  await dialog.getByLabel("Breaker: failures").fill("5");
  await dialog.getByLabel("Breaker: share").fill("25 %");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("cell", { name: "10 / 1 s" }).waitFor();
  await page.getByRole("cell", { name: "25 %" }).waitFor();
  const limited = (await cursor.getStream("mail")).options;
  assertEquals([limited.rate, limited.laneLimits, limited.breaker], [
    { count: 10, perMs: 1000 },
    { maxPending: 2 },
    { failures: 5, share: 0.25 },
  ]);
  await page.getByRole("button", { name: "Change" }).click();
  await dialog.getByLabel("Rate of deliveries").fill("none");
  await dialog.getByLabel("Each lane: pending").fill("none");
  await dialog.getByLabel("Breaker: failures").fill("none");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("cell", { name: "10 / 1 s" }).waitFor({ state: "detached" });
  const free = (await cursor.getStream("mail")).options;
  assertEquals([free.rate, free.laneLimits, free.breaker], [null, null, null]);
  watched.assertClean();
});

Deno.test("a breaker is closed, a message cancelled, a schedule paused and deleted", async () => {
  await using broker = await startBroker();
  await using connection = await seed(broker);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}/#/streams/calls`);
  const { page } = watched;
  const cursor = connection.cursor();
  const dialog = page.locator("dialog");
  await page.getByText(/breaker open since .*: 2 of 2 deliveries failed/).waitFor();
  await page.getByRole("button", { name: "Close breaker", exact: true }).click();
  await page.getByText('The breaker of "calls" is closed').waitFor();
  await page.getByText(/breaker open since/).waitFor({ state: "detached" });
  assertEquals((await cursor.getStream("calls")).breaker, undefined);

  await page.getByRole("link", { name: "Messages", exact: true }).click();
  await page.getByRole("button", { name: "Message 3", exact: true }).click();
  await dialog.getByText("acme", { exact: true }).waitFor();
  await dialog.getByRole("button", { name: "Cancel …" }).click();
  await page.getByRole("button", { name: "Cancel message 3" }).click();
  await page.getByText('1 message of "calls" cancelled.').waitFor();
  assertEquals((await cursor.getStream("calls")).totals.cancelled, 1);

  await page.getByRole("link", { name: "Lanes", exact: true }).click();
  await page.getByRole("button", { name: "Set lane acme" }).click();
  await dialog.getByLabel("Weight").fill("4");
  await dialog.getByLabel("Deliver nothing of it").check();
  await dialog.getByRole("button", { name: "Set", exact: true }).click();
  await page.getByRole("cell", { name: "weight 4, paused" }).waitFor();
  await page.getByRole("button", { name: "Set lane acme" }).click();
  await dialog.getByLabel("Weight").fill("");
  await dialog.getByLabel("Rate of deliveries").fill("5/s");
  await dialog.getByRole("button", { name: "Set", exact: true }).click();
  await page.getByRole("cell", { name: "rate 5 / 1 s, paused" }).waitFor();
  const [first] = await cursor.getLanes("calls");
  assertEquals(first?.settings, { isPaused: true, rate: { count: 5, perMs: 1000 } });

  await page.keyboard.press("g");
  await page.keyboard.press("h");
  await page.getByRole("button", { name: "Pause nightly-report" }).click();
  await page.getByRole("button", { name: "Resume nightly-report" }).click();
  await page.getByRole("button", { name: "Delete nightly-report" }).click();
  await dialog.getByRole("button", { name: "Delete nightly-report" }).click();
  await page.getByText('Schedule "nightly-report" is deleted.').waitFor();
  assertEquals((await cursor.getSchedules()).map(({ name }) => name), ["monthly", "poll"]);
  watched.assertClean();
});

Deno.test("a message is published by hand, found, and never read as HTML", async () => {
  await using broker = await startBroker();
  await using connection = await seed(broker);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}/#/publish?stream=audit`);
  const { page } = watched;
  await page.getByRole("radio", { name: "JSON" }).check();
  await page.getByLabel("Body", { exact: true }).fill("{no json");
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByText("Cannot publish: the body is no JSON").waitFor();
  await page.getByLabel("Body", { exact: true }).fill('{"total": 12.5}');
  await page.getByLabel("Key", { exact: true }).fill("customer-9");
  await page.getByLabel("Priority", { exact: true }).fill("7");
  await page.getByLabel("Dedup id", { exact: true }).fill("hand-1");
  await page.getByRole("button", { name: "Add a header" }).click();
  await page.getByLabel("Name of the header").fill("origin");
  await page.getByLabel("Value of the header").fill("by hand");
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByText("Stored as message 1 of audit.").waitFor();
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByText("This dedup id was stored before").waitFor();
  const [message] = await connection.cursor().peek("audit");
  assertEquals(message?.body, { total: 12.5 });
  assertEquals([message?.key, message?.priority, message?.headers], ["customer-9", 7, {
    origin: "by hand",
  }]);

  await watched.visit("#/streams/mail/messages?text=onerror", "mail");
  await page.getByRole("cell", { name: "<img src=x" }).waitFor();
  await page.getByRole("button", { name: /^Message/ }).click();
  await page.locator("dialog pre").getByText(SCRIPT_BODY, { exact: true }).waitFor();
  await page.locator("dialog").getByRole("radio", { name: "Bytes" }).check();
  assertMatch(await page.locator("dialog pre").innerText(), /^000000 {2}3c 69 6d 67 20 73 72 63/);
  assertEquals(await page.locator("main img, dialog img").count(), 0);
  watched.assertClean();
});

Deno.test("a search over many messages tells how far it is, and stops", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("big");
  const publisher = connection.publisher("big");
  for (let part = 0; part < 12; part += 1) {
    publisher.sendMessages(Array.from({ length: 2000 }, (_, index) => `body ${part}-${index}`))
      .catch(() => {});
  }
  await publisher.flush();
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}/#/streams/big/messages`);
  const { page } = watched;
  await page.getByText("50 messages shown").waitFor();
  let asked = 0;
  const gate = Promise.withResolvers<void>();
  await page.route("**/search?**", async (route) => {
    asked += 1;
    if (asked === 2) await gate.promise;
    await route.continue().catch(() => {});
  });
  await page.getByLabel("Body contains").fill("nowhere to be found");
  await page.getByRole("button", { name: "Search" }).click();
  // A step ends by its time, too: on a busy machine it may be one message.
  await page.getByText(/messages? scanned, 0 found/).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("– stopped").waitFor();
  gate.resolve();
  assertEquals(asked, 2);
  await page.getByRole("button", { name: "Search on" }).click();
  await page.getByText("24,000 messages scanned, 0 found").or(
    page.getByText(/^\d+,\d+ messages scanned, 0 found$/),
  )
    .first().waitFor();
  await page.getByRole("button", { name: "Search on" }).waitFor({ state: "hidden" });

  await page.getByLabel("Body contains").fill("body 11-1999");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("button", { name: "Message 24000" }).waitFor();
  watched.assertClean();
});

Deno.test("dead letters tell their story, are counted, and go back", async () => {
  await using broker = await startBroker();
  await using connection = await seed(broker);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}/#/dead`);
  const { page } = watched;
  const cursor = connection.cursor();
  const before = await cursor.getStream("mail.dead");
  await page.getByRole("link", { name: "mail", exact: true }).click();
  await page.getByRole("button", { name: "Message 1", exact: true }).click();
  const dialog = page.locator("dialog");
  await dialog.getByText("It was message").waitFor();
  await dialog.getByText("The last follower was mailer-1.").waitFor();
  await dialog.getByRole("listitem").getByText("mailbox full").waitFor();
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Redrive …" }).click();
  assertEquals(await dialog.getByRole("button", { name: /^Redrive/ }).count(), 0);
  await dialog.getByLabel("Reason contains").fill("550");
  await dialog.getByRole("button", { name: "Count" }).click();
  await dialog.getByText("4 messages would be sent back.").waitFor();
  assertEquals((await cursor.getStream("mail.dead")).ready, before.ready);
  await dialog.getByLabel("Reason contains").fill("550 no such");
  assertEquals(await dialog.getByRole("button", { name: /^Redrive/ }).count(), 0);
  await dialog.getByRole("button", { name: "Count" }).click();
  await dialog.getByRole("button", { name: "Redrive 4 messages" }).click();
  await page.getByText('4 messages of "mail.dead" sent back.').waitFor();
  assertEquals((await cursor.getStream("mail.dead")).ready, before.ready - 4);

  await page.getByRole("button", { name: "Refresh" }).click();
  await page.getByRole("checkbox", { name: "Choose message 1", exact: true }).check();
  await page.getByRole("button", { name: "Drop 1 chosen message" }).click();
  await dialog.getByRole("button", { name: "Drop message 1" }).click();
  await page.getByText('1 message of "mail.dead" dropped.').waitFor();
  assertEquals((await cursor.getStream("mail.dead")).ready, before.ready - 5);
  watched.assertClean();
});

Deno.test("a follower's messages are released, and a connection is closed", async () => {
  await using broker = await startBroker();
  await using connection = await seed(broker);
  await using other = await broker.connect();
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}/#/streams/mail/followers`);
  const { page } = watched;
  const held = (await other.cursor().getPel("mailer-1")).length;
  await page.getByRole("button", { name: "Release" }).click();
  await page.getByRole("button", { name: "Release the messages of mailer-1" }).click();
  await page.getByText(`${held} messages of "mailer-1" ready again.`).waitFor();

  await watched.visit("#/connections", "Connections");
  await page.getByRole("button", { name: "Close connection 1", exact: true }).click();
  await page.locator("dialog").getByLabel("Reason").fill("maintenance");
  await page.locator("dialog").getByRole("button", { name: "Close connection 1" }).click();
  await page.getByText("Connection 1 is closed.").waitFor();
  await watched.visit("#/events", "Events");
  await page.getByText("maintenance").first().waitFor();
  watched.assertClean();
  await connection.close().catch(() => {});
});
