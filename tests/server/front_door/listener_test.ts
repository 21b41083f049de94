/**
 * The listener: it accepts, survives what keeps it from accepting, and ends.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect } from "node:net";
import { findConnectionLimit } from "../../../src/server/system_file.ts";
import { Listener } from "../../../src/server/front_door/listener.ts";
import { SendQueues } from "../../../src/server/front_door/send_queues.ts";
import { until } from "../../support/broker/broker.ts";
import { Log } from "../../../src/server/log.ts";

const PATIENCE_MS = 20_000;

const HOST = "127.0.0.1";

const quiet = new Log({ level: "error" });

Deno.test("Listener hands over each connection", async () => {
  const ports: number[] = [];
  const both = Promise.withResolvers<void>();
  const listener = new Listener({
    hostname: HOST,
    port: 0,
    log: quiet,
    onConnection: (connection) => {
      if (ports.push(connection.remoteAddr.port) === 2) both.resolve();
      connection.close();
    },
  });
  const { port, hostname } = listener.address;
  assertEquals(hostname, HOST);
  using one = await Deno.connect({ hostname: HOST, port });
  using other = await Deno.connect({ hostname: HOST, port });
  await deadline(both.promise, PATIENCE_MS);
  assertEquals(ports, [one.localAddr.port, other.localAddr.port]);
  await listener.close();
});

Deno.test("Listener throws what the system says of a port that is taken", async () => {
  const options = { hostname: HOST, log: quiet, onConnection: () => {} };
  const listener = new Listener({ ...options, port: 0 });
  const { port } = listener.address;
  assertThrows(() => new Listener({ ...options, port }), Deno.errors.AddrInUse);
  await listener.close();
});

Deno.test("Listener.close() may be called twice, and lets nobody in any more", async () => {
  const listener = new Listener({ hostname: HOST, port: 0, log: quiet, onConnection: () => {} });
  const { port } = listener.address;
  await Promise.all([listener.close(), listener.close()]);
  await listener.close();
  await assertRejects(
    () => Deno.connect({ hostname: HOST, port }),
    Deno.errors.ConnectionRefused,
  );
});

Deno.test("Listener closes a connection that could not be taken, and goes on", async () => {
  const lines: string[] = [];
  const log = new Log({ level: "debug", write: (line) => lines.push(line) });
  const listener = new Listener({
    hostname: HOST,
    port: 0,
    log,
    onConnection: () => {
      throw new Deno.errors.NotConnected("it has left already");
    },
  });
  const { port } = listener.address;
  for (let count = 1; count <= 3; count++) {
    using client = await Deno.connect({ hostname: HOST, port });
    assertEquals(await deadline(client.read(new Uint8Array(1)), PATIENCE_MS), null);
    assertEquals(lines.length, count);
    assertStringIncludes(lines.at(-1)!, "cannot use a connection");
  }
  await listener.close();
});

/** Opens a connection and ends it the hard way, as port scanners do. */
async function connectAndReset(port: number): Promise<void> {
  const socket = connect(port, HOST);
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.resetAndDestroy();
  await closed;
}

/** What the system says of a connection, as Deno passes it on. */
function systemError(name: "NotConnected" | "ConnectionAborted" | undefined, code: string): Error {
  const error = name === undefined ? new Error(code) : new Deno.errors[name](code);
  return Object.assign(error, { code });
}

Deno.test("Listener pauses for a shortage only, not for connections that are gone", async () => {
  const address: Deno.NetAddr = { transport: "tcp", hostname: HOST, port: 1 };
  const outcomes = [
    ...Array.from({ length: 100 }, () => systemError("NotConnected", "ENOTCONN")),
    systemError("ConnectionAborted", "ECONNABORTED"),
    systemError(undefined, "EPROTO"),
    systemError(undefined, "EMFILE"),
    systemError("NotConnected", "ENOTCONN"),
  ];
  const asked = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<never>();
  closed.promise.catch(() => {});
  const lines: string[] = [];
  const listener = new Listener({
    hostname: HOST,
    port: 0,
    log: new Log({ level: "warning", write: (line) => lines.push(line) }),
    onConnection: () => {},
    listen: () => ({
      addr: address,
      accept: () => {
        const outcome = outcomes.shift();
        if (outcome !== undefined) return Promise.reject(outcome);
        asked.resolve();
        return closed.promise;
      },
      close: () => closed.reject(new Deno.errors.BadResource("closed")),
    }),
  });
  await deadline(asked.promise, PATIENCE_MS);
  assertEquals(lines.length, 1, lines.join(""));
  assertStringIncludes(lines[0]!, "EMFILE");
  await listener.close();
});

