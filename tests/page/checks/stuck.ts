/**
 * Streams that are stuck: the page names them, tells why, and offers what mends it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { seed, startBroker } from "../full_broker.ts";
import { Chromium } from "../watched_page.ts";

Deno.test("beside why messages wait stands what mends it", async () => {
  await using broker = await startBroker();
  await using connection = await seed(broker);
  await using other = await broker.connect();
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}/#/streams/thumbnails`);
  const { page } = watched;
  const cursor = other.cursor();
  const reasons = page.locator(".reasons li");
  const dialog = page.locator("dialog");
  const named = (name: string) => page.getByRole("button", { name, exact: true });
  await reasons.filter({ hasText: "The stream is paused" }).getByRole("button").click();
  await dialog.getByRole("button", { name: "Resume thumbnails" }).click();
  await page.getByText('Stream "thumbnails" delivers again.').waitFor();
  assertEquals((await cursor.getStream("thumbnails")).isPaused, false);
  await reasons.getByRole("link", { name: "Connections" }).waitFor();

  await watched.visit("#/streams/mail", "mail");
  const holder = reasons.filter({ hasText: "Follower “mailer-1” at seeds, 127.0.0.1:" });
  await holder.getByText("it is the only follower: they wait for it").waitFor();
  await reasons.getByRole("link", { name: "Dead letters" }).waitFor();
  await watched.assertAccessible("reasons");
  await holder.getByRole("button", { name: "Look at the message" }).click();
  await dialog.getByRole("link", { name: "mailer-1" }).click();
  await page.getByRole("link", { name: /^connection \d+, seeds, 127/ }).click();
  await page.getByRole("cell", { name: "2: mailer-1, caller" }).waitFor();
  await page.getByText("1–1 of 1 found among").waitFor();

  await watched.visit("#/streams/mail", "mail");
  const { id } = (await cursor.getConnections()).find(({ client }) => client === "seeds")!;
  await named(`Close connection ${id} …`).click();
  await dialog.getByText("(mailer-1, caller)").waitFor();
  await dialog.getByRole("button", { name: `Close connection ${id}` }).waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  const held = (await cursor.getPel("mailer-1")).length;
  await named("Release mailer-1").click();
  await dialog.getByText("It is the only follower of mail").waitFor();
  await dialog.getByRole("button", { name: "Release the messages of mailer-1" }).click();
  await page.getByText(`${held} messages of "mailer-1" ready again.`).waitFor();
  watched.assertClean();
  await connection.close().catch(() => {});
});

Deno.test("the overview names stuck streams, and counts streams as their list does", async () => {
  await using broker = await startBroker();
  await using connection = await seed(broker);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(broker.address);
  const { page } = watched;
  const stuck = page.getByRole("region", { name: "Stuck streams" });
  const row = (name: string) => stuck.getByRole("row", { name });
  await row("thumbnails").getByText("paused").waitFor();
  await row("orders.created").getByText("no follower").waitFor();
  assertEquals(await row("audit").count(), 0);
  await page.getByText("1 of dead letters").waitFor();

  const failing = new AbortController();
  const failures = (async () => {
    const publisher = connection.publisher("audit");
    for await (const message of connection.follower("audit").getMessages()) {
      await message.reject("no", { confirm: true });
      if (failing.signal.aborted) return;
      await publisher.sendMessage("again");
    }
  })().catch(() => {});
  await connection.publisher("audit").sendMessage("first");
  await row("audit.dead").getByText("growing").waitFor();
  failing.abort();
  await failures;
  await watched.assertAccessible("stuck streams");
  await page.getByText("2 of dead letters").waitFor();
  await row("orders.created").getByRole("link").click();
  await page.getByText("There is no follower: 400 messages wait.").waitFor();

  await watched.visit("#/streams", "Streams");
  await page.getByText("1–8 of 10, 2 of dead letters").waitFor();
  await page.getByRole("row", { name: "orders.created" }).getByText("no follower").waitFor();
  await page.getByRole("radio", { name: "Stuck" }).check();
  await page.getByRole("row", { name: "audit.dead" }).getByText("growing").waitFor();
  await page.getByRole("button", { name: "Oldest ready" }).click();
  await page.getByRole("columnheader", { name: "Oldest ready" }).and(
    page.locator("[aria-sort=descending]"),
  ).waitFor();
  watched.assertClean();
});

Deno.test("one dead letter is dropped from its dialog", async () => {
  await using broker = await startBroker();
  await using connection = await seed(broker);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}/#/streams/mail.dead/messages`);
  const { page } = watched;
  const { ready } = await connection.cursor().getStream("mail.dead");
  const dialog = page.locator("dialog");
  await page.getByRole("button", { name: "Message 1", exact: true }).click();
  await dialog.getByRole("button", { name: "Redrive …" }).waitFor();
  await dialog.getByRole("button", { name: "Drop …" }).click();
  await dialog.getByRole("button", { name: "Drop message 1" }).click();
  await page.getByText('1 message of "mail.dead" dropped.').waitFor();
  assertEquals((await connection.cursor().getStream("mail.dead")).ready, ready - 1);
  watched.assertClean();
});

Deno.test("connections of the page are marked, and too many tabs are told of", async () => {
  await using broker = await startBroker();
  await using _connection = await broker.connect();
  await using chromium = await Chromium.launch();
  const leaving = new AbortController();
  const tabs = await Promise.all(
    Array.from(
      { length: 32 },
      () => fetch(`${broker.address}/api/live`, { signal: leaving.signal }),
    ),
  );
  const watched = await chromium.open(`${broker.address}/#/connections`);
  const { page } = watched;
  await page.getByText("No live figures in this tab").waitFor();
  await page.getByText("found 32 tabs of the user, which is the most allowed").waitFor();
  assertEquals(await page.getByText("No answer").count(), 0);
  const own = page.getByRole("row").filter({ hasText: "this page" });
  await own.first().waitFor();
  assertEquals(await own.getByRole("button").count(), 0);
  await page.getByRole("button", { name: "Close connection 1", exact: true }).waitFor();
  await watched.assertAccessible("no live figures");
  leaving.abort();
  await Promise.all(tabs.map(({ body }) => body?.cancel().catch(() => {})));
  await page.getByRole("alert").filter({ hasText: "No live figures" }).waitFor({ state: "hidden" });
  watched.assertCleanButNetwork();
});
