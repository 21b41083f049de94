/**
 * Talks to RabbitMQ, with transient queues and messages.
 *
 * @module
 */

import type { PeerClient } from "../peer.ts";
import { openClientFor } from "./client.ts";

/** Connects. */
export function openClient(port: number): Promise<PeerClient> {
  return openClientFor("transient", port);
}
