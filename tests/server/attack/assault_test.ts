/**
 * A short assault on a broker: handshakes, frames, lines and TLS records with something wrong in them, and
 * connections that drip. Nobody else is disturbed, and the broker is as it was. `deno task test:attack`
 * does the same for as long as one likes, and looks at the memory.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { connect } from "../../../client.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import { createToken } from "../../../src/server/access/users/token.ts";
import { TestCertificates } from "../../support/certificates/test_certificates.ts";
import { helloBytes } from "../../support/wire/raw_client.ts";
import { Arsenal, recordTlsHello } from "./arsenal.ts";
import { Pulse } from "./pulse.ts";
import { manyAddresses, Slowloris, storm } from "./storm.ts";
import { Town } from "../../support/broker/town.ts";

const seed = Number(Deno.env.get("ATTACK_SEED") ?? Math.floor(Math.random() * 2 ** 32));

/** How many attacks of each kind. */
const COUNT = 250;

/** What the prototypes of all objects have, by name. */
function listPrototypes(): string {
  const prototypes = [Object.prototype, Array.prototype, Function.prototype, Map.prototype];
  return JSON.stringify(prototypes.map((one) => Reflect.ownKeys(one).map(String)));
}

Deno.test("an assault disturbs nobody, and leaves the broker as it was", async () => {
  // deno-lint-ignore no-console
  console.log(`ATTACK_SEED=${seed}`);
  const prototypes = listPrototypes();
  const arsenal = new Arsenal(seed, await recordTlsHello());
  await using town = await Town.open();
  await using broker = await startBroker({ users: town.users, handshakeTimeoutMs: 5000 });
  const { port } = broker;
  {
    await using pulse = await Pulse.start({ port, token: town.token });
    await using slowloris = new Slowloris({ port }, 20, helloBytes());
    const kinds = [
      () => ({ bytes: arsenal.handshake() }),
      () => arsenal.frames(),
      () => ({ bytes: arsenal.line() }),
      () => ({ bytes: arsenal.tlsRecords() }),
    ];
    for (const make of kinds) {
      assertGreater(await storm({ port }, make, (count) => count >= COUNT), COUNT - 1);
    }
    assertGreater(slowloris.openedCount, 19);
    assertGreater(pulse.takeP99().count, 10);
  }
  await until("the attackers are gone", () => broker.connectionCount === 0);
  assertEquals(listPrototypes(), prototypes);
});

Deno.test("an assault on a port that speaks TLS disturbs nobody", async () => {
  using certificates = new TestCertificates();
  const { certificateFile, keyFile } = certificates.makeServer();
  const tls = { certificate: certificateFile, key: keyFile };
  await using broker = await startBroker({ tls, handshakeTimeoutMs: 5000 });
  const { port } = broker;
  const options = { port, tls: { ca: certificates.ca } };
  await using connection = await connect(options);
  await connection.cursor().createStream("a");
  const tlsHello = await recordTlsHello();
  const arsenal = new Arsenal(seed + 1, tlsHello);
  // One address with many handshakes would soon be held back.
  const front = { port, makeAddress: manyAddresses() };
  await using _slowloris = new Slowloris(front, 10, tlsHello);
  await storm(front, () => ({ bytes: arsenal.tlsRecords() }), (count) => count >= COUNT);
  await storm(front, () => ({ bytes: arsenal.handshake() }), (count) => count >= COUNT / 4);
  await using other = await connect(options);
  const { streams } = await other.publisher("a").sendMessage("still here");
  assertEquals(streams, [{ stream: "a", id: 1 }]);
  await until("the attackers are gone", () => broker.connectionCount <= 12);
  assert(await connection.cursor().getStream("a"));
});

Deno.test("a storm of wrong tokens keeps nobody with a right one out", async () => {
  await using town = await Town.open();
  await using broker = await startBroker({ users: town.users });
  const { port } = broker;
  const front = { port, makeAddress: manyAddresses() };
  const bytes = helloBytes("guess", createToken());
  let isOver = false;
  const guessing = storm(front, () => ({ bytes }), () => isOver);
  const oneAddress = storm(
    { port, makeAddress: () => "127.0.0.2" },
    () => ({ bytes }),
    () => isOver,
  );
  for (let count = 0; count < 10; count++) {
    await using connection = await connect({ port, token: town.token, connectTimeoutMs: 5000 });
    await connection.cursor().createStream("pulse");
  }
  isOver = true;
  assertGreater(await guessing, 20);
  assertGreater(await oneAddress, 20);
  await until("they are gone", () => broker.connectionCount === 0);
});
