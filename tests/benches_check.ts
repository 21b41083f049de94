/**
 * The benches run, on a small scale, and account for everything. Nothing here depends on how fast anything is.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect } from "@simplemq/simplemq";
import { BrokerProcess, HOSTNAME } from "../bench/harness/broker_process.ts";
import { WAYS } from "../bench/harness/sending.ts";
import { Gate, type NamedDoor, USER } from "../bench/tls/gate.ts";
import { WrongLogins } from "../bench/tls/wrong_logins.ts";
import { runBench } from "./support/benches/run_bench.ts";
import { TestDirectory } from "./support/disk/journals.ts";

Deno.test("the bench prints where it ran, its tables, and what it accounted for", async () => {
  const { code, stdout, stderr } = await runBench("throughput", "--quick", "--messages", "4000");
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, `- Deno: ${Deno.version.deno}, V8 ${Deno.version.v8}\n`);
  assert(/^- SimpleMQ: \S+, engine \w+, durability \w+$/m.test(stdout), stdout);
  for (const { name } of WAYS) {
    const rows = stdout.split("\n").filter((line) => line.startsWith(`| ${name} `));
    // Two engines and two sizes: how many a second, and what they take of a processor.
    assertEquals(rows.length, 8, stdout);
  }
  assert(/^In turn with one write and fdatasync.*: [\d.]+ times as long/m.test(stdout), stdout);
  assertStringIncludes(stdout, "| spawn to first handshake, ms ");
  assertStringIncludes(stdout, "| broker with idle clients, % of a processor |");
  // In memory 4,000, a half and an eightieth of them with 100 bytes, a quarter of each with 1 KiB; in
  // the journal the same, but a fifth of those that are awaited one by one.
  assertStringIncludes(stdout, "Accounted for: 15,076 messages");
});

Deno.test("the bench of the peers takes SimpleMQ through its works, and leaves nothing behind", async () => {
  const works = "throughput-100,single-100,awaited,steady-1k,backlog-1m";
  const peers = "simplemq,simplemq-memory,redis-everysec";
  const { code, stdout, stderr, left } = await runBench(
    ...["peers", "--quick", "--without-servers", "--peers", peers, "--works", works],
  );
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, "measurements, each confirmed, delivered and acknowledged once");
  // Two peers do four of the works, one of them does the backlog, and there is a row for each.
  assertStringIncludes(stdout, " messages in 9 measurements");
  assertEquals(stdout.match(/^\| SimpleMQ .*\| +flushed /gm)?.length, 7, stdout);
  assertStringIncludes(stdout, "the figures mean nothing");
  for (const said of [stdout, stderr]) {
    assertStringIncludes(said, "Redis Streams, everysec is left out: --without-servers was given");
  }
  assertEquals(left, []);
});

Deno.test("the bench of latency prints a row for each rate, beside the reference", async () => {
  const { code, stdout, stderr, left } = await runBench("tail", "--quick", "--works", "10k,memory");
  assertEquals(code, 0, stderr);
  assert(/^\| 10,000 a second .*(\| +[\d.]+ ){14}\|$/m.test(stdout), stdout);
  assert(/^\| 10,000 a second, memory .*/m.test(stdout), stdout);
  assertEquals(left, []);
});

Deno.test("the bench of operations calls each method of the API", async () => {
  const { code, stdout, stderr, left } = await runBench("operations", "--quick");
  assertEquals(code, 0, stderr);
  for (const state of ["waiting", "delayed", "dead letters", "held by followers", "streams"]) {
    assertStringIncludes(stdout, `\n| ${state} `);
  }
  assertEquals(left, []);
});

Deno.test("the bench of TLS and users prints a table for each part", async () => {
  const { code, stdout, stderr, left } = await runBench("tls", "--quick");
  assertEquals(code, 0, stderr);
  const heads = ["messages/s", "CPU, µs per message, journal", "milliseconds", "new connections"]
    .concat("connections ", "confirms while 200 logins a second fail");
  for (const head of heads) assertStringIncludes(stdout, `\n| ${head}`);
  // The files that it has made are gone.
  assertEquals(left, []);
});

/** Does something with a broker behind a door. */
async function withBroker(
  find: (gate: Gate) => readonly NamedDoor[],
  act: (broker: BrokerProcess, door: NamedDoor) => Promise<void>,
): Promise<void> {
  await using directory = await TestDirectory.create();
  await using gate = await Gate.open(directory.path);
  for (const door of find(gate)) {
    await using broker = await BrokerProcess.start("memory", directory.path, {}, door);
    await act(broker, door);
  }
}

Deno.test("a door with users or TLS does not let in whoever comes to a plain one", async () => {
  await withBroker((gate) => gate.find("users", "TLS"), async (broker, door) => {
    const { port } = broker;
    await assertRejects(() => connect({ hostname: HOSTNAME, port, connectTimeoutMs: 5000 }));
    await using connection = await broker.connect();
    assertEquals(connection.broker.user, door.name === "users" ? USER : "local");
  });
});

Deno.test("wrong logins are counted, whatever becomes of them", async () => {
  await withBroker((gate) => gate.find("users", "TLS, users"), async ({ port }, { ca }) => {
    await using many = await WrongLogins.begin({ port, ca, rate: 1000, count: 20, perAddress: 10 });
    await using one = await WrongLogins.begin({ port, ca, rate: 1000, count: 40 });
    assertEquals(await many.end(), { refused: 20, closed: 0 });
    const { refused, closed } = await one.end();
    assertEquals(refused + closed, 40);
  });
});

Deno.test("wrong logins fail at a broker that lets everybody in", async () => {
  await withBroker((gate) => gate.find("plain"), async ({ port }) => {
    await using logins = await WrongLogins.begin({ port, rate: 1000, count: 2 });
    await assertRejects(() => logins.end(), Error, "before their time");
  });
});
