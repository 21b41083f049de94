/**
 * What idle connections cost the broker.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { BrokerProcess, HOSTNAME } from "./harness/broker_process.ts";
import { Child } from "./harness/process/child.ts";

/** The program that connects. */
const PROGRAM = new URL("./idle_clients.ts", import.meta.url);

/** So many connect first: what they make the broker load and compile is no cost of each one. */
const WARM_UP_COUNT = 20;

/** So long the broker is left alone before its memory is looked at, in milliseconds. */
const SETTLE_MS = 1000;

/**
 * Measures by how many bytes the memory of a fresh broker grows for each idle connection, what the
 * handshakes leave behind included.
 *
 * @param count How many connections to open.
 * @returns Bytes per connection, or `undefined` where the system does not tell.
 * @throws {Error} If not all of them could be opened.
 */
export async function measureIdleConnection(count: number): Promise<number | undefined> {
  await using broker = await BrokerProcess.start("journal");
  await withIdleClients(broker, WARM_UP_COUNT, () => Promise.resolve());
  const before = await readSettled(broker);
  const after = await withIdleClients(broker, count, () => readSettled(broker));
  if (before === undefined || after === undefined) return undefined;
  return (after - before) / count;
}

async function readSettled(broker: BrokerProcess): Promise<number | undefined> {
  await delay(SETTLE_MS);
  return broker.readResidentBytes();
}

/** Does something while so many clients, in a process of their own, are connected and idle. */
async function withIdleClients<T>(
  broker: BrokerProcess,
  count: number,
  measure: () => Promise<T>,
): Promise<T> {
  const args = [HOSTNAME, String(broker.port), String(count)];
  const child = new Child({ program: PROGRAM, args, output: "stdout" });
  try {
    await child.findLine(new RegExp(`^${count} connected$`, "m"));
    return await measure();
  } finally {
    await child.finish();
  }
}
