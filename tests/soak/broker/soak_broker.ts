/**
 * The broker of a soak: wired as the program is, with a clock that can be put forward, and a pipe over which
 * it tells what it holds. It reads commands from standard input, a line each, and answers each with a line.
 *
 * @module
 */

import { Log } from "../../../src/server/log.ts";
import { resolveServeOptions } from "../../../src/server/settings/serve_options.ts";
import { startFromProgram } from "../../../src/server/settings/start_settings.ts";
import { start } from "../../../src/program/start.ts";
import type { PartialSettings } from "../../../server.ts";
import { takeFigures } from "../watch/figures.ts";
import { LeapingClock } from "./leaping_clock.ts";
import { type Plant, plantIn } from "./planted.ts";

/** How it is started: the only argument, as JSON. */
export interface SoakBrokerPlan {
  readonly settings: PartialSettings;
  /** How far its clock is ahead. */
  readonly aheadMs: number;
  /** What is wrong with it, to see whether that is found. */
  readonly plant?: Plant | undefined;
}

/** What it tells first. */
export interface SoakBrokerPorts {
  readonly port: number;
  readonly httpPort: number | undefined;
}

/** Answers commands until standard input ends. */
async function main({ settings: given, aheadMs, plant }: SoakBrokerPlan): Promise<void> {
  const clock = new LeapingClock(aheadMs);
  clock.install();
  const { settings } = resolveServeOptions(given);
  const log = new Log({ level: settings.logLevel, format: "text" });
  const { open, root } = plantIn(plant);
  const server = await start(startFromProgram(settings), log, undefined, open);
  answer({ port: server.port, httpPort: server.http?.port } satisfies SoakBrokerPorts);
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [command, argument] = line.split(" ");
      if (command === "count") answer(server.connectionCount);
      if (command === "figures") answer(await takeFigures([server, root]));
      if (command === "leap") answer(clock.leap(Number(argument)) ?? true);
    }
  }
  await server.close();
}

function answer(value: unknown): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  for (let sent = 0; sent < bytes.length;) sent += Deno.stdout.writeSync(bytes.subarray(sent));
}

if (import.meta.main) {
  await main(JSON.parse(Deno.args[0]!));
  Deno.exit(0);
}
