import type { PeerClient } from "../../harness/peer_client.ts";
import { openClientFor } from "./client.ts";

/** Connects, with transient queues and messages. */
export function openClient(port: number): Promise<PeerClient> {
  return openClientFor("transient", port);
}
