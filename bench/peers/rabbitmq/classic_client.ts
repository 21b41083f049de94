import type { PeerClient } from "../../harness/peer_client.ts";
import { openClientFor } from "./client.ts";

/** Connects, with durable classic queues. */
export function openClient(port: number): Promise<PeerClient> {
  return openClientFor("classic", port);
}
