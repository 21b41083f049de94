import { join } from "node:path";
import { ServerProcess } from "./server_process.ts";

/** Where a server finds its own directory, whatever it is called outside. */
export const INSIDE = "/bench";

/** Directories of programs within the root. */
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Becomes the program, in a root of its own: with the system's devices and processes, and one directory
 * of ours. The mounts are seen by nobody else, and are gone with the program.
 */
const ENTER = `
set -e
root=$1 directory=$2 user=$3
shift 3
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount --bind "$directory" "$root${INSIDE}"
exec chroot --userspec="$user" "$root" "$@"
`;

/** Files that the scripts of the packages would have written, had they been installed. */
const FILES: Readonly<Record<string, string>> = {
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nbench:x:65534:65534:bench:/bench:/bin/sh\n",
  "etc/group": "root:x:0:\nbench:x:65534:\n",
  "etc/hosts": "127.0.0.1 localhost\n",
};

/** Links that the scripts of the packages would have made. */
const LINKS: Readonly<Record<string, string>> = { "usr/bin/awk": "gawk" };

/** A user without rights, for servers that do not run as root. */
export const NOBODY = 65_534;

/** A program within the root. */
export interface Program {
  readonly program: string;
  readonly args: readonly string[];
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The directory that it finds at {@linkcode INSIDE}. */
  readonly directory: string;
  /** The number of the user and the group that it runs as; root if not set. */
  readonly user?: number;
}

/** A server within the root. */
export interface ServerProgram extends Program {
  /** The port that it will listen at. */
  readonly port: number;
  /** What tells it to stop; `SIGTERM` if not set. */
  readonly stopSignal?: Deno.Signal;
}

/** Runs programs in a directory that has a system of its own, with newer libraries than this one. */
export class Chroot {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** Adds to unpacked packages what they need to run. */
  static async open(root: string): Promise<Chroot> {
    await Deno.mkdir(join(root, INSIDE), { recursive: true });
    for (const [path, text] of Object.entries(FILES)) {
      await Deno.writeTextFile(join(root, path), text);
    }
    for (const [path, target] of Object.entries(LINKS)) {
      await Deno.remove(join(root, path)).catch(() => {});
      await Deno.symlink(target, join(root, path));
    }
    return new Chroot(root);
  }

  /** Whether this process may run programs there: only root may, and only on Linux. */
  static get isAllowed(): boolean {
    return Deno.build.os === "linux" && Deno.uid() === 0;
  }

  /** A path within the root, as it is called outside. */
  resolve(path: string): string {
    return join(this.#root, path);
  }

  /** Starts a server; resolves when it takes connections. */
  async start({ port, stopSignal, ...program }: ServerProgram): Promise<ServerProcess> {
    const { directory } = program;
    return await ServerProcess.start({
      ...this.#enter(program),
      port,
      directory,
      ...(stopSignal !== undefined && { stopSignal }),
    });
  }

  /**
   * Runs a program to its end; returns what it says.
   *
   * @throws {Error} If it fails.
   */
  async run(program: Program): Promise<string> {
    const { program: enter, args, env } = this.#enter(program);
    const command = new Deno.Command(enter, { args: [...args], env, stdin: "null" });
    const { success, stdout, stderr } = await command.output();
    const said = new TextDecoder().decode(stdout);
    if (success) return said;
    throw new Error(`${program.program} has failed: ${said}${new TextDecoder().decode(stderr)}`);
  }

  /** Asks a program for its version: the first thing it says that looks like one. */
  async readVersion(program: string, args: readonly string[]): Promise<string> {
    const said = await this.run({ program, args, directory: this.#root });
    const version = /\d+(?:\.\d+)+/.exec(said)?.[0];
    if (version === undefined) throw new Error(`${program} does not tell its version: ${said}`);
    return version;
  }

  #enter({ program, args, env = {}, directory, user = 0 }: Program) {
    const enter = ["--mount", "--propagation", "private", "/bin/sh", "-c", ENTER, "sh"];
    return {
      program: "unshare",
      args: [...enter, this.#root, directory, `${user}:${user}`, program, ...args],
      env: { PATH, HOME: INSIDE, LANG: "C.UTF-8", LC_ALL: "C.UTF-8", ...env },
    };
  }
}
