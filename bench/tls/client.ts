import { connect } from "@simplemq/simplemq";
import { HOSTNAME } from "../harness/broker_process.ts";
import type { PeerClient } from "../harness/peer_client.ts";
import { SimpleClient } from "../harness/simplemq_client.ts";

/** The variable of the environment that has more options of clients, as JSON. */
export const OPTIONS_VARIABLE = "SIMPLEMQ_BENCH_OPTIONS";

/** Connects to SimpleMQ by TLS, or with a token, as the environment says. */
export async function openClient(port: number): Promise<PeerClient> {
  const options = JSON.parse(Deno.env.get(OPTIONS_VARIABLE) ?? "{}");
  return new SimpleClient(await connect({ hostname: HOSTNAME, port, name: "bench", ...options }));
}
