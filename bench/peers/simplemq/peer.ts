import { BrokerProcess, type EngineName } from "../../harness/broker_process.ts";
import type { Peer, PeerServer } from "../peer.ts";

const client = new URL("../../harness/simplemq_client.ts", import.meta.url);

/** With default settings. */
export const simplemqJournal: Peer = {
  name: "simplemq",
  title: "SimpleMQ",
  durability: "flushed with fdatasync before the confirm",
  settings: ["Default settings; 256 bodies to a call of `sendMessages`, 32 calls in flight."],
  client,
  readVersion,
  start: (directory) => start("journal", directory),
};

/** Without a disk. */
export const simplemqMemory: Peer = {
  name: "simplemq-memory",
  title: "SimpleMQ, memory",
  durability: "nothing",
  settings: ["`storage.engine: memory`; everything else as above."],
  client,
  readVersion,
  start: (directory) => start("memory", directory),
};

async function readVersion(): Promise<string> {
  const text = await Deno.readTextFile(new URL("../../../deno.json", import.meta.url));
  return JSON.parse(text).version;
}

async function start(engine: EngineName, directory: string): Promise<PeerServer> {
  return await BrokerProcess.start(engine, directory);
}
