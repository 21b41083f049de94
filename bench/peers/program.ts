import { delimiter, join } from "node:path";

/** Directories of servers that are not in the path of every user. */
const SERVER_DIRECTORIES = ["/usr/sbin", "/usr/local/sbin"];

/** Adds directories of servers to the path. */
export function extendPath(): void {
  const path = Deno.env.get("PATH") ?? "";
  const directories = path.split(delimiter).filter((directory) => directory !== "");
  const missing = SERVER_DIRECTORIES.filter((directory) => !directories.includes(directory));
  Deno.env.set("PATH", [...directories, ...missing].join(delimiter));
}

/** Whether there is a program in the path. */
export async function hasProgram(program: string): Promise<boolean> {
  for (const directory of (Deno.env.get("PATH") ?? "").split(delimiter)) {
    try {
      if ((await Deno.stat(join(directory, program))).isFile) return true;
    } catch {
      // It is not there, or nobody may look.
    }
  }
  return false;
}
