/**
 * Measures what TLS and users cost: throughput and processor time, requests, new connections, memory,
 * and what failed logins cost others.
 *
 * ```text
 * deno task bench:tls [--parts throughput,requests] [--rounds 5] [--messages 300000] [--quick]
 * ```
 *
 * The brokers are processes of their own; brokers with and without TLS and users take turns in each
 * round, and ratios are of the same round.
 *
 * @module
 */

import { runMain } from "../harness/frame/main.ts";
import { describeSurroundings, formatFacts } from "../harness/frame/surroundings.ts";
import { print } from "../harness/print.ts";
import { measureConnections } from "./connections.ts";
import { Gate } from "./gate.ts";
import { measureLogins } from "./logins.ts";
import { measureMemory } from "./memory.ts";
import { measureRequests } from "./requests.ts";
import { type Part, readTlsScale, type TlsScale } from "./scale.ts";
import { measureThroughput } from "./throughput.ts";

type Measure = (gate: Gate, scale: TlsScale) => Promise<string>;

/** What measures each part. */
const MEASURES: Readonly<Record<Part, Measure>> = {
  throughput: measureThroughput,
  requests: measureRequests,
  connections: measureConnections,
  memory: measureMemory,
  logins: measureLogins,
};

/** Measures the parts that are asked for, and prints each as soon as it is there. */
async function measure(scale: TlsScale): Promise<void> {
  if (Deno.build.os !== "linux") {
    throw new Error("it needs Linux, which tells the processor time and the memory of processes");
  }
  await using gate = await Gate.open(undefined, scale.doors);
  print(formatFacts(describeSurroundings([])));
  for (const part of scale.parts) print(`\n${await MEASURES[part](gate, scale)}`);
}

if (import.meta.main) await runMain(() => measure(readTlsScale(Deno.args)));