Deno.test("Listener: connections that are reset before they are accepted keep nobody out", async () => {
  const lines: string[] = [];
  const { promise: resets, resolve: allReset } = Promise.withResolvers<void>();
  const accepted = Promise.withResolvers<void>();
  const listener = new Listener({
    hostname: HOST,
    port: 0,
    log: new Log({ level: "warning", write: (line) => lines.push(line) }),
    onConnection: (connection) => {
      connection.close();
      accepted.resolve();
    },
    // Nothing is accepted until all of them have come and gone.
    listen: (address) => {
      const port = Deno.listen(address);
      return {
        addr: port.addr,
        accept: () => resets.then(() => port.accept()),
        close: () => port.close(),
      };
    },
  });
  const { port } = listener.address;
  for (let count = 0; count < 20; count++) await connectAndReset(port);
  using _client = await Deno.connect({ hostname: HOST, port });
  allReset();
  await deadline(accepted.promise, PATIENCE_MS);
  assertEquals(lines, []);
  await listener.close();
});

/**
 * A process with few descriptors that accepts connections and holds each until its client leaves.
 * It tells its port on standard output.
 */
const FEW_DESCRIPTORS = `
  import { Listener } from "${
  new URL("../../../src/server/front_door/listener.ts", import.meta.url).href
}";
  import { Log } from "${new URL("../../../src/server/log.ts", import.meta.url).href}";
  const { address } = new Listener({
    hostname: "${HOST}",
    port: 0,
    log: new Log({ level: "warning" }),
    onConnection: async (connection) => {
      const buffer = new Uint8Array(1);
      while (await connection.read(buffer).catch(() => null)) await connection.write(buffer);
      connection.close();
    },
  });
  Deno.stdout.writeSync(new TextEncoder().encode(address.port + "\\n"));
`;

Deno.test({
  name: "Listener waits when descriptors run out, and accepts again when there are some",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const process = new Deno.Command("sh", {
      args: ["-c", `ulimit -n 64; exec "$0" eval --no-lock "$1"`, Deno.execPath(), FEW_DESCRIPTORS],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stdout = process.stdout.getReader();
    const stderr = process.stderr.getReader();
    const clients: Deno.TcpConn[] = [];
    try {
      const { value } = await deadline(stdout.read(), PATIENCE_MS);
      const port = Number(new TextDecoder().decode(value));
      for (let count = 0; count < 64; count++) {
        clients.push(await Deno.connect({ hostname: HOST, port }));
      }
      const { value: line } = await deadline(stderr.read(), PATIENCE_MS);
      assertStringIncludes(new TextDecoder().decode(line), "warning cannot accept a connection");
      for (const client of clients.splice(0)) client.close();
      using last = await Deno.connect({ hostname: HOST, port });
      await last.write(new Uint8Array([42]));
      const echo = new Uint8Array(1);
      await deadline(last.read(echo), PATIENCE_MS);
      assertEquals(echo[0], 42);
    } finally {
      for (const client of clients) client.close();
      process.kill("SIGKILL");
      await process.status;
      await stdout.cancel();
      await stderr.cancel();
    }
  },
});

Deno.test("findConnectionLimit() is the setting, or less if there are few descriptors", () => {
  assertEquals(findConnectionLimit(1), 1);
  const limit = findConnectionLimit(Number.MAX_SAFE_INTEGER);
  assertEquals(findConnectionLimit(limit), limit);
});

Deno.test({
  name: "SendQueues tells how much of what was sent is not taken yet",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using port = Deno.listen({ hostname: HOST, port: 0 });
    using reader = await Deno.connect({ hostname: HOST, port: port.addr.port });
    using writer = await port.accept();
    const queues = new SendQueues();
    const ports = { local: writer.localAddr.port, remote: writer.remoteAddr.port };
    assertEquals(queues.find(ports, 0), 0);
    assertEquals(queues.find({ local: ports.local, remote: 1 }, 0), undefined);
    const bytes = new Uint8Array(64 * 1024 * 1024);
    const written = (async () => {
      for (let sent = 0; sent < bytes.length;) sent += await writer.write(bytes.subarray(sent));
    })();
    let now = 0;
    await until("the system takes no more", () => (queues.find(ports, ++now) ?? 0) > 100_000);
    const before = queues.find(ports, now)!;
    // At one time it is looked once.
    assertEquals(queues.find(ports, now), before);
    const buffer = new Uint8Array(1024 * 1024);
    let taken = 0;
    while (taken < bytes.length) taken += await deadline(reader.read(buffer), PATIENCE_MS) ?? 0;
    await written;
    await until("all is taken", () => queues.find(ports, ++now) === 0);
  },
});
