/**
 * Which modules a command loads: nobody waits for what he does not need.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../../../", import.meta.url);

/** The modules that have run when a command line has ended, by their paths from the root. */
function listLoaded(code: number, ...args: string[]): Promise<string[]> {
  return listLoadedBy(code, "cli.ts", ...args);
}

/** The same of a program. */
async function listLoadedBy(code: number, program: string, ...args: string[]): Promise<string[]> {
  const directory = await Deno.makeTempDir();
  try {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-lock", "--config=deno.json", program, ...args],
      cwd: ROOT,
      env: { DENO_COVERAGE_DIR: directory, SIMPLEMQ_SERVER: "localhost:1" },
      stdout: "null",
      stderr: "null",
    });
    assertEquals((await process.output()).code, code);
    const names = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name);
    const urls = await Promise.all(
      names.map(async (name): Promise<string> =>
        JSON.parse(await Deno.readTextFile(`${directory}/${name}`)).url
      ),
    );
    return urls.map((url) => url.startsWith(ROOT.href) ? url.slice(ROOT.href.length) : url).sort();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("--version loads three modules", async () => {
  assertEquals(await listLoaded(0, "--version"), [
    "cli.ts",
    "src/server/commands/command_line.ts",
    "src/server/commands/terminal.ts",
  ]);
});

Deno.test("help loads the tables of commands, and no command", async () => {
  const loaded = await listLoaded(0, "help");
  const tables = loaded.filter((path) => path.endsWith("/table.ts"));
  assert(tables.length >= 7, String(tables));
  const others = loaded.filter((path) => /^src\/server\/commands\/\w+\/(?!table\.ts)/.test(path));
  assertEquals(others, []);
  assertEquals(
    loaded.filter((path) => /^src\/(client|engine|broker|program|transport)\//.test(path)),
    [],
  );
});

Deno.test("a command that asks a broker loads the client, and no broker", async () => {
  const loaded = await listLoaded(5, "stream", "ls");
  assert(loaded.includes("client.ts"));
  assertEquals(
    loaded.filter((path) =>
      /^src\/(engine|broker|program)\/|croner|re2js|yaml|minimist/.test(path)
    ),
    [],
  );
});

Deno.test("a broker loads the library of cron with the first schedule that needs it", async () => {
  const program = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const server = new URL("server.ts", ROOT).href;
    await Deno.writeTextFile(
      program,
      `import { serve } from "${server}";
      await using broker = await serve({ port: 0, storage: { engine: "memory" } });
      await using connection = await broker.connect();
      const cursor = connection.cursor();
      await cursor.createStream("work");
      for (const timing of JSON.parse(Deno.args[0])) {
        await cursor.putSchedule("s", { stream: "work", body: 1, ...timing });
      }`,
    );
    const hasCroner = async (...timings: object[]) => {
      const loaded = await listLoadedBy(0, program, JSON.stringify(timings));
      assert(loaded.includes("src/broker/schedules/schedules.ts"));
      return loaded.some((path) => path.includes("croner"));
    };
    assertEquals(await hasCroner({ everyMs: 1000 }), false);
    assertEquals(await hasCroner({ everyMs: 1000 }, { cron: "0 3 * * *" }), true);
  } finally {
    await Deno.remove(program);
  }
});
