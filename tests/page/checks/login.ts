/**
 * Who may see and do what: logins, users who only look, other origins.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { PASSWORD, seed, startGuardedBroker, TOKENS } from "../full_broker.ts";
import { Chromium, type WatchedPage } from "../watched_page.ts";

async function logIn({ page }: WatchedPage, token: string) {
  await page.getByLabel("Token", { exact: true }).last().fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
}

Deno.test("people log in by token or password, and out again", async () => {
  const directory = await Deno.makeTempDir();
  await using broker = await startGuardedBroker(directory);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}/#/streams`, { theme: "dark", width: 390 });
  const { page } = watched;
  await page.getByRole("button", { name: "Log in" }).waitFor();
  await watched.assertAccessible("login");
  await watched.shoot("login-dark-390");
  await logIn(watched, "smq_wrong");
  await page.getByText("(UNAUTHORIZED)").waitFor();
  await logIn(watched, TOKENS.root);
  // The address that was asked for is shown after the login.
  await page.getByRole("heading", { level: 1, name: "Streams" }).waitFor();
  assertEquals(await page.evaluate(() => document.cookie), "");
  const [cookie] = await watched.context.cookies();
  assertEquals([cookie?.httpOnly, cookie?.sameSite], [true, "Strict"]);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("button", { name: "Log in" }).waitFor();

  await page.getByRole("radio", { name: "Password" }).check();
  await page.getByRole("textbox", { name: "Name" }).fill("root");
  await page.locator("input[name=password]").fill(PASSWORD);
  await watched.assertAccessible("login by password");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { level: 1, name: "Streams" }).waitFor();
  assertEquals(await page.locator(".who-name").innerText(), "root");
  watched.assertClean(/status of 401/);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("who may only inspect sees no buttons that change something", async () => {
  const directory = await Deno.makeTempDir();
  await using broker = await startGuardedBroker(directory);
  await using _seeds = await seed(broker, TOKENS.root);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(broker.address);
  const { page } = watched;
  await logIn(watched, TOKENS.ines);
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  const views = await page.getByRole("navigation", { name: "Views" }).getByRole("link")
    .allInnerTexts();
  assertEquals(views.map((text) => text.trim()), [
    "Overview",
    "Streams",
    "Dead letters",
    "Schedules",
    "Connections",
  ]);
  const changing =
    /New stream|Publish$|Pause|Purge|Delete|Redrive|Drop|Release|Change|Close …|Create/;
  for (
    const [hash, title, sign] of [
      ["#/overview", "Overview", "mail"],
      ["#/streams", "Streams", "mail"],
      ["#/streams/mail", "mail", "Why messages wait"],
      ["#/streams/mail/messages", "mail", "Priority"],
      ["#/streams/mail/followers", "mail", "mailer-1"],
      ["#/streams/mail/options", "mail", "Acknowledge within"],
      ["#/streams/mail.dead/messages", "mail.dead", "mailbox full"],
      ["#/dead", "Dead letters", "mail"],
      ["#/connections", "Connections", "found among"],
    ] as const
  ) {
    await watched.visit(hash, title);
    if (title !== "Connections") await page.locator("main").getByText(sign).first().waitFor();
    const buttons = await page.getByRole("button", { name: changing }).allInnerTexts();
    assertEquals(buttons, [], hash);
    assertEquals(await page.getByRole("checkbox").count(), 0, hash);
    await watched.shoot(`inspector-${title.replace(" ", "-")}-${hash.split("/").at(-1)}`);
  }
  await watched.visit("#/streams/audit", "audit");
  await page.getByText('There is no stream "audit" that you may see.').waitFor();
  watched.assertClean(/status of 40[34]/);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("who is anonymous may log in, and permissions that change show at once", async () => {
  const directory = await Deno.makeTempDir();
  await using broker = await startGuardedBroker(
    directory,
    [],
    'anonymous:\n  inspect: ["orders*"]\n',
  );
  await using _seeds = await seed(broker, TOKENS.root);
  await using chromium = await Chromium.launch();
  const watched = await chromium.open(`${broker.address}/#/streams`);
  const { page } = watched;
  await page.getByText("1–2 of 2").waitFor();
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("button", { name: "Go on as anonymous" }).click();
  await page.getByText("1–2 of 2").waitFor();
  await page.getByRole("button", { name: "Log in" }).click();
  await logIn(watched, TOKENS.ines);
  await page.getByRole("link", { name: "mail", exact: true }).click();
  await page.getByText("Why messages wait").waitFor();
  assertEquals(await page.getByRole("button", { name: "Purge" }).count(), 0);
  const users = `${directory}/users.yaml`;
  const text = await Deno.readTextFile(users);
  const more = 'inspect: ["mail*"], manage: ["mail*"]';
  await Deno.writeTextFile(users, text.replace('inspect: ["mail*"]', more));
  await page.getByRole("button", { name: "Purge" }).waitFor();
  watched.assertClean();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("pages of other origins, and foreign names for this one, get nowhere", async () => {
  const directory = await Deno.makeTempDir();
  await using broker = await startGuardedBroker(directory);
  await using connection = await seed(broker, TOKENS.root);
  const evil = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response("<h1>evil</h1>", { headers: { "content-type": "text/html" } }),
  );
  const rules = "--host-resolver-rules=MAP evil.example 127.0.0.1";
  await using chromium = await Chromium.launch([rules]);
  const watched = await chromium.open(broker.address);
  const { page } = watched;
  await logIn(watched, TOKENS.root);
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  const other = await watched.context.newPage();
  await other.goto(`http://evil.example:${evil.addr.port}/`);
  const outcomes = await other.evaluate(async (address) => {
    const purge = `${address}/api/streams/mail/purge`;
    const ways = [
      { method: "POST", mode: "no-cors", credentials: "include", body: "{}" },
      {
        method: "POST",
        credentials: "include",
        headers: { "content-type": "application/json" },
        body: "{}",
      },
    ] as RequestInit[];
    const sent = ways.map((way) => fetch(purge, way).then(({ type }) => type, () => "failed"));
    const read = fetch(`${address}/api/streams`, { credentials: "include" })
      .then(() => "read", () => "failed");
    return await Promise.all([...sent, read]);
  }, broker.address);
  assertEquals(outcomes.slice(1), ["failed", "failed"]);
  assertEquals((await connection.cursor().getStream("mail")).ready > 10, true);
  // The name of another leads here: the broker does not answer to it.
  const rebound = await other.goto(`http://evil.example:${broker.httpPort}/api/session`);
  assertEquals(rebound?.status() === 200, false);
  const framed = await other.goto(`http://evil.example:${evil.addr.port}/`).then(() =>
    other.evaluate((address) => {
      const frame = document.createElement("iframe");
      frame.src = address;
      document.body.append(frame);
      return new Promise<string>((done) =>
        frame.onload = () => done(String(frame.contentDocument === null))
      );
    }, broker.address)
  );
  assertEquals(framed, "true");
  const head = await fetch(broker.address);
  await head.body?.cancel();
  const policy = head.headers.get("content-security-policy") ?? "";
  assertMatch(policy, /default-src 'none'.*frame-ancestors 'none'/);
  assertEquals(/unsafe|https?:|\*/.test(policy), false);
  await evil.shutdown();
  await Deno.remove(directory, { recursive: true });
});
