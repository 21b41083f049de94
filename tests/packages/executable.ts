import { assert } from "@std/assert";
import { type CheckList, readText, requireCommand, ROOT } from "./check_list.ts";

/** Checks that the executable is made, as far as that is possible without the runtime for executables. */
export async function checkExecutable(list: CheckList): Promise<void> {
  await list.check("the executable is made, with everything that is loaded later", async () => {
    const folder = await Deno.makeTempDir();
    try {
      // The runtime is downloaded as a rule. Deno itself stands in for it: the result is complete, and yet
      // not the program.
      const env = { DENORT_BIN: Deno.env.get("DENORT_BIN") ?? Deno.execPath(), NO_COLOR: "1" };
      const path = `${folder}/simplemq`;
      const { tasks } = JSON.parse(readText("deno.json")) as {
        tasks: { compile: { command: string } };
      };
      const words = tasks.compile.command.split(" ").slice(1);
      words[words.indexOf("--output") + 1] = path;
      await requireCommand(Deno.execPath(), words, { cwd: ROOT, env });
      const { size } = await Deno.stat(path);
      assert(size > 50_000_000, `${size} bytes`);
      // Commands, the engine and the page are imported only when they are used.
      for (const module of ["program.ts", "redrive.ts", "http_port.ts", "page_assets.ts"]) {
        await requireCommand("grep", ["-q", "-a", "-F", "--", module, path]);
      }
      return `${Math.round(size / 1e6)} MB`;
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
