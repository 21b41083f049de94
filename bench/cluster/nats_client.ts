import { StorageType } from "@nats-io/jetstream";
import type { PeerClient, PeerPublisher } from "../harness/peer_client.ts";
import { openClientFor } from "../peers/jetstream/client.ts";

/** So many messages are under way, one by one: 256 together. */
const WINDOW = { batchCount: 16, batchesInFlight: 16 };

/** Connects with the client of NATS; streams are in files of three nodes. */
export async function openClient(port: number): Promise<PeerClient> {
  const client = await openClientFor(StorageType.File, port, 3);
  return {
    createStream: (stream) => client.createStream(stream),
    deleteStream: (stream) => client.deleteStream(stream),
    countLeft: (stream) => client.countLeft(stream),
    openPublisher: async (streams) => limit(await client.openPublisher(streams)),
    openFollower: (streams) => client.openFollower(streams),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

function limit(publisher: PeerPublisher): PeerPublisher {
  return {
    ...WINDOW,
    sendBatch: (bodies) => publisher.sendBatch(bodies),
    send: (body) => publisher.send(body),
  };
}
