/**
 * A program of its own, fresh for every visit, so that no peer works in a process that another one
 * has warmed or littered: does works on a running peer, and prints what each has shown as a line of
 * JSON.
 *
 * ```text
 * deno run -A visit.ts '{"clientUrl": …, "port": …, "pid": …, "directory": …, "works": […]}'
 * ```
 *
 * @module
 */

import { killChildren } from "../harness/process/child.ts";
import { print, tell } from "../harness/print.ts";
import { measureAwaited } from "./awaited.ts";
import { measureBacklog } from "./backlog.ts";
import type { Host } from "../peers/host.ts";
import { measureIdle } from "./idle.ts";
import type { OpenClient } from "../peers/peer.ts";
import { measureSteady } from "./steady.ts";
import { measureFanOut, measureThroughput } from "./throughput.ts";
import type { Result, Work } from "./work.ts";

/** What a visit is told. */
export interface VisitPlan extends Omit<Host, "openClient"> {
  /** What to do, one after the other. */
  readonly works: readonly Work[];
}

async function perform(host: Host, work: Work): Promise<Result> {
  switch (work.kind) {
    case "throughput":
      return await measureThroughput(host, work);
    case "awaited":
      return await measureAwaited(host, work);
    case "steady":
      return await measureSteady(host, work);
    case "backlog":
      return await measureBacklog(host, work);
    case "fan-out":
      return await measureFanOut(host, work);
    case "idle":
      return await measureIdle(host, work);
  }
}

if (import.meta.main) {
  try {
    const { works, ...address }: VisitPlan = JSON.parse(Deno.args[0] ?? "");
    const { openClient }: { openClient: OpenClient } = await import(address.clientUrl);
    for (const work of works) {
      print(JSON.stringify(await perform({ ...address, openClient }, work)));
    }
    Deno.exit(0);
  } catch (error) {
    tell(error instanceof Error ? error.stack ?? error.message : String(error));
    killChildren();
    // Clients may keep the process alive.
    Deno.exit(1);
  }
}
