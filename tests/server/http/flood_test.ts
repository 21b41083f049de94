/**
 * Many connections of HTTP against a real broker: its clients, and probes, get through.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../client.ts";
import { serve } from "../../../server.ts";
import { until } from "../../support/broker/broker.ts";
import { RawHttp } from "./raw_http.ts";

const SETTINGS = {
  port: 0,
  storage: { engine: "memory" },
  http: { port: 0 },
  logLevel: "error",
} as const;

Deno.test("a flood of connections that are kept leaves room for clients and probes", async () => {
  await using broker = await serve({ ...SETTINGS, limits: { connections: 20 } });
  const kept: RawHttp[] = [];
  for (let count = 0; count < 100; count++) {
    const client = await RawHttp.open(broker.http!);
    kept.push(client);
    await client.request("GET", "/livez").catch(() => {});
  }
  // No more than half of them are taken, if there are so few.
  await using connection = await connect({ port: broker.port });
  await connection.cursor().createStream("a");
  await connection.publisher("a").sendMessage("1");
  const open = await connection.cursor().getConnections();
  assertEquals(open.filter(({ protocol }) => protocol === "http").length, 10);
  // The one that has been idle for longest gives way, as soon as it has been idle for a moment.
  await until("a probe gets through", async () => {
    using probe = await RawHttp.open(broker.http!);
    return await probe.request("GET", "/livez").then(({ status }) => status === 200, () => false);
  });
  for (const client of kept) client.close();
});

Deno.test("heads and bodies that do not come to their end are cut off in real time, too", async () => {
  await using broker = await serve({ ...SETTINGS, handshakeTimeoutMs: 50 });
  const halves = ["", "G", "GET /livez HTTP/1.1\r\nHost: a\r\n", "POST / HTTP/1.1\r\n"];
  const clients = await Promise.all(halves.map(async (text) => {
    const client = await RawHttp.open(broker.http!);
    await client.send(text);
    return client;
  }));
  for (const client of clients) {
    assertEquals(await client.receiveAll(), "");
    client.close();
  }
});

Deno.test("connections of HTTP are listed with all others, and can be closed", async () => {
  await using broker = await serve(SETTINGS);
  using client = await RawHttp.open(broker.http!);
  await client.request("GET", "/livez");
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  const find = async () => {
    return (await cursor.getConnections()).find(({ protocol }) => protocol === "http");
  };
  const found = await find();
  assert(found !== undefined && found.receivedBytes > 0 && found.sentBytes > 0);
  assertEquals([found.encrypted, found.publishers], [false, 0]);
  await cursor.closeConnection(found.id);
  await client.receiveAll();
  await until("it is gone", async () => await find() === undefined);
});
