/**
 * Talks to NATS JetStream, and has streams stored in memory.
 *
 * @module
 */

import { StorageType } from "@nats-io/jetstream";
import type { PeerClient } from "../../harness/peer_client.ts";
import { openClientFor } from "./client.ts";

/** Connects. */
export function openClient(port: number): Promise<PeerClient> {
  return openClientFor(StorageType.Memory, port);
}
