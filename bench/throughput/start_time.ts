/**
 * How long a broker takes to start.
 *
 * @module
 */

import { connect } from "@simplemq/simplemq";
import { BrokerProcess, HOSTNAME } from "../harness/broker_process.ts";

/**
 * Measures the time from starting the process to the end of the first client's handshake.
 *
 * @returns Milliseconds.
 */
export async function measureStart(): Promise<number> {
  const begin = performance.now();
  await using broker = await BrokerProcess.start("journal");
  const connection = await connect({ hostname: HOSTNAME, port: broker.port });
  const elapsedMs = performance.now() - begin;
  await connection.close();
  return elapsedMs;
}
