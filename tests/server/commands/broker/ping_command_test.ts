/**
 * `ping`: exit codes and words, for people, containers and systemd.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { startBroker } from "../../../support/broker/broker.ts";
import { TlsBroker } from "../../../support/certificates/tls_broker.ts";
import { runTyped } from "../../../support/commands/typed.ts";
import { TestDirectory } from "../../../support/disk/journals.ts";

/** A port on which nobody listens for a while. */
function findFreePort(): number {
  const listener = Deno.listen({ hostname: "localhost", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

Deno.test("ping: a broker that is well, also with users and without a token", async () => {
  await using directory = await TestDirectory.create();
  const users = `${directory.path}/users.yaml`;
  await Deno.writeTextFile(users, "users: { app: {} }", { mode: 0o600 });
  await using broker = await startBroker({ users });
  const server = `localhost:${broker.port}`;
  const { code, stdout, lines } = await runTyped(["ping", "--server", server]);
  assertEquals([code, lines], [0, []]);
  assertMatch(stdout, /^well: simplemq \d+\.\d+\.\d+\S*, \d+(\.\d+)?m?s\n$/);
  const json = await runTyped(["ping", "--json"], { env: { SIMPLEMQ_SERVER: server } });
  assertEquals(JSON.parse(json.stdout).problems, []);
});

Deno.test("ping: nobody there is 5, and something else there is not 0", async () => {
  const { code, stdout, lines } = await runTyped(["ping", "--server", "localhost:1"]);
  assertEquals([code, stdout], [5, ""]);
  assertMatch(lines.join(), /Cannot connect to a broker at localhost:1: /);
  await using broker = await startBroker({ limits: { connections: 1 } });
  await using _only = await broker.connect();
  const full = await runTyped(["ping", "--server", `localhost:${broker.port}`]);
  assertEquals(full.code, 1);
  assertMatch(full.lines.join(), /not ready: .*limit of 1 is reached \(TOO_MANY_CONNECTIONS\)/);
});

Deno.test("ping: with --wait a broker may start meanwhile", async () => {
  const port = findFreePort();
  // Seconds, as in units of systemd.
  const waiting = runTyped(["ping", "--wait", "20", "--server", `localhost:${port}`]);
  await using _broker = await startBroker({ port });
  assertEquals((await waiting).code, 0);
});

Deno.test("ping: with --wait the last failure counts, and a mistake ends the wait", async () => {
  const late = await runTyped(["ping", "--wait", "300ms", "--server", "localhost:1"]);
  assertEquals(late.code, 5);
  const wrong = await runTyped(["ping", "--wait", "1h", "--server", "localhost:none"]);
  assertEquals(wrong.code, 2);
  assertMatch(wrong.lines.join(), /is no number/);
});

Deno.test("ping: Ctrl-C ends the wait", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = runTyped(["ping", "--wait", "1h", "--server", "localhost:1"], { signal });
  setTimeout(() => controller.abort(), 50);
  assertEquals((await waiting).code, 130);
});

Deno.test("ping: over TLS with --ca, and without it the reason is told", async () => {
  await using broker = await TlsBroker.start();
  const server = `smqs://localhost:${broker.server.port}`;
  const ca = ["--ca", broker.made.caFile];
  assertEquals((await runTyped(["ping", "--server", server, ...ca])).code, 0);
  const env = { SIMPLEMQ_SERVER: server, SIMPLEMQ_CA: broker.made.caFile };
  assertEquals((await runTyped(["ping"], { env })).code, 0);
  const untrusted = await runTyped(["ping", "--server", server]);
  assertEquals(untrusted.code, 5);
  assertMatch(untrusted.lines.join(), /unknown authority; give its authority as --ca/);
});

Deno.test("ping: flags with mistakes are all told at once", async () => {
  const { code, lines } = await runTyped(["ping", "--wait", "soon", "--timeout", "0"]);
  assertEquals(code, 2);
  assert(lines.some((line) => line.includes('--wait: found "soon"')), lines.join("\n"));
  assert(lines.some((line) => line.includes("--timeout: allowed")), lines.join("\n"));
  assertEquals((await runTyped(["ping", "--token-file", "x"])).code, 2);
});
