/**
 * A run in which backups of a broker are taken under load, by all ways and through all mishaps. Each is
 * restored, a broker is started on it, and what it has is compared with what clients knew at that moment.
 *
 * @module
 */

import { serve } from "../../server.ts";
import { Load } from "../crash/load.ts";
import { hashBody, readLabel } from "../crash/labelled_body.ts";
import { RestartingBroker } from "../crash/restarting_broker.ts";
import { Checker } from "../support/checking/checker.ts";
import { History } from "../support/checking/history.ts";
import type { Verdict } from "../support/checking/verdict.ts";
import type { CommandOutcome } from "../support/commands/command_use.ts";
import { runTyped } from "../support/commands/typed.ts";
import { canMount, SmallFileSystem } from "../support/disk/small_file_system.ts";
import { Random } from "../support/random.ts";
import { type FoundMessage, type Span, Witness } from "./witness.ts";

/** What is done in a round. */
export type Way =
  | "directory"
  | "archive"
  | "two at a time"
  | "broker killed"
  | "client killed"
  | "full";

/** The ways that every machine can go. */
export const WAYS: readonly Way[] = [
  "directory",
  "archive",
  "two at a time",
  "broker killed",
  "client killed",
];

/** What to do. */
export interface BackupPlan {
  readonly seed: number;
  /** Where the broker's journal is. */
  readonly directory: string;
  /** Where backups and restored journals are put. */
  readonly scratch: string;
  /** The ways, one round for each. */
  readonly ways: readonly Way[];
  /** How many messages each publisher sends in a round. */
  readonly messages: number;
  /** Which part of the bodies is large. */
  readonly largeShare: number;
  readonly tell?: (done: number) => void;
}

/** What a run comes to. */
export interface BackupResult {
  readonly verdict: Verdict;
  /** How many backups were restored, and how many were not finished. */
  readonly restored: number;
  readonly unfinished: number;
  /** The messages in restored journals, all together. */
  readonly messages: number;
  /** What is wrong with restored journals. */
  readonly wrong: readonly string[];
}

/** Runs a plan. */
export async function runBackups(plan: BackupPlan): Promise<BackupResult> {
  const { seed, directory, largeShare } = plan;
  const random = new Random(seed);
  const checker = new Checker();
  const witness = new Witness();
  const history = new History({
    hear: (event) => {
      checker.note(event);
      witness.note(event);
    },
    keepsEvents: false,
  });
  await using broker = await RestartingBroker.start({ directory, random });
  const load = await Load.start({ port: broker.port, history, random, largeShare });
  const run = new BackupRun(plan, { broker, load, random, history, witness });
  try {
    await load.createLateStream();
    for (const [index, way] of plan.ways.entries()) {
      await run.round(way);
      plan.tell?.(index + 1);
    }
    await load.drain();
  } finally {
    await load[Symbol.asyncDispose]();
  }
  return { verdict: checker.finish(), ...run.result };
}

interface RunParts {
  readonly broker: RestartingBroker;
  readonly load: Load;
  readonly random: Random;
  readonly history: History;
  readonly witness: Witness;
}

class BackupRun {
  readonly result: { restored: number; unfinished: number; messages: number; wrong: string[] } = {
    restored: 0,
    unfinished: 0,
    messages: 0,
    wrong: [],
  };
  readonly #plan: BackupPlan;
  readonly #parts: RunParts;
  #count = 0;

  constructor(plan: BackupPlan, parts: RunParts) {
    this.#plan = plan;
    this.#parts = parts;
  }

