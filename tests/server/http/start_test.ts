/**
 * The port for HTTP at the start of a broker: one that is taken, one that is not safe, none at all.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { serve, StartError } from "../../../server.ts";
import { BrokerProcess } from "../../support/broker/broker_process.ts";

const MEMORY = { port: 0, storage: { engine: "memory" } } as const;

/** Takes a port, unless another program has it. */
function take(port: number): Deno.TcpListener | undefined {
  try {
    return Deno.listen({ hostname: "localhost", port });
  } catch {
    return undefined;
  }
}

Deno.test("a port for HTTP that was chosen and is taken keeps the broker from starting", async () => {
  using taken = take(0)!;
  const { port } = taken.addr;
  const error = await assertRejects(() => serve({ ...MEMORY, http: { port } }), StartError);
  assertEquals(
    error.message,
    `Cannot listen at localhost:${port} for HTTP: the port is taken. Choose another one: ` +
      "--http-port, or turn HTTP off: --no-http",
  );
  assertEquals(error.exitCode, 2);
  const { code, lines } = await BrokerProcess.run(["--http", "--http-port", String(port)]);
  assertEquals(code, 2);
  assertStringIncludes(lines.at(-1)!, "error Cannot listen at localhost:");
});

Deno.test("the default port for HTTP may be taken: the broker warns, and serves", async () => {
  using _taken = take(9190);
  await using broker = await BrokerProcess.listen(["--http"], {
    settings: "http:\n  port: 9190\n",
  });
  const [warning, started] = broker.lines;
  assertStringIncludes(warning!, " warning the broker serves no HTTP: the port is taken. Choose ");
  assertStringIncludes(warning!, "address=localhost:9190");
  assert(!started!.includes("http="));
});

Deno.test("HTTP is for this machine, unless there are users and TLS, or that is meant", async () => {
  const wide = { ...MEMORY, http: { port: 0, host: "0.0.0.0" } };
  const error = await assertRejects(() => serve(wide), RangeError);
  assertStringIncludes(error.message, 'setting "http.host": found "0.0.0.0", where other machines');
  const both = await assertRejects(() => serve({ ...wide, host: "0.0.0.0" }), RangeError);
  assertStringIncludes(both.message, 'setting "host": found "0.0.0.0"');
  assertStringIncludes(both.message, 'setting "http.host": found "0.0.0.0"');
  await using broker = await serve({ ...wide, insecure: true, logLevel: "error" });
  const response = await fetch(`http://127.0.0.1:${broker.http!.port}/livez`);
  assertEquals([response.status, await response.text()], [200, "live\n"]);
});

Deno.test("/readyz says why a broker is not ready, until it has stopped", async () => {
  const broker = await serve({ ...MEMORY, http: { port: 0 }, shutdownTimeoutMs: 60_000 });
  const connection = await broker.connect();
  await connection.cursor().createStream("a");
  await connection.publisher("a").sendMessage("1");
  const address = `http://localhost:${broker.http!.port}/readyz`;
  let ended: Promise<void> | undefined;
  for await (const _message of connection.follower("a").getMessages()) {
    // A handler that is at work keeps the broker for a while.
    ended = broker.close();
    const response = await fetch(address);
    assertEquals(response.status, 503);
    assertEquals(await response.json(), { ready: false, reasons: ["the broker is being stopped"] });
    break;
  }
  await connection.close();
  await ended;
  await assertRejects(() => fetch(address));
});
