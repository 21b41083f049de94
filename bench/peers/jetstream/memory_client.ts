import { StorageType } from "@nats-io/jetstream";
import type { PeerClient } from "../../harness/peer_client.ts";
import { openClientFor } from "./client.ts";

/** Connects; streams will be stored in memory. */
export function openClient(port: number): Promise<PeerClient> {
  return openClientFor(StorageType.Memory, port);
}
