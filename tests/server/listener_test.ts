/**
 * The listener: it accepts, survives what keeps it from accepting, and ends.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { findConnectionLimit } from "../../src/server/connection_limit.ts";
import { Listener } from "../../src/server/listener.ts";
import { Log } from "../../src/server/log.ts";

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
  const log = new Log({ level: "warning", write: (line) => lines.push(line) });
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

/**
 * A process with few descriptors that accepts connections and holds each until its client leaves.
 * It tells its port on standard output.
 */
const FEW_DESCRIPTORS = `
  import { Listener } from "${new URL("../../src/server/listener.ts", import.meta.url).href}";
  import { Log } from "${new URL("../../src/server/log.ts", import.meta.url).href}";
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
