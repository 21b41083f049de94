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
import { print } from "../harness/print.ts";
import { Gate } from "./gate.ts";
import { PARTS, readTlsScale, type TlsScale } from "./scale.ts";
import { measureThroughput } from "./throughput.ts";

/** Measures the parts that are asked for, and prints each as soon as it is there. */
async function measure(scale: TlsScale): Promise<void> {
  await using gate = await Gate.open();
  for (const part of PARTS) {
    if (!scale.parts.includes(part)) continue;
    print(`${await measurePart(gate, scale)}\n`);
  }
}
const measurePart = measureThroughput;

if (import.meta.main) await runMain(() => measure(readTlsScale(Deno.args)));
