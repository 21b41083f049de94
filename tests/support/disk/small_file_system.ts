/**
 * A file system of a few KiB in memory, where this machine lets one be mounted.
 *
 * @module
 */

/** Runs a command; returns whether it has succeeded. */
function run(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** Whether file systems can be mounted here: on Linux, and by root. */
export const canMount: boolean = findOut();

function findOut(): boolean {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const path = Deno.makeTempDirSync({ prefix: "simplemq-mount-" });
  try {
    return run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path) && run("umount", path);
  } finally {
    Deno.removeSync(path);
  }
}

/** A mounted file system that goes when the test is over. */
export class SmallFileSystem implements Disposable {
  /** Where it is. */
  readonly path: string;

  /**
   * Mounts one.
   *
   * @param options What `mount` understands of `tmpfs`, such as `size=64k` or `nr_inodes=5`.
   */
  constructor(options: string) {
    this.path = Deno.makeTempDirSync({ prefix: "simplemq-mount-" });
    if (!run("mount", "-t", "tmpfs", "-o", options, "tmpfs", this.path)) {
      throw new Error(`cannot mount a file system at ${this.path}`);
    }
  }

  /** Mounts it anew with other options; what is in it stays. */
  remount(options: string): void {
    if (!run("mount", "-o", `remount,${options}`, this.path)) {
      throw new Error(`cannot mount ${this.path} with ${options}`);
    }
  }

  [Symbol.dispose](): void {
    run("umount", "--lazy", this.path);
    Deno.removeSync(this.path);
  }
}
