import { assert, assertEquals } from "@std/assert";

/** The specifiers of everything that importing a module loads. */
async function listModules(entry: string): Promise<string[]> {
  const command = new Deno.Command(Deno.execPath(), { args: ["info", "--json", entry] });
  const { stdout, success } = await command.output();
  assert(success);
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  return modules.map(({ specifier }: { specifier: string }) => specifier);
}

Deno.test("importing the client loads neither the broker nor an npm package", async () => {
  for (const entry of ["mod.ts", "client.ts", "protocol.ts"]) {
    const modules = await listModules(entry);
    assert(modules.length > 5, "the list is the real one");
    const unwanted = modules.filter((module) =>
      module.startsWith("npm:") || /\/src\/(server|broker|engine)\/|\/server\.ts$/.test(module)
    );
    assertEquals(unwanted, [], entry);
  }
});
