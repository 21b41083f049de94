/**
 * Also a program of its own, fresh for every visit, so that no peer works in a process that another one
 * has warmed or littered: does works on a running peer, and prints the result of each as a line of JSON.
 *
 * ```text
 * deno run -A visit.ts '{"clientUrl": …, "port": …, "pid": …, "directory": …, "works": […]}'
 * ```
 *
 * @module
 */

import { runMain } from "../harness/frame/main.ts";
import type { OpenClient } from "../harness/peer_client.ts";
import { print } from "../harness/print.ts";
import { Child, readLines } from "../harness/process/child.ts";
import { Tail } from "../harness/process/tail.ts";
import { measureBacklog } from "./backlog.ts";
import { measureIdle } from "./idle.ts";
import { measureAwaited, measureSteady } from "./latency.ts";
import { measureFlushes } from "./steady/flushes.ts";
import { measureFanOut, measureThroughput } from "./throughput.ts";
import type { Host, Restart, Result, Work } from "./work.ts";

/** What a visit is told. */
export interface VisitPlan extends Omit<Host, "open" | "restart"> {
  /** What to do, one after the other. */
  readonly works: readonly Work[];
}

function refuseRestart(): Promise<never> {
  throw new Error("Nobody can start the peer again");
}

/** The line with which a visit asks for the peer to be started again; the answer is a line too. */
const RESTART = "restart";

/**
 * Visits a peer; gives the result of each work as soon as it is done.
 *
 * @param flags More flags for Deno.
 * @param restart Starts the peer again; only where a work needs it.
 * @throws {Error} If a work fails; the last output of the visit is part of the message.
 */
export async function* visit(
  plan: VisitPlan,
  flags: readonly string[] = [],
  restart: () => Promise<Restart> = refuseRestart,
): AsyncGenerator<Result> {
  const said = new Tail();
  const child = new Child({
    program: new URL(import.meta.url),
    args: [JSON.stringify(plan)],
    // Words of Deno about configurations and downloads do not tell why a visit has failed.
    flags: ["--quiet", ...(plan.config === undefined ? [] : ["--config", plan.config]), ...flags],
    output: "stdout",
    onOther: (text) => said.add(text),
  });
  let done = 0;
  try {
    for await (const line of child.lines) {
      if (line === RESTART) {
        await child.tell(JSON.stringify(await restart()));
        continue;
      }
      if (done++ === plan.works.length) throw new Error(`A visit has an unknown result: ${line}`);
      yield JSON.parse(line);
    }
    const { success, code, signal } = await child.ended;
    if (!success) throw new Error(`${said}` || `The visit ended with ${signal ?? code}`);
    if (done < plan.works.length) throw new Error("A visit ended before its last work");
  } finally {
    await child.stop("SIGKILL");
  }
}

async function perform(host: Host, work: Work): Promise<Result> {
  switch (work.kind) {
    case "throughput":
      return await measureThroughput(host, work);
    case "awaited":
      return await measureAwaited(host, work);
    case "steady":
      return await measureSteady(host, work);
    case "flush":
      return await measureFlushes(host, work);
    case "backlog":
      return await measureBacklog(host, work);
    case "fan-out":
      return await measureFanOut(host, work);
    case "idle":
      return await measureIdle(host, work);
  }
}

async function main(): Promise<void> {
  const { works, ...address }: VisitPlan = JSON.parse(Deno.args[0] ?? "");
  const { openClient }: { openClient: OpenClient } = await import(address.clientUrl);
  let { port, pid } = address;
  let answers: AsyncGenerator<string, undefined> | undefined;
  const restart = async () => {
    print(RESTART);
    answers ??= readLines(Deno.stdin.readable);
    const { value = "" } = await answers.next();
    const found: Restart = JSON.parse(value);
    ({ port, pid } = found);
    return found;
  };
  const open = () => openClient(port);
  for (const work of works) {
    print(JSON.stringify(await perform({ ...address, port, pid, open, restart }, work)));
  }
}

if (import.meta.main) await runMain(main, "visit");
