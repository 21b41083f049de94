/**
 * The deadlines and the number of connections of HTTP, by a clock of the test.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Log } from "../../../src/server/log.ts";
import { HttpConnections } from "../../../src/server/http/http_connections.ts";
import type { HttpExchange } from "../../../src/server/http/http_acceptor.ts";
import type { HttpConnection } from "../../../src/server/http/http_connection.ts";
import { createPipe } from "../../../src/transport/duplex.ts";
import { turn, until } from "../../support/broker/broker.ts";
import { RawHttp } from "./raw_http.ts";

/** Connections of HTTP, of which the test answers the requests. */
class World {
  now = 0;
  others = 0;
  readonly asked: { readonly exchange: HttpExchange; readonly connection: HttpConnection }[] = [];
  readonly connections: HttpConnections;

  constructor(connectionsMax = 1000) {
    this.connections = new HttpConnections({
      deadlines: { firstMs: 5000, slowReaderMs: 10_000 },
      now: () => this.now,
      log: new Log({ level: "error" }),
      connectionsMax,
      countOthers: () => this.others,
      takeNumber: () => 1,
      isThrifty: () => false,
      heldBytesMax: 4 * 1024 * 1024,
      onExchange: (exchange, connection) => void this.asked.push({ exchange, connection }),
    });
  }

  open(): RawHttp {
    const [here, there] = createPipe();
    this.connections.open({ duplex: there, peer: "192.0.2.1:1", address: "192.0.2.1" });
    return new RawHttp(here);
  }

  /** Answers the last request. */
  async answer(body = "ok"): Promise<void> {
    await until("somebody asks", () => this.asked.length > 0);
    const { exchange, connection } = this.asked.shift()!;
    exchange.writeHead(200, [["content-length", String(body.length)]], false);
    connection.noteSending(exchange, body.length);
    await exchange.write(new TextEncoder().encode(body));
    await exchange.end();
    connection.noteAnswered(exchange, false);
  }

  async pass(ms: number): Promise<number> {
    this.now += ms;
    this.connections.sweep(this.now);
    for (let count = 0; count < 10; count++) await turn();
    return this.connections.count;
  }
}

for (
  const [what, text] of [
    ["nothing", ""],
    ["half a head", "GET /livez HTTP/1.1\r\nHost: a\r\n"],
    ["a part of a line", "GET /liv"],
  ] as const
) {
  Deno.test(`a client that has sent ${what} is closed in time, and not before`, async () => {
    const world = new World();
    using client = world.open();
    await client.send(text);
    assertEquals(await world.pass(4999), 1);
    assertEquals(await world.pass(1), 0);
    assertEquals(await client.receiveAll(), "");
  });
}

Deno.test("a client that sends its head byte by byte gets no more time", async () => {
  const world = new World();
  using client = world.open();
  for (const letter of "GET /li") {
    await client.send(letter);
    await world.pass(700);
  }
  assertEquals(world.connections.count, 1);
  assertEquals(await world.pass(700), 0);
});

Deno.test("a client that sends its body byte by byte is closed", async () => {
  const world = new World();
  using client = world.open();
  await client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  await until("it asks", () => world.asked.length === 1);
  let isClosed = false;
  world.asked[0]!.exchange.signal.addEventListener("abort", () => isClosed = true);
  for (let second = 0; second < 29; second++) {
    await client.send("x");
    assertEquals(await world.pass(1000), 1);
  }
  assertEquals(await world.pass(1000), 0);
  assert(isClosed);
});

Deno.test("a connection is kept between requests for a minute, half a head or not", async () => {
  const world = new World();
  using client = world.open();
  for (let count = 0; count < 3; count++) {
    const asking = client.request("GET", "/x");
    await world.answer();
    assertEquals((await asking).status, 200);
    assertEquals(await world.pass(59_999), 1);
  }
  await client.send("GET /x HTTP/1.1\r\nHo");
  assertEquals(await world.pass(1), 0);
});

Deno.test("a client that does not read its answer is closed, one that reads slowly is not", async () => {
  const world = new World();
  using client = world.open();
  await client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  await until("it asks", () => world.asked.length === 1);
  const { exchange, connection } = world.asked.shift()!;
  const chunk = new Uint8Array(1024 * 1024);
  exchange.writeHead(200, [["content-length", String(3 * chunk.length)]], false);
  connection.noteSending(exchange, chunk.length);
  // More than a pipe takes.
  const writing = exchange.write(chunk);
  assertEquals(await world.pass(9999), 1);
  const reading = client.receive();
  await writing;
  connection.noteSending(exchange, chunk.length);
  await exchange.write(chunk);
  assertEquals(await world.pass(9999), 1);
  client.close();
  await reading.catch(() => {});
  await until("it is closed", () => world.connections.count === 0);
  using deaf = world.open();
  await deaf.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  await until("it asks", () => world.asked.length === 1);
  const second = world.asked.shift()!;
  second.exchange.writeHead(200, [], false);
  second.connection.noteSending(second.exchange, chunk.length);
  const failing = second.exchange.write(chunk).then(() => "sent", () => "failed");
  assertEquals(await world.pass(10_000), 0);
  assertEquals(await failing, "failed");
});

