/**
 * Where a bench has run: figures mean nothing without it.
 *
 * @module
 */

import type { BrokerInfo } from "@simplemq/simplemq";
import { cpus, release, totalmem, type } from "node:os";

/** A fact about where a bench has run. */
export type Fact = readonly [what: string, value: string];

/**
 * Describes the machine, the versions and what the broker promises.
 *
 * @param brokers What the brokers say of themselves.
 * @param now The time.
 */
export function describeSurroundings(brokers: readonly BrokerInfo[], now: Date): readonly Fact[] {
  const cores = cpus();
  return [
    ...brokers.map(({ version, engine, durability }): Fact => {
      return ["SimpleMQ", `${version}, engine ${engine}, durability ${durability}`];
    }),
    ["Deno", `${Deno.version.deno}, V8 ${Deno.version.v8}`],
    ["Machine", `${cores.length} × ${cores[0]?.model ?? "unknown processor"}, ${formatMemory()}`],
    ["System", `${type()} ${release()}, ${Deno.build.arch}`],
    ["Processes", "one is the broker; publisher and follower are in another, over loopback TCP"],
    ["Date", now.toISOString().slice(0, 10)],
  ];
}

function formatMemory(): string {
  return `${(totalmem() / 2 ** 30).toFixed(1)} GiB of memory`;
}
