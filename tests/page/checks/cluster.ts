/**
 * The view of a cluster: on the active broker and on a standby, in both themes, on a desk and on a phone.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ACTIVE, STANDBY, statusOf } from "../../support/cluster/test_seat.ts";
import { SeatedProcess } from "../seated_process.ts";
import { Chromium } from "../watched_page.ts";

const DIFFERS =
  "the users of broker c are not those of this one: after a takeover clients may be " +
  "refused; make the files alike";

/** Three brokers: one follows, one is behind, one has not been heard of. */
const BROKERS = [
  { ...ACTIVE, page: "http://a.example:9190/" },
  { ...STANDBY, page: "http://b.example:9190/" },
  { ...STANDBY, id: "c", address: "c.example:9090", lagRecords: 1234, lagMs: 12_500, heardMs: 800 },
  { ...STANDBY, id: "d", address: "a-very-long-name.of-a-machine.example:9090", heardMs: 95_000 },
];

const AT_ACTIVE = statusOf({ brokers: BROKERS, problems: [DIFFERS] });
const AT_STANDBY = statusOf({ id: "b", role: "standby", serving: false, brokers: BROKERS });

const SCENES = [["cluster", AT_ACTIVE], ["cluster-standby", AT_STANDBY]] as const;

for (const [name, status] of SCENES) {
  Deno.test(`the view ${name} is accessible, and fits`, async () => {
    await using broker = await SeatedProcess.start(status);
    await using chromium = await Chromium.launch();
    for (const theme of ["light", "dark"] as const) {
      for (const width of [1280, 390]) {
        const watched = await chromium.open(broker.address, { theme, width });
        await watched.visit("#/cluster", "Cluster");
        await watched.page.getByText("c.example:9090").waitFor();
        await watched.assertAccessible(`${name} ${theme} ${width}`);
        await watched.shoot(`${name}-${theme}-${width}`);
        watched.assertClean();
        await watched.close();
      }
    }
  });
}

Deno.test("the view tells of brokers, of problems, and hands the lead over when its id is typed", async () => {
  await using broker = await SeatedProcess.start(AT_ACTIVE);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(broker.address);
  const { page } = watched;
  await page.getByRole("link", { name: "The cluster" }).click();
  await page.getByText(DIFFERS).waitFor();
  await page.getByText("not heard of").waitFor();
  await page.getByText("1,234 records, 12 s").waitFor();
  assertEquals(
    await page.getByRole("link", { name: "b", exact: true }).getAttribute("href"),
    "http://b.example:9190/",
  );
  await page.getByRole("button", { name: "Hand over" }).click();
  await page.getByText("b at b.example:9090").waitFor();
  const confirm = page.locator("dialog").getByRole("button", { name: "Hand over", exact: true });
  await page.getByLabel("Type the id of this broker: a").fill("b");
  await confirm.click();
  await page.getByText('found "b", allowed a').waitFor();
  await watched.assertAccessible("handover");
  await watched.shoot("cluster-handover");
  await page.getByLabel("Type the id of this broker: a").fill("a");
  await confirm.click();
  // The broker has begun anew, as a standby: views of streams are gone.
  await page.getByText("This broker is a standby").waitFor();
  assertEquals(await broker.readLine(), "handed over");
  await page.getByRole("link", { name: "Streams" }).waitFor({ state: "detached" });
  watched.assertCleanButNetwork();
});

Deno.test("a standby shows the cluster whatever was asked for, and says where the active broker is", async () => {
  await using broker = await SeatedProcess.start(AT_STANDBY);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}#/streams`);
  const { page } = watched;
  const link = page.getByRole("link", { name: "a at a.example:9090" });
  assertEquals(await link.getAttribute("href"), "http://a.example:9190/");
  assertEquals(await page.getByRole("button", { name: "Hand over" }).count(), 0);
  const names = await page.locator("nav.views a").allTextContents();
  assertEquals(names, ["Connections", "Cluster", "Events"]);
  // It takes over: the streams are here.
  await broker.set({
    role: "active",
    serving: true,
    brokers: [{ ...STANDBY, role: "active" }, { ...ACTIVE, role: "standby" }],
  });
  await page.getByRole("link", { name: "Streams" }).click();
  await page.getByRole("heading", { level: 1, name: "Streams" }).waitFor();
  watched.assertClean();
});
