// What tests of single frames need.

import { assertEquals } from "@std/assert";
import type { StreamInfo } from "../../../protocol.ts";
import type { BrokerServer } from "../../../server.ts";
import { startBroker } from "../../support/broker/broker.ts";
import type { BrokerFrames } from "../../support/wire/broker_frames.ts";
import { RawClient } from "../../support/wire/raw_client.ts";

/** A broker, and a client that has publisher 1 on its stream `orders`. */
export interface Publishing extends AsyncDisposable {
  readonly broker: BrokerServer;
  readonly client: RawClient;
}

/** A broker, and a client that holds deliveries as follower 1. */
export interface Holding extends Publishing {
  readonly holder: RawClient;
}

/** Starts a broker with one stream and a client that has publisher 1 on it. */
export async function startPublishing(stream = "orders", identity = "me"): Promise<Publishing> {
  const broker = await startBroker();
  const client = await RawClient.open(broker.port);
  const created = await client.ask("createStream", stream);
  assertEquals(created, { created: true, differs: [] });
  await client.openPublisher(1, stream, identity);
  return { broker, client, [Symbol.asyncDispose]: () => endAll(client, broker) };
}

/** Ends one after the other. */
async function endAll(...ending: readonly AsyncDisposable[]): Promise<void> {
  for (const one of ending) await one[Symbol.asyncDispose]();
}

/** Publishes texts as publisher 1 and waits for the confirm. */
export async function publishTexts(
  client: RawClient,
  sequence: number,
  texts: string[],
): Promise<BrokerFrames["confirm"]> {
  await client.publish(1, sequence, texts);
  for (;;) {
    const frame = await client.next();
    if (frame?.name === "confirm") return frame.content;
    assertEquals(frame?.name, "stream");
  }
}

/** A client that holds the messages a, b, c, d … as follower 1, tags and ids 1, 2, 3, 4 … */
export async function startHolding(count: number): Promise<Holding> {
  const { broker, client } = await startPublishing();
  const texts = [..."abcdefgh"].slice(0, count);
  await publishTexts(client, 1, texts);
  const holder = await RawClient.open(broker.port);
  await holder.openFollower(1, "orders");
  assertEquals((await holder.takeMessages(count)).map(({ tag, id }) => [tag, id])[0], [1, 1]);
  return { broker, client, holder, [Symbol.asyncDispose]: () => endAll(client, holder, broker) };
}

/** What a stream holds. */
export async function countsOf(client: RawClient): Promise<Pick<StreamInfo, "ready" | "pending">> {
  const { ready, pending } = await client.ask("getStream", "orders") as StreamInfo;
  return { ready, pending };
}
