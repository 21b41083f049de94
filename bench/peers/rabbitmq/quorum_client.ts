import type { PeerClient } from "../../harness/peer_client.ts";
import { openClientFor } from "./client.ts";

/** Connects, with quorum queues. */
export function openClient(port: number): Promise<PeerClient> {
  return openClientFor("quorum", port);
}
