/**
 * The bench of requests: it accounts for every reply, and notices one that is not right.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { answerRequests, measureTrips, prepareRequests } from "../bench/requests/round_trips.ts";
import { startBroker } from "./support/broker/broker.ts";

Deno.test("measureTrips() makes all requests, and all are answered", async () => {
  await using broker = await startBroker();
  await using requester = await broker.connect();
  const responder = await broker.connect();
  await prepareRequests(requester);
  const answering = answerRequests(responder);
  const { rate, latencyMs } = await measureTrips(requester, { count: 500, inFlight: 20 });
  assert(rate > 0 && latencyMs.p50 > 0 && latencyMs.p99 >= latencyMs.p50);
  await responder.close();
  assertEquals(await answering, 500);
});

Deno.test("measureTrips() fails if a reply is another request's", async () => {
  await using broker = await startBroker();
  await using requester = await broker.connect();
  await using responder = await broker.connect();
  await prepareRequests(requester);
  const follower = responder.follower<number>("bench-requests");
  const answering = (async () => {
    for await (const message of follower.getMessages()) {
      message.reply(message.body === 7 ? 7 : message.body + 1);
      await message.ack();
    }
  })();
  await assertRejects(
    () => measureTrips(requester, { count: 20, inFlight: 1 }),
    Error,
    "Request 7 got the reply 7",
  );
  await follower.close();
  await answering;
});
