import { assert, assertEquals } from "@std/assert";
import {
  type CheckList,
  hasCommand,
  readText,
  requireCommand,
  ROOT,
  runCommand,
} from "./check_list.ts";

const FILE = "ops/container/Containerfile";

/** The user of the image, by number. */
const USER = 65532;

/** Checks the container file: makes what it describes in a folder, and runs that as a container would. */
export async function checkContainer(list: CheckList): Promise<void> {
  if (Deno.uid() !== 0 || !await hasCommand("unshare") || !await hasCommand("setpriv")) {
    return list.skip("the container", "it takes root, unshare and setpriv");
  }
  const folder = await Deno.makeTempDir({ prefix: "simplemq-container-" });
  try {
    await Deno.chmod(folder, 0o755);
    await list.check(
      "the image's files are complete: its packages are loaded without a network",
      () => build(folder),
    );
    await list.check(
      "the broker runs as process 1 of a user without rights, on a read-only root, without a network",
      () => run(folder),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The instructions of the file, with continued lines joined. */
function readInstructions(): string[] {
  return readText(FILE).replaceAll(/\\\n\s*/g, "").split("\n").filter((line) =>
    /^[A-Z]/.test(line)
  );
}

/** Carries out the file's own instructions for the sources and their packages. */
async function build(folder: string): Promise<string> {
  const instructions = readInstructions();
  const copies = instructions.filter((line) => /^COPY (?!--)/.test(line));
  for (const line of copies) {
    const paths = line.split(" ").slice(1);
    const target = `${folder}/simplemq/${paths.pop()}`.replace(/\/\.?\/?$/, "");
    await Deno.mkdir(target, { recursive: true });
    for (const path of paths) {
      const source = new URL(path, ROOT).pathname;
      await requireCommand("cp", ["-r", path.endsWith("/") ? `${source}.` : source, target]);
    }
  }
  const [, entries] = /RUN deno cache --frozen ([^&]+) &&/.exec(instructions.join("\n")) ?? [];
  assert(entries !== undefined, "no instruction fills the cache");
  const env = { DENO_DIR: `${folder}/cache`, DENO_NO_UPDATE_CHECK: "1" };
  await requireCommand(Deno.execPath(), ["cache", "--frozen", ...entries.trim().split(" ")], {
    cwd: `${folder}/simplemq`,
    env,
  });
  await Deno.copyFile(Deno.execPath(), `${folder}/deno`);
  await Deno.chmod(`${folder}/deno`, 0o755);
  await requireCommand("install", [
    "-d",
    "-o",
    `${USER}`,
    "-g",
    `${USER}`,
    "-m",
    "0700",
    `${folder}/data`,
  ]);
  return `${copies.length} copies`;
}

/** The words of an instruction in JSON, with the paths that the folder has. */
function readWords(name: string, folder: string): string[] {
  const line = readInstructions().find((line) => line.startsWith(name))!;
  const words = JSON.parse(line.slice(line.indexOf("["))) as string[];
  return words.map((word) => {
    if (word === "deno") return `${folder}/deno`;
    return word.startsWith("/simplemq/") ? folder + word : word;
  });
}

/** Starts the broker, lets the health check look at it, and stops it. */
async function run(folder: string): Promise<void> {
  const entry = readWords("ENTRYPOINT", folder).map(quote).join(" ");
  const command = readWords("CMD", folder).map(quote).join(" ");
  const health = readWords("HEALTHCHECK", folder).map(quote).join(" ");
  const own =
    `setpriv --reuid ${USER} --regid ${USER} --clear-groups --no-new-privs --bounding-set=-all`;
  const env = [
    `DENO_DIR=${folder}/cache`,
    "DENO_NO_UPDATE_CHECK=1",
    "NO_COLOR=1",
    `SIMPLEMQ_STORAGE_DIRECTORY=${folder}/data`,
    "SIMPLEMQ_STORAGE_MEMORY_LIMIT=64MiB",
  ].join(" ");
  // Everything is read-only but the data; the loopback device is the only one.
  const inner = [
    "mount --make-rprivate / && mount -t proc proc /proc",
    `mount --bind ${folder}/data ${folder}/data && mount -o remount,bind,ro /`,
    `ip link set lo up && cd ${folder}/data`,
    `exec env -i PATH=/usr/bin:/bin ${env} ${own} ${entry} ${command}`,
  ].join(" && ");
  await using broker = new Contained(inner);
  const log = await broker.untilListening();
  assert(!log.includes("error"), log);
  const inside = (words: string) => [
    "--target",
    `${broker.pid}`,
    "--all",
    "sh",
    "-c",
    `cd ${folder}/data && env -i PATH=/usr/bin:/bin ${env} ${own} ${words}`,
  ];
  const { text } = await runCommand("nsenter", [
    ...inside("").slice(0, 4),
    "-c",
    `touch ${folder}/x`,
  ]);
  assert(text.includes("Read-only"), text);
  await requireCommand("nsenter", inside(health));
  const made = await requireCommand("nsenter", inside(`${entry} stream add parcels`));
  assert(made.includes("parcels"), made);
  assertEquals(await broker.stop(), 0);
}

function quote(word: string): string {
  return `'${word}'`;
}

/** A process that is the first one of namespaces of its own. */
class Contained implements AsyncDisposable {
  readonly #outer: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  pid = 0;

  constructor(script: string) {
    this.#outer = new Deno.Command("unshare", {
      args: ["--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", script],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#lines = this.#outer.stderr.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  }

  /** Waits until the broker listens; returns its log. */
  async untilListening(): Promise<string> {
    let log = "";
    while (!log.includes(" is listening")) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`it ended:\n${log}`);
      log += value;
    }
    const children = `/proc/${this.#outer.pid}/task/${this.#outer.pid}/children`;
    this.pid = Number(Deno.readTextFileSync(children).trim());
    return log;
  }

  /** Asks the broker to stop; returns its exit code. */
  async stop(): Promise<number> {
    Deno.kill(this.pid, "SIGTERM");
    const ended = this.#outer.status;
    for (;;) if ((await this.#lines.next()).done) break;
    return (await ended).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // With it all processes of its namespace end; the change of the user has freed it from the outer one.
      if (this.pid > 0) Deno.kill(this.pid, "SIGKILL");
      this.#outer.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    for (;;) if ((await this.#lines.next()).done) break;
    await this.#outer.status;
  }
}
