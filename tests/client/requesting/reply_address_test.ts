// Whoever knows the address of a reply can answer: it must reach followers alone.

import { assert, assertEquals } from "@std/assert";
import { PendingRequests } from "../../../src/client/requesting/pending_requests.ts";
import { readU32 } from "../../../src/protocol/bytes.ts";
import { readProperties } from "../../../src/protocol/messages/properties.ts";
import { systemClock } from "../../../src/transport/clock.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { RawClient } from "../../support/wire/raw_client.ts";

Deno.test("those who only look at a request do not learn where its reply goes", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("orders");
  const publisher = connection.publisher("orders");
  await publisher.sendMessage("no request");
  const replied = publisher.request("a request");
  await publisher.flush();
  await publisher.sendMessage("nor this");
  await using looking = await RawClient.open(broker.port);
  for (const [operation, from, request] of [["peek", 1, 1], ["getMessage", 2, 0]] as const) {
    await looking.query(1, operation, "orders", { from });
    const { messages: { entries, infos } } = await looking.expect("messages");
    assertEquals(infos.length, operation === "peek" ? 3 : 1);
    const view = new DataView(entries.buffer, entries.byteOffset);
    const offset = request === 0 ? 0 : view.getUint32(0);
    assertEquals(readProperties(entries, offset).request, {
      stream: `$reply.${"-".repeat(36)}`,
      number: 0,
    });
  }
  for await (const message of connection.follower("orders").getMessages()) {
    await message.ack();
    if (message.body !== "a request") continue;
    await message.reply("an answer");
    break;
  }
  assertEquals((await replied).body, "an answer");
});

Deno.test("whoever gets one request cannot tell the numbers of others", async () => {
  const requests = new PendingRequests({ link: undefined }, systemClock);
  const begun = Array.from({ length: 200 }, () => requests.begin({}, {}));
  // An address ends with its number, and nothing comes behind it here.
  const numbers = begun.map((request) => readU32(request.place().bytes!.slice(-4), 0));
  assertEquals(new Set(numbers).size, numbers.length);
  const steps = numbers.slice(1).map((number, index) => Math.abs(number - numbers[index]!));
  assert(steps.every((step) => step > 100), `${numbers}`);
  requests.end(undefined);
  await Promise.allSettled(begun.map(({ promise }) => promise));
});
