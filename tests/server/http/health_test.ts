/**
 * Health over a real port: who may ask, how, and what is said.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { serve } from "../../../server.ts";
import { RawHttp } from "./raw_http.ts";

const MEMORY = { port: 0, storage: { engine: "memory" }, http: { port: 0 } } as const;

Deno.test("health is told to everybody, by GET and by HEAD, over one connection", async () => {
  await using broker = await serve(MEMORY);
  using client = await RawHttp.open(broker.http!);
  const live = await client.request("GET", "/livez");
  assertEquals([live.status, live.body], [200, "live\n"]);
  const ready = await client.request("GET", "/readyz");
  assertEquals([ready.status, ready.body], [200, '{"ready":true,"reasons":[]}\n']);
  const head = await client.request("HEAD", "/readyz");
  assertEquals([head.status, head.headers.get("content-length")], [200, "28"]);
  // Probes call a machine by names that only they know.
  const named = await client.request("GET", "/readyz", { Host: "broker.example.com:9190" });
  assertEquals(named.status, 200);
});

Deno.test("serve() opens no port for HTTP unless it is asked to", async () => {
  await using broker = await serve({ port: 0, storage: { engine: "memory" } });
  assertEquals(broker.http, undefined);
  await using off = await serve({ ...MEMORY, http: false });
  assertEquals(off.http, undefined);
});
