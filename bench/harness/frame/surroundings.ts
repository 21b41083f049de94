import type { BrokerInfo } from "@simplemq/simplemq";
import { cpus, release, totalmem, type } from "node:os";

/** A fact about where a bench has run: figures mean nothing without it. */
export type Fact = readonly [what: string, value: string];

/** How most benches do it. */
const PROCESSES = "one is the broker; publisher and follower are in another, over loopback TCP";

/**
 * Describes the machine, the versions and the durability of the brokers.
 *
 * @param processes Which processes there are.
 */
export function describeSurroundings(
  brokers: readonly BrokerInfo[],
  processes: string = PROCESSES,
): readonly Fact[] {
  const cores = cpus();
  return [
    ...brokers.map(({ version, engine, durability }): Fact => {
      return ["SimpleMQ", `${version}, engine ${engine}, durability ${durability}`];
    }),
    ["Deno", `${Deno.version.deno}, V8 ${Deno.version.v8}`],
    ["Machine", `${cores.length} × ${cores[0]?.model ?? "unknown processor"}, ${formatMemory()}`],
    ["System", `${type()} ${release()}, ${Deno.build.arch}`],
    ["Processes", processes],
    ["Date", new Date().toISOString().slice(0, 10)],
  ];
}

/** Writes facts as a list of Markdown. */
export function formatFacts(facts: readonly Fact[]): string {
  return facts.map(([what, value]) => `- ${what}: ${value}`).join("\n");
}

function formatMemory(): string {
  return `${(totalmem() / 2 ** 30).toFixed(1)} GiB of memory`;
}
