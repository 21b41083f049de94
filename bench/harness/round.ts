import type { Connection } from "@simplemq/simplemq";
import type { Way } from "./sending.ts";
import { SimpleClient, type SimpleOptions } from "./simplemq_client.ts";
import { type Pass, transfer } from "./transfer.ts";

/** What to do in a round. */
export interface RoundPlan extends Pick<SimpleOptions, "batch" | "prefetch" | "taking"> {
  readonly way: Way;
  readonly bodyBytes: number;
  /** How many messages to move. */
  readonly count: number;
}

/** The connections of an application that publishes, and of one that follows. */
export interface Clients {
  readonly publishing: Connection;
  readonly following: Connection;
}

/** Moves messages from one connection of SimpleMQ to another one, over a stream of their own. */
export async function runRound(
  clients: Clients,
  { way, bodyBytes, count, ...options }: RoundPlan,
): Promise<Pass> {
  return await transfer(
    (side) => Promise.resolve(new SimpleClient(clients[side], { ...options, isShared: true })),
    { way, bodyBytes, count },
  );
}
