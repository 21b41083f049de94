/**
 * A program `nats-server` for the tests of a file, where there is one, and logs on its nodes.
 *
 * @module
 */

import {
  JetStreamLog,
  type JetStreamOptions,
} from "../../../src/engine/replicated/jetstream/jetstream_log.ts";
import { findNatsServer, type FoundProgram } from "./nats_program.ts";

/** Says that nothing is tested, in a sentence that `.ci/run` knows, where a program is missing. */
export function tellMissing({ missing }: FoundProgram): void {
  // deno-lint-ignore no-console
  if (missing !== undefined) console.log(`Nothing is tested here: ${missing}`);
}

/** Finds the program, or says that nothing is tested. */
export async function useNatsServer(): Promise<FoundProgram> {
  const found = await findNatsServer();
  tellMissing(found);
  return found;
}

/** A name for a cluster that no other test has. */
export function nameCluster(): string {
  return crypto.randomUUID().slice(0, 8);
}

/** What most tests open a log with. */
export function openLog(
  addresses: readonly string[],
  options: Partial<JetStreamOptions> = {},
): Promise<JetStreamLog> {
  return JetStreamLog.open({
    cluster: nameCluster(),
    id: "a",
    addresses,
    readSecrets: () => Promise.resolve({}),
    report: () => {},
    leaseMs: 2_000,
    replicas: 1,
    bytesMax: 0,
    ...options,
  });
}
