/**
 * The bench of TLS and users: what it must notice, then that its doors let in whom they should. Nothing
 * here depends on how fast anything is.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect } from "@simplemq/simplemq";
import { BrokerProcess, HOSTNAME } from "../bench/harness/broker_process.ts";
import { alternate, compare, gather } from "../bench/tls/comparison.ts";
import { Gate, makeToken, type NamedDoor, USER } from "../bench/tls/gate.ts";
import { PARTS, readTlsScale } from "../bench/tls/scale.ts";
import { WrongLogins } from "../bench/tls/wrong_logins.ts";
import { TestDirectory } from "./support/disk/journals.ts";

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

Deno.test("readTlsScale() refuses parts that there are not", () => {
  assertThrows(() => readTlsScale(["--parts", "speed"]), RangeError, `--parts has "speed"`);
  assertThrows(() => readTlsScale(["--rounds", "0"]), RangeError, `--rounds is "0"`);
  assertThrows(() => readTlsScale(["--storms"]), RangeError, `"--storms"`);
});

Deno.test("readTlsScale() takes parts and counts over the full scale and over the quick one", () => {
  const scale = readTlsScale(["--parts", "memory,requests", "--rounds", "7", "--quick"]);
  assertEquals([scale.parts, scale.rounds], [["requests", "memory"], 7]);
  assertEquals(readTlsScale([]).parts, PARTS);
  assert(scale.messages < readTlsScale([]).messages);
});

Deno.test("compare() compares round by round, and not what is of no round", () => {
  assertEquals(compare([2, 30, 1], [4, 20, 2]), { median: 0.5, lowest: 0.5, highest: 1.5 });
  assertThrows(() => compare([1, 2], [1]), RangeError, "Cannot compare 2 measurements with 1");
});

Deno.test("gather() finds a row of all rounds, and alternate() turns every second round around", () => {
  const rounds = [[{ a: 1, b: 2 }, { a: 3 }], [{ b: 5, a: 4 }, { a: 6 }]];
  assertEquals(gather(rounds, 0), { a: [1, 4], b: [2, 5] });
  assertEquals(gather(rounds, 1), { a: [3, 6] });
  const order = alternate(["a", "b"]);
  assertEquals([order(), order(), order()], [["a", "b"], ["b", "a"], ["a", "b"]]);
});

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

Deno.test("tokens that are made have the form of tokens", () => {
  assert(/^smq_[\w-]{43}$/.test(makeToken()));
});
