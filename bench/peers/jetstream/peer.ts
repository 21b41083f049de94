import type { Peer, PeerServer } from "../peer.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { type Chroot, INSIDE } from "../servers/chroot.ts";
import { findFreePort } from "../servers/server_process.ts";

const PROGRAM = "nats-server";

const packages = [PROGRAM];

/** NATS JetStream with streams in files. */
export const jetstreamFile: Peer = {
  name: "jetstream-file",
  title: "NATS JetStream, file",
  durability: "in the page cache; flushed every 2 minutes",
  flushed: "every two minutes",
  packages,
  settings: [
    "Default settings of the server; `sync_interval`, the time between two flushes, is left at 2 minutes.",
    "Retention is `workqueue`, so that a message is removed when it is acknowledged; each stream has one durable pull consumer with explicit acknowledgements.",
    "Publishers send batches of 1,000 messages, the most that a batch may have, with `startBatch` and `commit`, 2 in flight: the server answers a batch as a whole. 256 `publish` calls at a time, all their answers awaited, came out at half the rate. One by one: `publish`.",
    "`max_ack_pending` is 10000 instead of 1000, so that it holds up nobody, however many followers there are; it made no difference that was larger than the noise.",
    "Followers use `consume`, which asks for more in time and so does not stall, with a callback and `max_messages` of 500; 1000 came out no faster.",
    "Each message is acknowledged with `ack`, which does not wait; the last one with `ackAck`, whose answer comes when all have been taken.",
    "For many streams there is one JetStream stream with `interest` retention and a durable consumer for each of them: a message is published once. A JetStream stream for each, with a publish for each, came out three to five times slower.",
    "The client's `noAsyncTraces` is on, of which its README says that it greatly improves the performance of publishers.",
  ],
  client: new URL("./file_client.ts", import.meta.url),
  readVersion,
  start: (directory, servers) => start(directory, servers),
};

/** NATS JetStream with streams in files that are flushed before the confirm. */
export const jetstreamAlways: Peer = {
  name: "jetstream-always",
  title: "NATS JetStream, always",
  durability: "flushed with fsync before the confirm",
  flushed: "before each confirm",
  packages,
  settings: ["`sync_interval: always`; everything else as above."],
  client: new URL("./file_client.ts", import.meta.url),
  readVersion,
  start: (directory, servers) => start(directory, servers, "always"),
};

/** NATS JetStream with streams in memory. */
export const jetstreamMemory: Peer = {
  name: "jetstream-memory",
  title: "NATS JetStream, memory",
  durability: "nothing",
  flushed: "never",
  packages,
  settings: ["Streams with `storage: memory`; everything else as above."],
  client: new URL("./memory_client.ts", import.meta.url),
  readVersion,
  start: (directory, servers) => start(directory, servers),
};

async function readVersion(servers: Chroot): Promise<string> {
  return await servers.readVersion(PROGRAM, ["--version"]);
}

/** @param flushTime When files are flushed, if not at the default time. */
async function start(
  directory: string,
  servers: Chroot,
  flushTime?: "always",
): Promise<PeerServer> {
  const port = findFreePort();
  const store = `store_dir: "${INSIDE}/jetstream"`;
  const flush = flushTime === undefined ? "" : `, sync_interval: ${flushTime}`;
  const settings = `listen: "${HOSTNAME}:${port}"\njetstream { ${store}${flush} }\n`;
  await Deno.writeTextFile(`${directory}/nats.conf`, settings);
  const args = ["--config", `${INSIDE}/nats.conf`];
  return await servers.start({ program: PROGRAM, args, port, directory });
}
