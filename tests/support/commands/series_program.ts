/**
 * A program that runs several command lines, one after the other, until one fails: its argument is a list of them, as
 * JSON. It ends with the code of the last one.
 *
 * @module
 */

import { runCommandLine } from "../../../src/server/commands/command_line.ts";

const loadProgram = () => import("../../../src/program/program.ts");
for (const args of JSON.parse(Deno.args[0]!) as string[][]) {
  const code = await runCommandLine({ args, version: "0.0.0", loadProgram });
  if (code !== 0) Deno.exit(code);
}
Deno.exit(0);
