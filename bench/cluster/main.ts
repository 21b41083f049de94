/**
 * Measures a cluster of two brokers on three nodes of NATS that flush always: against the client of NATS, message
 * by message, on the same nodes; against a broker with a journal on the same disk; how far the standby is behind,
 * and its memory.
 *
 * ```text
 * deno task bench:cluster [--parts throughput,standby] [--rounds 5] [--seconds 4] [--messages 2000000] [--quick]
 * ```
 *
 * @module
 */

import { findNatsServer } from "../../tests/support/nats/nats_program.ts";
import { Arguments } from "../harness/frame/arguments.ts";
import { runMain } from "../harness/frame/main.ts";
import { describeSurroundings, formatFacts } from "../harness/frame/surroundings.ts";
import { print } from "../harness/print.ts";
import { Machines } from "./machines.ts";
import { measureStandby } from "./standby.ts";
import { measureThroughput } from "./throughput.ts";

/** The parts, in their order. */
const PARTS = ["throughput", "standby"] as const;

async function measure(args: readonly string[]): Promise<void> {
  const flags = new Arguments(args, ["parts", "rounds", "seconds", "messages"], ["quick"]);
  const isQuick = flags.has("quick");
  const parts = flags.readSome("parts", PARTS, (part) => part);
  const rounds = flags.readCount("rounds", isQuick ? 1 : 5);
  const seconds = flags.readCount("seconds", isQuick ? 1 : 4);
  const messages = flags.readCount("messages", isQuick ? 20_000 : 2_000_000);
  const { program, missing } = await findNatsServer();
  if (program === undefined) throw new Error(missing);
  await using machines = await Machines.start(program);
  print(formatFacts(describeSurroundings([])));
  if (parts.includes("throughput")) {
    print(`\n${await measureThroughput(machines, { rounds, seconds })}`);
  }
  if (parts.includes("standby")) print(`\n${await measureStandby(machines, messages)}`);
}

if (import.meta.main) await runMain(() => measure(Deno.args));
