import { fileURLToPath } from "node:url";
import { type EngineName, HOSTNAME } from "../../harness/broker_process.ts";
import type { Peer, PeerServer } from "../peer.ts";
import { findFreePort, ServerProcess } from "../servers/server_process.ts";

/** The broker, as users run it. */
const PROGRAM = fileURLToPath(new URL("../../../server.ts", import.meta.url));

const client = new URL("../../harness/simplemq_client.ts", import.meta.url);

/** With default settings. */
export const simplemqJournal: Peer = {
  name: "simplemq",
  title: "SimpleMQ",
  durability: "flushed with fdatasync before the confirm",
  flushed: "before each confirm",
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
  flushed: "never",
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
  const port = findFreePort();
  const address = ["--host", HOSTNAME, "--port", String(port), "--log-level", "info"];
  const storage = ["--storage-engine", engine, "--storage-directory", `${directory}/journal`];
  const args = ["run", "-A", PROGRAM, ...address, ...storage];
  return await ServerProcess.start({ program: Deno.execPath(), args, port, directory });
}