Deno.test("a stream of events may be silent for as long as it likes", async () => {
  const world = new World();
  using client = world.open();
  await client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  await until("it asks", () => world.asked.length === 1);
  const { exchange, connection } = world.asked[0]!;
  exchange.writeHead(200, [], false);
  connection.noteSending(exchange, 1);
  await exchange.write(new Uint8Array(1));
  assertEquals(await world.pass(1_000_000), 1);
  await world.connections.close();
});

Deno.test("idle connections give way to new ones, and no more are taken than there may be", async () => {
  const world = new World(160);
  const clients: RawHttp[] = [];
  for (let count = 0; count < 16; count++) clients.push(world.open());
  assertEquals(world.connections.count, 16);
  using refused = world.open();
  assertEquals((await refused.receiveAll()).split("\r\n")[0], "HTTP/1.1 503 Service Unavailable");
  await world.pass(500);
  using taken = world.open();
  const asking = taken.request("GET", "/x");
  await world.answer();
  assertEquals((await asking).status, 200);
  assertEquals(world.connections.count, 16);
  await world.connections.close();
  for (const client of clients) client.close();
});

Deno.test("connections of HTTP and all others share one limit", async () => {
  const world = new World(40);
  world.others = 38;
  using _first = world.open();
  using _second = world.open();
  using refused = world.open();
  assertEquals((await refused.receiveAll()).split(" ")[1], "503");
  assertEquals(world.connections.count, 2);
  await world.connections.close();
});

Deno.test("connections with half a body, and with answers that nobody reads, give way to new ones", async () => {
  const world = new World(160);
  for (let count = 0; count < 15; count++) {
    await world.open().send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
  }
  await world.open().send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  await until("all ask", () => world.asked.length === 16);
  const { exchange, connection } = world.asked.at(-1)!;
  exchange.writeHead(200, [], false);
  connection.noteSending(exchange, 1024 * 1024);
  exchange.write(new Uint8Array(1024 * 1024)).catch(() => {});
  world.asked.length = 0;
  await world.pass(999);
  using refused = world.open();
  assertEquals((await refused.receiveAll()).split(" ")[1], "503");
  await world.pass(1);
  for (let count = 0; count < 16; count++) {
    const asking = world.open().request("GET", "/livez");
    await world.answer();
    assertEquals((await asking).status, 200);
  }
  await world.connections.close();
});

Deno.test("a client that reads the first of its answers and no other one is closed", async () => {
  const world = new World();
  using client = world.open();
  await client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
  await until("it asks twice", () => world.asked.length === 2);
  const [first, second] = world.asked.splice(0);
  const body = new Uint8Array(1024 * 1024);
  for (const { exchange, connection } of [second!, first!]) {
    const length = exchange === first!.exchange ? 1 : body.length;
    exchange.writeHead(200, [["content-length", String(length)]], false);
    connection.noteSending(exchange, length);
    const sent = exchange.write(body.subarray(0, length)).catch(() => {});
    if (exchange === first!.exchange) await sent.then(() => exchange.end());
  }
  first!.connection.noteAnswered(first!.exchange, false);
  assertEquals(await world.pass(9999), 1);
  assertEquals(await world.pass(1), 0);
});

Deno.test("of clients whose bodies and answers take too much memory, the one with most goes", async () => {
  const world = new World();
  using greedy = world.open();
  using modest = world.open();
  for (const client of [greedy, modest]) await client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  await until("both ask", () => world.asked.length === 2);
  const [one, other] = world.asked.splice(0);
  const MIB = 1024 * 1024;
  one!.connection.hold(one!.exchange, 2 * MIB);
  one!.connection.noteSending(one!.exchange, MIB);
  other!.connection.hold(other!.exchange, MIB);
  assertEquals(await world.pass(0), 2);
  other!.connection.hold(other!.exchange, 1);
  await until("one is gone", () => world.connections.count === 1);
  assert(one!.exchange.signal.aborted && !other!.exchange.signal.aborted);
  one!.connection.noteAnswered(one!.exchange, false);
  other!.connection.hold(other!.exchange, 100 * MIB);
  assertEquals(await world.pass(0), 1, "the only one may have a large message");
  await world.connections.close();
});
