/**
 * Requests over a real port that are not as they should be: what is said, and that the broker goes on.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { serve } from "../../../server.ts";
import { HostNames } from "../../../src/server/http/host_names.ts";
import { RawHttp } from "./raw_http.ts";

const MEMORY = { port: 0, storage: { engine: "memory" }, http: { port: 0 } } as const;

Deno.test("requests for unknown names are refused, for addresses and known names not", async () => {
  await using broker = await serve({
    ...MEMORY,
    http: { port: 0, names: "mq.example.com, *.lan" },
  });
  using client = await RawHttp.open(broker.http!);
  for (
    const [host, status] of [
      ["localhost:9190", 200],
      ["LOCALHOST.", 200],
      ["127.0.0.1", 200],
      ["10.1.2.3:80", 200],
      ["[::1]:9190", 200],
      ["mq.example.com", 200],
      ["a.lan", 200],
      ["a.b.lan", 421],
      ["lan", 421],
      ["evil.example.com", 421],
      ["localhost.evil.com", 421],
      ["127.0.0.1.evil.com", 421],
      ["mq.example.com.evil.com", 421],
      ["", 421],
      ["localhost@evil.com", 421],
    ] as const
  ) {
    const { status: found, body } = await client.request("GET", "/metrics", { Host: host });
    assertEquals(found, status, host);
    if (status === 421) assertEquals(JSON.parse(body).code, "HOST_UNKNOWN", host);
  }
});

Deno.test("HostNames knows the names of the certificate in use", () => {
  let names = ["*.example.com", "broker.lan"];
  const hosts = new HostNames(() => names);
  const find = () =>
    ["a.example.com", "broker.lan:1", "example.com"].map((name) => hosts.has(name));
  assertEquals(find(), [true, true, false]);
  names = ["example.com"];
  assertEquals(find(), [false, false, true]);
});

Deno.test("other methods and paths are refused with what is allowed", async () => {
  await using broker = await serve(MEMORY);
  using client = await RawHttp.open(broker.http!);
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]) {
    const { status, headers, body } = await client.request(method, "/metrics");
    assertEquals([status, headers.get("allow")], [405, "GET, HEAD"], method);
    assertEquals(headers.get("content-type"), "application/problem+json");
    assertEquals(JSON.parse(body).code, "METHOD_NOT_ALLOWED");
  }
  for (
    const target of [
      "/metrics/",
      "//metrics",
      "/metrics/../livez",
      "/metrics/streams/../../etc/passwd",
      "/%6detrics",
      "/..%2f..%2fetc/passwd",
      "/assets/..%2f..%2fserver.ts",
      "/assets/%2e%2e/%2e%2e/server.ts",
      "/api/streams/%ff",
      "/server.ts",
      `/${"a".repeat(8000)}`,
    ]
  ) {
    const { status, body } = await client.request("GET", target);
    assertEquals([status, JSON.parse(body).code], [404, "NOT_FOUND"], target);
  }
  assertEquals((await client.request("GET", "http://localhost/livez")).status, 400);
  assertEquals((await client.request("GET", "/livez?probe=1#x")).status, 200);
});

Deno.test("what is no HTTP, or too much of it, is refused, and others are served", async () => {
  await using broker = await serve(MEMORY);
  for (
    const [what, text, status] of [
      ["garbage", "\x00\x01\x02\x03\r\n\r\n", "400"],
      ["no name of a machine", "GET /livez HTTP/1.1\r\n\r\n", "400"],
      [
        "two lengths",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "400",
      ],
      [
        "two ways to end",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "400",
      ],
      ["a long header", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(17_000)}\r\n\r\n`, "431"],
      ["a long target", `GET /${"x".repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, "431"],
      ["frames of the broker", "SMQ\x01\x00\x00\x00\x10aaaaaaaaaaaaaaaa", "400"],
    ] as const
  ) {
    using client = await RawHttp.open(broker.http!);
    await client.send(text);
    const answer = await client.receiveAll();
    assert(answer === "" || answer.startsWith(`HTTP/1.1 ${status} `), `${what}: ${answer}`);
  }
  using client = await RawHttp.open(broker.http!);
  const many = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`x-${index}`, "1"]));
  const answer = await client.request("GET", "/livez", many);
  assertEquals(answer.status, 431);
  assertStringIncludes(answer.body, "found 121 headers, allowed 100");
  await client.send("GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  assertEquals((await client.receive()).status, 400);
  assertEquals((await client.request("GET", "/livez")).status, 200);
});

Deno.test("a body that nobody asked for ends the connection after the answer", async () => {
  await using broker = await serve(MEMORY);
  using client = await RawHttp.open(broker.http!);
  await client.send("GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc");
  const { status, headers } = await client.receive();
  assertEquals([status, headers.get("connection")], [413, "close"]);
});

Deno.test("requests that come at once are answered in their order, and not too many", async () => {
  await using broker = await serve(MEMORY);
  using client = await RawHttp.open(broker.http!);
  await client.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /nope HTTP/1.1\r\nHost: a\r\n\r\n");
  assertEquals((await client.receive()).status, 200);
  assertEquals((await client.receive()).status, 404);
  using flood = await RawHttp.open(broker.http!);
  await flood.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000));
  await flood.receiveAll();
  assertEquals((await client.request("GET", "/livez")).status, 200);
});

Deno.test("a client that asks for another protocol is answered in this one", async () => {
  await using broker = await serve(MEMORY);
  using client = await RawHttp.open(broker.http!);
  const upgrade = {
    Connection: "Upgrade, HTTP2-Settings",
    Upgrade: "h2c",
    "HTTP2-Settings": "AAMA",
  };
  assertEquals((await client.request("GET", "/livez", upgrade)).status, 200);
  assertEquals((await client.request("GET", "/livez")).status, 200);
});
