/**
 * Measures what each feature costs where it is used: runs the benches of this folder, one after the other.
 *
 * ```text
 * deno task bench:features [--only handle,lanes] [--quick]
 * ```
 *
 * @module
 */

import { Arguments } from "../harness/frame/arguments.ts";
import { runMain } from "../harness/frame/main.ts";

/** The benches, by the names of their files. */
async function listBenches(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(new URL(".", import.meta.url))) {
    if (name.endsWith(".ts") && name !== "main.ts") names.push(name.slice(0, -".ts".length));
  }
  return names.sort();
}

if (import.meta.main) {
  await runMain(async () => {
    const args = new Arguments(Deno.args, ["only"], ["quick"]);
    for (const name of args.readSome("only", await listBenches(), (one) => one)) {
      const { href } = new URL(`${name}.ts`, import.meta.url);
      const scale = args.has("quick") ? ["--quick"] : [];
      const { success } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", href, ...scale],
        stdin: "null",
      }).spawn().status;
      if (!success) throw new Error(`The bench of ${name} has failed`);
    }
  });
}
