/**
 * Charts that move, a broker that goes away and comes back, and more streams than fit on a page.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import { type PageBroker, seed, startBroker, startGuardedBroker, TOKENS } from "../full_broker.ts";
import { Chromium } from "../watched_page.ts";

Deno.test("charts are alive, tell their figures, and follow pointer and keys", async () => {
  await using broker = await startBroker();
  await using connection = await seed(broker);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(broker.address);
  const { page } = watched;
  const chart = page.locator("figure", {
    has: page.getByRole("heading", { name: "Messages in and out" }),
  });
  const published = chart.locator(".legend-value").first();
  const sending = new AbortController();
  const load = (async () => {
    const publisher = connection.publisher("orders.paid");
    while (!sending.signal.aborted) await publisher.sendMessage("paid");
  })().catch(() => {});
  await page.waitForFunction(
    (element) => Number(element?.textContent?.replaceAll(",", "")) > 0,
    await published.elementHandle(),
  );
  sending.abort();
  await load;
  const label = await chart.getByRole("img").getAttribute("aria-label");
  assertEquals(
    /in messages\/s, last 5 minutes; now: published [\d,.]+/.test(label ?? ""),
    true,
    label ?? "",
  );
  await chart.locator(".chart-plot").hover();
  await chart.locator(".chart-tip:visible").waitFor();
  await page.mouse.move(2, 2);
  await chart.locator(".chart-tip").waitFor({ state: "hidden" });
  await chart.locator(".chart-plot").focus();
  await page.keyboard.press("ArrowLeft");
  await chart.locator(".chart-tip:visible").waitFor();
  const points = await chart.locator("path.line-0").getAttribute("d");
  assertLess((points?.match(/[ML]/g) ?? []).length, 301);
  watched.assertClean();
});

Deno.test("keys lead to views, and nothing is lost without a mouse", async () => {
  await using broker = await startBroker();
  await using _seeds = await seed(broker);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(broker.address);
  const { page } = watched;
  const title = (name: string) =>
    page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
  await title("Overview");
  await page.keyboard.press("Tab");
  assertEquals(
    await page.evaluate(() => document.activeElement?.textContent),
    "Skip to the content",
  );
  await page.keyboard.press("Enter");
  assertEquals(await page.evaluate(() => document.activeElement?.id), "main");
  for (
    const [key, name] of [["s", "Streams"], ["d", "Dead letters"], ["c", "Connections"], [
      "p",
      "Publish a message",
    ], ["e", "Events"]] as const
  ) {
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await title(name);
  }
  await watched.visit("#/streams", "Streams");
  await page.keyboard.press("/");
  await page.keyboard.type("orders");
  await page.getByText("1–2 of 2 found among 9").waitFor();
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog", { name: "Keyboard" });
  await dialog.waitFor();
  for (let step = 0; step < 5; step += 1) await page.keyboard.press("Tab");
  assertEquals(
    await dialog.evaluate((element) =>
      element.contains(document.activeElement) || document.activeElement === document.body
    ),
    true,
  );
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.keyboard.press("t");
  assertEquals(await page.evaluate(() => document.documentElement.dataset.theme), "light");
  await page.keyboard.press("t");
  assertEquals(
    await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    "rgb(14, 19, 23)",
  );
  watched.assertClean();
});

Deno.test("a lost broker is told of, and a stale tab logs in again after a restart", async () => {
  const directory = await Deno.makeTempDir();
  let broker: PageBroker | undefined = await startGuardedBroker(directory);
  const { httpPort, address } = broker;
  try {
    await using chromium = await Chromium.launch();
    const watched = await chromium.open(`${address}/#/streams`);
    const { page } = watched;
    const logIn = async () => {
      await page.getByLabel("Token", { exact: true }).last().fill(TOKENS.root);
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByRole("heading", { level: 1, name: "Streams" }).waitFor();
    };
    await logIn();
    await page.getByText("No stream that fits").waitFor();
    await broker[Symbol.asyncDispose]();
    broker = undefined;
    const banner = page.getByText(
      /No answer from the broker since \d\d:\d\d:\d\d \S+, trying again/,
    );
    await banner.waitFor();
    await watched.assertAccessible("banner");
    await watched.shoot("lost");
    broker = await startGuardedBroker(directory, ["--http-port", String(httpPort)]);
    await page.getByRole("button", { name: "Log in" }).waitFor();
    await banner.waitFor({ state: "hidden" });
    await logIn();
    watched.assertClean(/Failed to load resource|net::ERR_/);
  } finally {
    await broker?.[Symbol.asyncDispose]();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a broker that comes back without users is shown again by itself", async () => {
  let broker: PageBroker | undefined = await startBroker();
  const { httpPort, address } = broker;
  try {
    await using chromium = await Chromium.launch();
    const watched = await chromium.open(address);
    const { page } = watched;
    const banner = page.getByText(/No answer from the broker since/);
    await page.getByText("There is no stream yet.").waitFor();
    await broker[Symbol.asyncDispose]();
    broker = undefined;
    await banner.waitFor();
    broker = await startBroker(["--http-port", String(httpPort)]);
    await banner.waitFor({ state: "hidden" });
    await page.getByText("There is no stream yet.").waitFor();

    // What somebody was writing is still there.
    await watched.visit("#/publish", "Publish a message");
    await page.getByLabel("Body", { exact: true }).fill("a long letter");
    await broker[Symbol.asyncDispose]();
    broker = undefined;
    await banner.waitFor();
    broker = await startBroker(["--http-port", String(httpPort)]);
    await banner.waitFor({ state: "hidden" });
    assertEquals(await page.getByLabel("Body", { exact: true }).inputValue(), "a long letter");
    watched.assertClean(/Failed to load resource|net::ERR_/);
  } finally {
    await broker?.[Symbol.asyncDispose]();
  }
});

Deno.test("a tab that nobody sees gives its feed up, and takes it again", async () => {
  await using broker = await startBroker();
  await using chromium = await Chromium.launch();
  const watched = await chromium.open("about:blank");
  const { page } = watched;
  await page.clock.install();
  const [feed] = await Promise.all([
    page.waitForRequest(/\/api\/live/),
    page.goto(broker.address),
  ]);
  await page.getByText("There is no stream yet.").waitFor();
  const setHidden = (isHidden: boolean) =>
    page.evaluate((isHidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, value: isHidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
  const ended = page.waitForEvent("requestfailed", (request) => request === feed);
  await setHidden(true);
  await page.clock.fastForward(11_000);
  await ended;
  const again = page.waitForRequest(/\/api\/live/);
  await setHidden(false);
  await again;
  assertEquals(await page.getByText(/No answer from the broker/).count(), 0);
  watched.assertClean();
});

Deno.test("ten thousand streams are searched, sorted and paged as fast as a few", async () => {
  await using broker = await startBroker(["--storage-engine", "memory"]);
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  const names = Array.from(
    { length: 10_000 },
    (_, index) => `stream-${String(index).padStart(5, "0")}`,
  );
  for (let start = 0; start < names.length; start += 500) {
    await Promise.all(names.slice(start, start + 500).map((name) => cursor.createStream(name)));
  }
  await connection.publisher("stream-07777").sendMessages(["one", "two"]);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}/#/streams`);
  const { page } = watched;
  await page.getByText("1–50 of 10,000").waitFor();
  const since = performance.now();
  await page.getByRole("button", { name: "Ready", exact: true }).click();
  await page.locator("tbody tr").first().getByRole("link", { name: "stream-07777" }).waitFor();
  await page.getByRole("searchbox").fill("stream-0999*");
  await page.getByText("1–10 of 10 found among 10,000").waitFor();
  const ms = performance.now() - since;
  await page.getByRole("searchbox").fill("");
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("51–100 of 10,000").waitFor();
  const answers = await page.evaluate(async () => {
    const spans = [];
    for (let turn = 0; turn < 20; turn += 1) {
      const from = performance.now();
      await (await fetch("/api/streams?sort=published&order=desc&limit=50")).json();
      spans.push(performance.now() - from);
    }
    return spans.sort((one, two) => one - two);
  });
  console.log(
    `sort and search ${ms.toFixed(0)} ms; list of 10,000: median ${
      answers[10]?.toFixed(1)
    } ms, most ${answers[19]?.toFixed(1)} ms`,
  );
  assertLess(answers[10]!, 200);
  watched.assertClean();
});
