// Traffic over TLS: nothing is lost when certificates change, and nothing waits for an acknowledgement.

import { assertEquals, assertLess, assertNotEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect as connectTls } from "node:tls";
import { connect, type Connection } from "../../../client.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import { TlsBroker } from "../../support/certificates/tls_broker.ts";
import { PATIENCE_MS } from "../../support/wire/duplex_client.ts";

/** The serial number of the certificate that a broker shows. */
async function readSerial({ made, server }: TlsBroker): Promise<string> {
  const { port } = server;
  const socket = connectTls({ host: "localhost", servername: "localhost", port, ca: made.ca });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("secureConnect", resolve);
  socket.once("error", reject);
  await deadline(promise, PATIENCE_MS);
  const { serialNumber } = socket.getPeerCertificate();
  const closed = Promise.withResolvers<void>();
  socket.once("close", () => closed.resolve());
  socket.destroy();
  await closed.promise;
  return serialNumber;
}

Deno.test("a hundred connections publish on while the certificate is renewed", async () => {
  await using broker = await TlsBroker.start();
  const before = await readSerial(broker);
  const pair = broker.made.makeClient("app");
  // Some by Deno's sockets, some by those of Node.
  const connections = await Promise.all(
    Array.from(
      { length: 100 },
      (_, number) => connect(broker.options(number % 10 === 0 ? pair : undefined)),
    ),
  );
  await connections[0]!.cursor().createStream("orders");
  const events: string[] = [];
  const watching = connections.map(async (connection) => {
    for await (const { type } of connection.status()) events.push(type);
  });
  let isOver = false;
  let sent = 0;
  const publishing = connections.map(async (connection) => {
    const publisher = connection.publisher("orders");
    while (!isOver) {
      await publisher.sendMessage("pizza");
      sent++;
    }
  });
  await until("all publish", () => sent > 200);
  broker.made.makeServer();
  const seen = new Set<string>();
  await until("new connections see the new certificate", async () => {
    seen.add(await readSerial(broker));
    return seen.size > 1 || !seen.has(before);
  });
  const [after] = seen.difference(new Set([before]));
  assertNotEquals(after, before);
  const sentBefore = sent;
  await until("all publish on", () => sent > sentBefore + 200);
  isOver = true;
  await deadline(Promise.all(publishing), PATIENCE_MS);
  assertEquals((await connections[0]!.cursor().getStream("orders")).ready, sent);
  await Promise.all(connections.map((connection) => connection.close()));
  await Promise.all(watching);
  const once = (type: string) => new Array(100).fill(type);
  assertEquals(events.sort(), [...once("closed"), ...once("connected")]);
  assertEquals(await readSerial(broker), after);
});

/** How long the middle one of some calls takes, in milliseconds. */
async function measure(call: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 15; count++) {
    const begun = performance.now();
    await call();
    times.push(performance.now() - begun);
  }
  return times.sort((one, other) => one - other)[7]!;
}

/** How long a message of 64 KiB takes to the broker, and from it. */
async function measureBoth(connection: Connection): Promise<[there: number, back: number]> {
  const cursor = connection.cursor();
  await cursor.createStream("large");
  const publisher = connection.publisher("large");
  const body = new Uint8Array(64 * 1024);
  await publisher.sendMessage(body);
  return [
    await measure(() => publisher.sendMessage(body)),
    await measure(async () => {
      const [message] = await cursor.peek("large", { limit: 1 });
      assertEquals((message!.body as Uint8Array).length, 64 * 1024);
    }),
  ];
}

Deno.test("64 KiB over TLS do not wait for acknowledgements, as Nagle's algorithm would", async () => {
  await using tls = await TlsBroker.start();
  await using plain = await startBroker();
  const pair = tls.made.makeClient("app");
  await using base = await connect({ port: plain.port });
  const [there, back] = await measureBoth(base);
  for (const shown of [undefined, pair]) {
    await using connection = await connect(tls.options(shown));
    const [tlsThere, tlsBack] = await measureBoth(connection);
    // A wait takes 40 ms: some hundred times as long as all of this. TLS itself takes some times.
    assertLess(tlsThere, there * 40, "to the broker");
    assertLess(tlsBack, back * 40, "from the broker");
  }
});

Deno.test("a client of TLS that does not read is given up, and one that reads slowly is not", async () => {
  await using broker = await TlsBroker.start("off", { slowReaderTimeoutMs: 1000 });
  await using connection = await connect(broker.options());
  await connection.cursor().createStream("large");
  const bodies = Array.from({ length: 64 }, () => new Uint8Array(512 * 1024));
  for (const body of bodies) await connection.publisher("large").sendMessage(body);
  const follow = async () => {
    const client = await broker.raw();
    await client.shakeHands();
    await client.openFollower(1, "large", { messages: 4096, bytes: 1024 ** 3 });
    return client;
  };
  await using deaf = await follow();
  await until("it is given up", () => broker.server.connectionCount === 1);
  deaf.close();
  await using slow = await follow();
  let taken = 0;
  const begun = performance.now();
  while (taken < 32) {
    taken += (await slow.takeMessages(1)).length;
    // The time of the limit passes twice until all of this has been taken.
    await until("a while has passed", () => performance.now() > begun + taken * 70);
  }
  assertEquals(broker.server.connectionCount, 2);
});
