/**
 * A visit to a running peer: starts the program that does the works, and reads what they show.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { VisitPlan } from "./visit.ts";
import type { Result } from "./work.ts";

/** The program. */
const PROGRAM = new URL("./visit.ts", import.meta.url);

/** What tells it where the packages of the clients are. */
const CONFIG = new URL("../peers/deno.json", import.meta.url);

/** So much of what a failed visit has said is told, in characters. */
const SAYING_LENGTH = 2_000;

/** Those that are running. */
const running = new Set<Deno.ChildProcess>();

/** Ends all that are running, at once: the bench itself is about to end. */
export function killVisits(): void {
  for (const process of running) kill(process);
}

/**
 * Visits a peer; gives what each work has shown as soon as it is done.
 *
 * @throws {Error} If a work fails; what the visit had to say is part of the message.
 */
export async function* visit(plan: VisitPlan): AsyncGenerator<Result> {
  // What Deno says of configurations and downloads is no part of why a visit has failed.
  const flags = ["run", "-A", "--quiet", "--config", fileURLToPath(CONFIG)];
  const process = new Deno.Command(Deno.execPath(), {
    args: [...flags, PROGRAM.href, JSON.stringify(plan)],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  running.add(process);
  const saying = readEnd(process.stderr);
  let done = 0;
  try {
    for await (const line of readLines(process.stdout)) {
      if (done++ === plan.works.length) {
        throw new Error(`More was shown than was asked for: ${line}`);
      }
      yield JSON.parse(line);
    }
    const { success, code, signal } = await process.status;
    if (!success) throw new Error(await saying || `The visit ended with ${signal ?? code}`);
    if (done < plan.works.length) throw new Error("A visit ended before its last work");
  } finally {
    kill(process);
    await process.status;
    await saying;
    running.delete(process);
  }
}

function kill(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

async function* readLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (text + chunk).split("\n");
    text = lines.pop()!;
    yield* lines;
  }
  if (text !== "") yield text;
}

async function readEnd(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text = (text + chunk).slice(-SAYING_LENGTH);
  }
  return text.trim();
}
