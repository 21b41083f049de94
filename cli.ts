/**
 * The command line, `simplemq`: runs the broker, or a command such as `simplemq stream ls`. It loads only
 * what the command needs; `deno run -A server.ts` does the same, and loads the broker first.
 *
 * ```sh
 * deno run -A jsr:@simplemq/simplemq/cli help
 * ```
 *
 * @module
 */

import manifest from "./deno.json" with { type: "json" };
import { runCommandLine } from "./src/server/commands/command_line.ts";

if (import.meta.main) {
  const { version } = manifest;
  const loadProgram = () => import("./src/program/program.ts");
  Deno.exit(await runCommandLine({ args: Deno.args, version, loadProgram }));
}
