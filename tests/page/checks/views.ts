/**
 * Every view, in both themes, on a desk and on a phone: accessible, no wider than the screen, and without
 * errors. `--shots` leaves pictures.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { LONG_NAME, type PageBroker, seed, startBroker } from "../full_broker.ts";
import { Chromium, type WatchedPage } from "../watched_page.ts";

interface View {
  readonly name: string;
  readonly hash: string;
  readonly title: string;
  /** What is done before it is looked at. */
  readonly act?: (page: Page) => Promise<unknown>;
}

const openDialog = (page: Page, button: string | RegExp) =>
  page.getByRole("button", { name: button }).first().click()
    .then(() => page.locator("dialog[open]").waitFor());

const VIEWS: readonly View[] = [
  {
    name: "overview",
    hash: "#/overview",
    title: "Overview",
    act: (page) => page.getByRole("link", { name: "orders.created" }).first().waitFor(),
  },
  {
    name: "streams",
    hash: "#/streams",
    title: "Streams",
    act: (page) => page.getByText("paused", { exact: true }).waitFor(),
  },
  {
    name: "stream",
    hash: "#/streams/mail",
    title: "mail",
    act: (page) => page.locator(".reasons li").first().waitFor(),
  },
  {
    name: "messages",
    hash: "#/streams/mail/messages",
    title: "mail",
    act: (page) => page.getByRole("button", { name: "Message 20", exact: true }).waitFor(),
  },
  {
    name: "message",
    hash: "#/streams/mail.dead/messages",
    title: "mail.dead",
    act: (page) => openDialog(page, "Message 1"),
  },
  {
    name: "followers",
    hash: "#/streams/mail/followers",
    title: "mail",
    act: (page) => page.getByRole("heading", { name: "mailer-1" }).waitFor(),
  },
  { name: "options", hash: "#/streams/mail/options", title: "mail" },
  {
    name: "dead",
    hash: "#/dead",
    title: "Dead letters",
    act: (page) => page.getByRole("link", { name: "mail", exact: true }).first().waitFor(),
  },
  {
    name: "dead-messages",
    hash: "#/streams/mail.dead/messages",
    title: "mail.dead",
    act: (page) => page.getByRole("button", { name: "Message 1", exact: true }).waitFor(),
  },
  {
    name: "redrive",
    hash: "#/dead",
    title: "Dead letters",
    act: (page) => openDialog(page, /Redrive dead letters/),
  },
  {
    name: "connections",
    hash: "#/connections",
    title: "Connections",
    act: (page) => page.getByText("seeds").waitFor(),
  },
  {
    name: "schedules",
    hash: "#/schedules",
    title: "Schedules",
    act: (page) => page.getByText("cannot store").waitFor(),
  },
  {
    name: "breaker",
    hash: "#/streams/calls",
    title: "calls",
    act: (page) => page.getByRole("button", { name: "Close breaker …" }).waitFor(),
  },
  {
    name: "lanes",
    hash: "#/streams/calls/lanes",
    title: "calls",
    act: (page) => page.getByText("brown & sons").waitFor(),
  },
  {
    name: "lane",
    hash: "#/streams/calls/lanes",
    title: "calls",
    act: (page) => openDialog(page, "Set lane acme"),
  },
  { name: "work-options", hash: "#/streams/calls/options", title: "calls" },
  {
    name: "change-options",
    hash: "#/streams/calls/options",
    title: "calls",
    act: (page) => openDialog(page, "Change"),
  },
  {
    name: "cancel",
    hash: "#/streams/orders.created/messages",
    title: "orders.created",
    act: (page) => openDialog(page, "Message 1"),
  },
  { name: "publish", hash: "#/publish?stream=mail", title: "Publish a message" },
  {
    name: "events",
    hash: "#/events",
    title: "Events",
    act: (page) => page.getByText("is listening").waitFor(),
  },
  {
    name: "new-stream",
    hash: "#/streams",
    title: "Streams",
    act: async (page) => {
      await openDialog(page, "New stream");
      await page.locator("summary").click();
    },
  },
  {
    name: "delete",
    hash: "#/streams/mail",
    title: "mail",
    act: (page) => openDialog(page, "Delete"),
  },
  {
    name: "long-name",
    hash: `#/streams/${LONG_NAME}`,
    title: LONG_NAME,
    act: (page) => openDialog(page, "Delete"),
  },
  {
    name: "keyboard",
    hash: "#/overview",
    title: "Overview",
    act: (page) => openDialog(page, "Keyboard"),
  },
];

async function look(watched: WatchedPage, { name, hash, title, act }: View, label: string) {
  const { page } = watched;
  await watched.visit(hash, title);
  await act?.(page);
  await watched.assertAccessible(`${name} ${label}`);
  await watched.shoot(`${name}-${label}`);
  if (await page.locator("dialog[open]").count() > 0) {
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
  }
}

async function lookAtAll(broker: PageBroker, theme: "light" | "dark", width: number) {
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(broker.address, { theme, width });
  for (const view of VIEWS) await look(watched, view, `${theme}-${width}`);
  const ground = await watched.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assertEquals(ground, theme === "light" ? "rgb(244, 246, 248)" : "rgb(14, 19, 23)");
  watched.assertClean();
}

Deno.test("every view is accessible and fits, light and dark, wide and narrow", async (test) => {
  await using broker = await startBroker();
  await using _seeds = await seed(broker);
  for (const theme of ["light", "dark"] as const) {
    for (const width of [1280, 390]) {
      await test.step(`${theme}, ${width} pixels`, () => lookAtAll(broker, theme, width));
    }
  }
});

Deno.test("an empty broker says what to do next", async () => {
  await using broker = await startBroker();
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(broker.address);
  const { page } = watched;
  await page.getByText("There is no stream yet.").waitFor();
  for (
    const [hash, title, text] of [
      ["#/streams", "Streams", "Create one with"],
      ["#/dead", "Dead letters", "No dead letters."],
      ["#/schedules", "Schedules", "No schedule. A program makes one"],
      ["#/connections", "Connections", "connect({ hostname, port })"],
    ] as const
  ) {
    await watched.visit(hash, title);
    if (title !== "Connections") await page.getByText(text).waitFor();
    await watched.assertAccessible(title);
    await watched.shoot(`empty-${title.toLowerCase().replace(" ", "-")}`);
  }
  watched.assertClean();
});
