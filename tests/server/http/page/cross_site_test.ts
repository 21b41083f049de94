/**
 * What other sites can make a user's browser do: nothing. And what the page lets a browser do with it.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { PAGE_ASSETS } from "../../../../src/server/http/page/assets/page_assets.ts";
import { refuseCrossSite } from "../../../../src/server/http/page/cross_site.ts";
import { RawHttp } from "../raw_http.ts";
import { PageBroker } from "./page_client.ts";

type Row = readonly [method: string, headers: Record<string, string>, isAllowed: boolean];

const OWN = "http://localhost:9190";

const ROWS: readonly Row[] = [
  ["GET", {}, true],
  ["GET", { "sec-fetch-site": "same-origin" }, true],
  ["GET", { "sec-fetch-site": "none" }, true],
  ["GET", { "sec-fetch-site": "cross-site" }, false],
  ["GET", { "sec-fetch-site": "same-site" }, false],
  ["POST", { "sec-fetch-site": "same-origin", origin: OWN }, true],
  ["POST", { "sec-fetch-site": "none", origin: OWN }, true],
  // Browsers say nothing to an address without TLS that is not this machine.
  ["POST", { origin: OWN }, true],
  ["POST", { origin: "HTTP://LOCALHOST:9190" }, true],
  ["POST", {}, false],
  ["POST", { "sec-fetch-site": "same-origin" }, false],
  ["POST", { "sec-fetch-site": "cross-site", origin: OWN }, false],
  ["POST", { "sec-fetch-site": "same-site", origin: OWN }, false],
  ["POST", { "sec-fetch-site": "same-origin", origin: "null" }, false],
  ["POST", { "sec-fetch-site": "same-origin", origin: "http://localhost" }, false],
  ["POST", { "sec-fetch-site": "same-origin", origin: "http://localhost:9191" }, false],
  ["POST", { "sec-fetch-site": "same-origin", origin: "http://evil.com" }, false],
  ["POST", { "sec-fetch-site": "same-origin", origin: "http://localhost:9190.evil.com" }, false],
  ["POST", { "sec-fetch-site": "same-origin", origin: "http://evil.com@localhost:9190" }, false],
  ["POST", { "sec-fetch-site": "same-origin", origin: `${OWN}/` }, false],
  ["PATCH", { "sec-fetch-site": "cross-site", origin: "http://evil.com" }, false],
  ["DELETE", {}, false],
  // No browser sends a token by itself.
  ["POST", { authorization: "Bearer x" }, true],
  ["POST", { authorization: "Basic eDp4" }, false],
];

for (const [method, headers, isAllowed] of ROWS) {
  Deno.test(`${method} with ${JSON.stringify(headers)} is ${isAllowed ? "answered" : "refused"}`, () => {
    const request = { method, headers: new Headers({ host: "localhost:9190", ...headers }) };
    const check = () => refuseCrossSite({ request, url: new URL("http://localhost/api/x") });
    if (isAllowed) check();
    else {assertStringIncludes(
        assertThrows(check, Error).message,
        "Cannot do what another site asks for",
      );}
  });
}

Deno.test("a site whose name leads to this machine reads and changes nothing", async () => {
  await using page = await PageBroker.start();
  using client = await RawHttp.open(page.broker.http!);
  const Host = "evil.example.com";
  for (const path of ["/", "/api/session", "/api/streams", "/api/live"]) {
    const { status, body } = await client.request("GET", path, { Host });
    assertEquals([status, JSON.parse(body).code], [421, "HOST_UNKNOWN"], path);
  }
  const own = { Host, Origin: `http://${Host}`, "Sec-Fetch-Site": "same-origin" };
  const { status } = await client.request("POST", "/api/streams/orders/pause", own);
  assertEquals(status, 421);
});

Deno.test("another site's form changes nothing, whoever the user is", async () => {
  await using page = await PageBroker.start();
  const client = page.browse();
  const body = '{"name":"planted"}';
  for (
    const headers of [
      { "sec-fetch-site": "cross-site", origin: "http://evil.com", "content-type": "text/plain" },
      { "sec-fetch-site": "same-site", origin: "http://localhost:1", "content-type": "text/plain" },
    ]
  ) {
    const answer = await client.ask("POST", "/api/streams", body, headers);
    assertEquals([answer.status, answer.body.code], [403, "CROSS_SITE"]);
  }
  // Not even from here as what a form can send.
  const plain = await client.ask("POST", "/api/streams", body, { "content-type": "text/plain" });
  assertEquals([plain.status, plain.body.code], [400, "BAD_REQUEST"]);
  assertEquals((await client.read("/api/streams")).total, 0);
});

Deno.test("every answer of the page says what a browser may do with it", async () => {
  await using page = await PageBroker.start("users: { ann: { permissions: { admin: true } } }");
  const client = page.browse();
  const answers = [
    await client.get("/"),
    await client.get("/assets/app.js"),
    await client.get("/api/session"),
    await client.post("/api/login", { token: "" }),
    await client.ask("POST", "/api/logout", {}, { origin: "http://evil.com" }),
  ];
  assertEquals(answers.map(({ status }) => status), [200, 200, 200, 401, 403]);
  for (const { headers } of answers) {
    const policy = headers.get("content-security-policy")!;
    assertStringIncludes(policy, "default-src 'none'; script-src 'self'; style-src 'self'");
    assert(!policy.includes("unsafe"));
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("referrer-policy"), "same-origin");
    assertEquals(headers.get("cross-origin-opener-policy"), "same-origin");
    assertEquals(headers.get("cross-origin-resource-policy"), "same-origin");
    assertEquals(headers.get("access-control-allow-origin"), null);
  }
  assertEquals(answers[2]!.headers.get("cache-control"), "no-store");
});

Deno.test("every file of the page is served, and nothing else", async () => {
  await using page = await PageBroker.start();
  const client = page.browse();
  for (const { path, type, content } of PAGE_ASSETS) {
    const { status, headers, body } = await client.get(path);
    assertEquals([status, headers.get("content-type"), body === content], [200, type, true], path);
  }
  for (const path of ["/assets/none.js", "/assets/../app.js", "/assets/parts", "/index.html"]) {
    assertEquals((await client.get(path)).status, 404, path);
  }
});

Deno.test("files of the page are sent once, packed, and again when they have changed", async () => {
  await using page = await PageBroker.start();
  const { base } = page.browse();
  const first = await fetch(`${base}/assets/app.js`, { headers: { "accept-encoding": "gzip" } });
  const text = await first.text();
  const etag = first.headers.get("etag")!;
  const again = await fetch(`${base}/assets/app.js`, {
    headers: { "if-none-match": `"x", ${etag}` },
  });
  assertEquals([again.status, await again.text()], [304, ""]);
  using client = await RawHttp.open(page.broker.http!);
  const plain = await client.request("GET", "/assets/app.js");
  assertEquals([plain.status, plain.headers.get("content-encoding"), plain.body], [
    200,
    null,
    text,
  ]);
});