  /** Takes backups in one way, while there is load. */
  async round(way: Way): Promise<void> {
    const { load, history, random } = this.#parts;
    const { messages } = this.#plan;
    load.allow(messages);
    const progress = history.progress + random.below(Load.leastProgress(messages));
    await history.waitUntil("there was some progress", () => history.progress >= progress);
    switch (way) {
      case "directory":
        await this.#backUp();
        break;
      case "archive":
        await this.#archive();
        break;
      case "two at a time":
        await Promise.all([this.#backUp(), this.#backUp()]);
        break;
      case "broker killed":
        await this.#killBroker();
        break;
      case "client killed":
        await this.#killClient();
        break;
      case "full":
        await this.#fill();
    }
    await load.catchUp(messages * 4);
  }

  async #backUp(): Promise<void> {
    const path = this.#makePath();
    const from = this.#parts.witness.moment;
    const outcome = await this.#run("backup", path);
    const to = this.#parts.witness.moment;
    this.#expect(outcome, 0);
    await this.#restore([path], { from, to });
    await Deno.remove(path, { recursive: true });
  }

  async #archive(): Promise<void> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    const writeBytes = (bytes: Uint8Array) => {
      pieces.push(bytes.slice());
      return Promise.resolve();
    };
    const from = this.#parts.witness.moment;
    const args = ["backup", "--to", "-", "--server", `localhost:${this.#parts.broker.port}`];
    const outcome = await runTyped(args, { terminal: { writeBytes } });
    const to = this.#parts.witness.moment;
    this.#expect(outcome, 0);
    await this.#restore(["-"], { from, to }, new Blob(pieces));
  }

  /** The broker is gone in the midst of a backup; what is there of it is no backup, or all of it. */
  async #killBroker(): Promise<void> {
    const { broker, history, witness } = this.#parts;
    const path = this.#makePath();
    const from = witness.moment;
    using begun = new FileWait(path);
    const running = this.#run("backup", path);
    await Promise.race([begun.done, running]);
    history.record({ type: "faultBegun", kind: "kill" });
    await broker.kill();
    history.record({ type: "faultStruck" });
    history.record({ type: "faultEnded" });
    await broker.restart();
    await this.#look(path, await running, { from, to: witness.moment });
  }

  /** The program that takes the backup is gone: what it has left is refused. */
  async #killClient(): Promise<void> {
    const { broker, witness } = this.#parts;
    const path = this.#makePath();
    const from = witness.moment;
    using begun = new FileWait(path);
    const cli = new URL("../../cli.ts", import.meta.url).href;
    const args = ["run", "-A", "--no-check", "--no-lock", cli, "backup", path];
    const process = new Deno.Command(Deno.execPath(), {
      args: [...args, "--server", `localhost:${broker.port}`],
      stdout: "null",
      stderr: "null",
    }).spawn();
    await Promise.race([begun.done, process.status]);
    try {
      process.kill("SIGKILL");
    } catch {
      // It was done already.
    }
    const { code } = await process.status;
    await this.#look(path, { code, stdout: "", lines: [] }, { from, to: witness.moment });
  }

  /** There is no room for the backup: it says so, and leaves nothing. */
  async #fill(): Promise<void> {
    using target = new SmallFileSystem("size=64k");
    const outcome = await this.#run("backup", target.path);
    this.#expect(outcome, 1);
    if (!outcome.lines.some((line) => line.includes("No space left"))) this.#note(outcome);
    const left = (await Array.fromAsync(Deno.readDir(target.path))).map(({ name }) => name);
    if (left.length > 0) this.result.wrong.push(`a full target is left with ${left}`);
    this.result.unfinished++;
  }

  /** Restores what a mishap has left if it is whole, and expects that it is refused if it is not. */
  async #look(path: string, outcome: CommandOutcome, span: Span): Promise<void> {
    const isWhole = await isThere(`${path}/backup.json`);
    if (outcome.code === 0 && !isWhole) this.result.wrong.push("a backup has no manifest");
    if (isWhole) await this.#restore([path], span);
    else {
      this.result.unfinished++;
      const to = this.#makePath();
      const { code } = await runTyped(["restore", path, "--to", to]);
      if (code !== 4 && code !== 7) {
        this.result.wrong.push(`half a backup: restore ends with ${code}`);
      }
      if (await isThere(to)) this.result.wrong.push("of half a backup a journal was made");
    }
    await Deno.remove(path, { recursive: true }).catch(() => {});
  }

  async #restore(from: readonly string[], span: Span, input?: Blob): Promise<void> {
    const to = this.#makePath();
    const outcome = await runTyped(["restore", ...from, "--to", to], {
      ...input && { terminal: { readInput: () => input.stream() } },
    });
    this.#expect(outcome, 0);
    const found = await readJournal(to);
    this.result.restored++;
    this.result.messages += found.length;
    this.result.wrong.push(...this.#parts.witness.findWrong(found, span));
    await Deno.remove(to, { recursive: true });
  }

  #run(command: string, path: string): Promise<CommandOutcome> {
    return runTyped([command, path, "--server", `localhost:${this.#parts.broker.port}`]);
  }

  #expect(outcome: CommandOutcome, code: number): void {
    if (outcome.code !== code) this.#note(outcome);
  }

  #note({ code, lines }: CommandOutcome): void {
    this.result.wrong.push(`a command ended with ${code}: ${lines.join("; ")}`);
  }

  #makePath(): string {
    return `${this.#plan.scratch}/${++this.#count}`;
  }
}

/** Whether a backup's target can be too small on this machine. */
export const canBeFull: boolean = canMount;

/** Starts a broker on a journal, and reads all messages. */
async function readJournal(directory: string): Promise<FoundMessage[]> {
  await using broker = await serve({ port: 0, storage: { directory }, logLevel: "error" });
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  const found: FoundMessage[] = [];
  for (const { name } of await cursor.getStreams()) {
    for (let from = 1;;) {
      const messages = await cursor.peek(name, { from, limit: 1000 });
      if (messages.length === 0) break;
      for (const { id, stream, bytes } of messages) {
        found.push({ id, stream, label: readLabel(bytes), hash: hashBody(bytes) });
      }
      from = messages.at(-1)!.id + 1;
    }
  }
  return found;
}

/** Waits until a directory is there, or has a file. */
class FileWait implements Disposable {
  readonly done: Promise<void>;
  readonly #watcher: Deno.FsWatcher;

  constructor(path: string) {
    this.#watcher = Deno.watchFs(path.slice(0, path.lastIndexOf("/")));
    this.done = this.#wait(path);
  }

  async #wait(path: string): Promise<void> {
    for await (const { paths } of this.#watcher) {
      if (paths.some((one) => one.startsWith(path))) return;
    }
  }

  [Symbol.dispose](): void {
    try {
      this.#watcher.close();
    } catch {
      // Whoever leaves the loop closes it.
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}
