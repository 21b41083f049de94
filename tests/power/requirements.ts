/**
 * What this machine must have, and let one do, to cut a disk off.
 *
 * @module
 */

import type { FileSystem } from "./loop_disk.ts";

/** Programs, and in which package of Debian they are. */
const PROGRAMS: readonly (readonly [program: string, container: string])[] = [
  ["losetup", "mount"],
  ["mount", "mount"],
  ["umount", "mount"],
  ["mkfs.ext4", "e2fsprogs"],
  ["mkfs.xfs", "xfsprogs"],
  ["xfs_io", "xfsprogs"],
];

/** The number of CAP_SYS_ADMIN: the right to mount. */
const RIGHT_TO_MOUNT = 21n;

/** Tells what is missing, a line for each; nothing if everything is there. */
export async function findMissing(fileSystems: readonly FileSystem[]): Promise<string[]> {
  if (Deno.build.os !== "linux") return [`this system is ${Deno.build.os}, and only Linux will do`];
  const missing: string[] = [];
  if (Deno.uid() !== 0) missing.push("the rights of root");
  else if (!await mayMount()) missing.push("the right to mount (CAP_SYS_ADMIN)");
  for (const [program, container] of PROGRAMS) {
    const isFound = await isProgram(program);
    if (!isFound) missing.push(`the program ${program}: apt-get install ${container}`);
  }
  if (!await exists("/dev/loop-control")) missing.push("loop devices (/dev/loop-control)");
  const known = await Deno.readTextFile("/proc/filesystems");
  for (const name of fileSystems) {
    const isKnown = known.split(/\s+/).includes(name) || await isModule(name);
    if (!isKnown) missing.push(`a kernel that knows ${name}`);
  }
  return missing;
}

async function mayMount(): Promise<boolean> {
  const status = await Deno.readTextFile("/proc/self/status");
  const [, rights = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return (BigInt(`0x${rights}`) >> RIGHT_TO_MOUNT & 1n) === 1n;
}

async function isProgram(name: string): Promise<boolean> {
  for (const directory of (Deno.env.get("PATH") ?? "").split(":")) {
    if (await exists(`${directory}/${name}`)) return true;
  }
  return false;
}

/** Whether the kernel can learn a file system. */
async function isModule(name: string): Promise<boolean> {
  try {
    return (await new Deno.Command("modprobe", { args: [name] }).output()).success;
  } catch {
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
