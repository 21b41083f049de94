/**
 * Secrets never come out: a broker says all that it can, and nothing that it says has a token, a body, a
 * header's value or a key in it.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { connect, type Connection } from "../../../client.ts";
import { createToken } from "../../../src/server/access/users/token.ts";
import { BrokerProcess } from "../../support/broker/broker_process.ts";
import { cursorLine, LineClient } from "../../support/wire/line_client.ts";
import { helloBytes, RawClient } from "../../support/wire/raw_client.ts";
import { Town } from "../../support/broker/town.ts";

/** It is in all that is secret here. */
const CANARY = "CaNaRy7e1f";

/** A token that is well formed, and nobody's. */
const WRONG_TOKEN = `smq_${CANARY}${createToken().slice(4 + CANARY.length)}`;

const SECRET = {
  body: { card: `4111 ${CANARY}` },
  options: { headers: { "x-secret": CANARY }, key: `key ${CANARY}`, dedupId: `dedup ${CANARY}` },
};

/** Sends secrets to where they are stored, refused, given up, read again and asked for. */
async function sendSecrets(connection: Connection): Promise<void> {
  const cursor = connection.cursor();
  await cursor.createStream("pulse", { maxDeliveries: 1, maxMessages: 4 });
  const publisher = connection.publisher("pulse");
  const { body, options } = SECRET;
  await publisher.sendMessage(body, options);
  await publisher.sendMessage(body, options);
  await publisher.sendMessages([CANARY, { text: CANARY }]);
  await publisher.sendMessage("x".repeat(2_000_000) + CANARY).catch(() => {});
  await connection.publisher(`nowhere-${"x".repeat(3)}`).sendMessage(body).catch(() => {});
  await connection.publisher("forbidden").sendMessage(body, options).catch(() => {});
  const follower = connection.follower("pulse");
  for await (const message of follower.getMessages()) {
    await message.reject("it failed", { confirm: true });
    break;
  }
  await follower.close();
  assertGreater((await cursor.peek("pulse.dead")).length, 0);
  await cursor.explain("pulse");
  await cursor.redrive("pulse.dead");
  await cursor.deleteStream("pulse").catch(() => {});
}

/** Sends frames and lines that cannot be read, with secrets in them, all at once. */
async function sendMistakes(port: number): Promise<void> {
  const encoder = new TextEncoder();
  const texts = [`{"token":"${WRONG_TOKEN}"}\n`, `{"token":"${CANARY}"}\n`, `{"${CANARY}`];
  texts.push(`${CANARY}\n`, cursorLine("GET_STREAM", "x").replace("{", `{"token":"${CANARY}",`));
  const lines = texts.map(async (text) => {
    await using client = await LineClient.connect(port);
    await client.send(text);
    client.close();
  });
  const frames = [WRONG_TOKEN, CANARY, `smq_${CANARY}`].map(async (token) => {
    await using raw = await RawClient.connect(port);
    const bytes = helloBytes("canary", token);
    await raw.send(bytes);
    await raw.next().catch(() => {});
    await using half = await RawClient.connect(port);
    bytes[bytes.length - 3] = 0xff;
    await half.send(bytes);
    await half.next().catch(() => {});
    await using stranger = await RawClient.connect(port);
    await stranger.send(encoder.encode(`GET /?token=${token} HTTP/1.1\r\n`));
    await stranger.next().catch(() => {});
  });
  await Promise.all([...lines, ...frames]);
}

for (const end of ["SIGTERM", "SIGABRT"] as const) {
  Deno.test(`what a broker says until ${end} has no secrets in it`, async () => {
    await using town = await Town.open();
    const args = ["--users", town.users, "--log-level", "debug"];
    await using broker = await BrokerProcess.listen(args);
    const { port } = broker;
    await using connection = await connect({ port, token: town.token });
    await sendSecrets(connection);
    await sendMistakes(port);
    const error = await assertRejects(() => connect({ port, token: WRONG_TOKEN }), Error);
    assert(!`${error.stack}`.includes(CANARY), "the error of the client has the token in it");
    broker.kill(end);
    const { stdout, lines } = await broker.waitForEnd();
    const said = [stdout, ...lines].join("\n");
    assertGreater(lines.length, 15);
    assertEquals(lines.filter((line) => line.includes(CANARY)), []);
    assert(!said.includes(town.token), "the token of the user is there");
    assert(!said.includes(town.token.slice(4, 20)), "a part of the token is there");
  });
}
