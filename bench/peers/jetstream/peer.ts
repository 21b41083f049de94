import type { Peer, PeerServer } from "../peer.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { findFreePort, ServerProcess } from "../server_process.ts";

const program = "nats-server";

const install = "apt install nats-server";

/** NATS JetStream with streams in files. */
export const jetstreamFile: Peer = {
  name: "jetstream-file",
  title: "NATS JetStream, file",
  durability: "in the page cache; flushed every 2 minutes",
  program,
  install,
  settings: [
    "Default settings of the server, started with `-js`; `sync_interval`, the time between two flushes, is left at 2 minutes.",
    "Retention is `workqueue`, so that a message is removed when it is acknowledged; each stream has one durable pull consumer with explicit acknowledgements.",
    "Publishers call `publish` many times and await all the answers, as the README of `@nats-io/jetstream` shows: 256 calls to a batch, 4 batches in flight; 1 and 16 made no difference that was larger than the noise.",
    "`max_ack_pending` is 10000 instead of 1000, so that it holds up nobody, however many followers there are; it made no difference that was larger than the noise.",
    "Followers use `consume`, which asks for more in time and so does not stall, with a callback and `max_messages` of 500; 100, 200 and 1000 made no difference that was larger than the noise.",
    "Each message is acknowledged with `ack`, which does not wait; in the end the followers wait until the consumer says that no acknowledgement is pending.",
    "For many streams there is one JetStream stream with `interest` retention and a durable consumer for each of them: a message is published once. A JetStream stream for each, with a publish for each, came out three to five times slower.",
    "The client's `noAsyncTraces` is on, of which its README says that it greatly improves the performance of publishers.",
  ],
  client: new URL("./file_client.ts", import.meta.url),
  readVersion,
  start,
};

/** NATS JetStream with streams in memory. */
export const jetstreamMemory: Peer = {
  name: "jetstream-memory",
  title: "NATS JetStream, memory",
  durability: "nothing",
  program,
  install,
  settings: ["Streams with `storage: memory`; everything else as above."],
  client: new URL("./memory_client.ts", import.meta.url),
  readVersion,
  start,
};

async function readVersion(): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args: ["--version"] })
    .output();
  return new TextDecoder().decode(stdout).trim().replace(/^nats-server: v/, "");
}

async function start(directory: string): Promise<PeerServer> {
  const port = findFreePort();
  const args = [
    "-a",
    HOSTNAME,
    "-p",
    String(port),
    "-js",
    "-sd",
    `${directory}/jetstream`,
  ];
  return await ServerProcess.start({ program, args, port, directory });
}
