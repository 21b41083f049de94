/**
 * Talks to RabbitMQ, with durable queues and messages.
 *
 * @module
 */

import type { PeerClient } from "../../harness/peer_client.ts";
import { openClientFor } from "./client.ts";

/** Connects. */
export function openClient(port: number): Promise<PeerClient> {
  return openClientFor("durable", port);
}
