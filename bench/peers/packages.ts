/** The packages of npm that clients are made of, and their versions. */

interface Configuration {
  readonly imports: Readonly<Record<string, string>>;
}

interface Lock {
  readonly specifiers: Readonly<Record<string, string>>;
}

/**
 * Reads the version of a package that is loaded: the one that the lock names.
 *
 * @throws {Error} If the lock does not name it.
 */
export async function readPackageVersion(name: string): Promise<string> {
  const { imports }: Configuration = await readJson("deno.json");
  const { specifiers }: Lock = await readJson("deno.lock");
  // A lock may leave the caret out, and names what else a package was resolved with.
  const specifier = imports[name] ?? "";
  const locked = specifiers[specifier] ?? specifiers[specifier.replace("@^", "@")];
  if (locked === undefined) throw new Error(`The lock has no version of ${name}`);
  return locked.split("_")[0]!;
}

/** Lists the packages of npm that may be loaded. */
export async function listPackages(): Promise<string[]> {
  const { imports }: Configuration = await readJson("deno.json");
  return Object.keys(imports).filter((name) => imports[name]!.startsWith("npm:"));
}

async function readJson<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL(name, import.meta.url)));
}
