// Brokers on a virtual clock.

import type { Follower, Message } from "@simplemq/simplemq";
import { type BrokerServer, type Clock, serve, type ServeOptions } from "@simplemq/simplemq/server";

export const HOUR_MS: number = 60 * 60 * 1000;

export const DAY_MS: number = 24 * HOUR_MS;

/** Starts a broker in memory, if nothing else is said, that goes by a clock. */
export function startOn(clock: Clock, options: ServeOptions = {}): Promise<BrokerServer> {
  return serve({ port: 0, logLevel: "error", storage: { engine: "memory" }, ...options, clock });
}

/** Handles all messages of a follower until it is closed. */
export async function handle(
  follower: Follower,
  work: (message: Message) => unknown,
): Promise<void> {
  for await (const message of follower.getMessages()) await work(message);
}
