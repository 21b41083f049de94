import { join } from "node:path";
import { tell } from "../../harness/print.ts";

/** Where apt names the mirrors of this system. */
const SOURCES = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];

/** The keys of Debian's archive: what is not signed with one of them is refused. */
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** What a shell script of a package may need beside what the package says. */
const BASE = ["base-files", "coreutils", "dash", "findutils", "gawk", "grep", "sed", "tar"];

/** Packages of one suite of Debian, unpacked into a directory of their own and installed nowhere. */
export class DebianPackages {
  /** The directory that is the root of their files. */
  readonly root: string;
  readonly #folder: string;
  readonly #suite: string;

  /**
   * @param folder Where everything goes: lists, packages and files; what is there is not fetched again.
   * @param suite The name of Debian's suite: `forky`.
   */
  constructor(folder: string, suite: string) {
    this.#folder = join(folder, suite);
    this.#suite = suite;
    this.root = join(this.#folder, "root");
  }

  /**
   * Brings packages and all that they depend on, from the mirror that this system's apt is set up with.
   *
   * @param sources The files in which apt names its mirrors, if they are elsewhere.
   * @throws {Error} If this system has no apt or no mirror of Debian, or the suite has no such package.
   */
  async bring(
    packages: readonly string[],
    { sources = SOURCES }: { readonly sources?: readonly string[] } = {},
  ): Promise<void> {
    const missing = packages.filter((name) => !exists(this.#stampOf(name)));
    if (missing.length === 0) return;
    tell(`fetching ${missing.join(", ")} from Debian's suite ${this.#suite}`);
    const apt = await this.#setUpApt(await readMirror(sources));
    await run("apt-get", [...apt, "update"]);
    const wanted = [...new Set([...BASE, ...packages])];
    const install = ["--download-only", "--no-install-recommends", "--assume-yes", "install"];
    await run("apt-get", [...apt, ...install, ...wanted]);
    await this.#unpack();
    for (const name of packages) await Deno.writeTextFile(this.#stampOf(name), "");
  }

  #stampOf(name: string): string {
    return join(this.#folder, `${name}.is-here`);
  }

  /** Makes directories for apt that have nothing to do with those of the system; returns its options. */
  async #setUpApt(mirror: string): Promise<readonly string[]> {
    const state = join(this.#folder, "apt");
    const cache = join(state, "cache");
    await Deno.mkdir(join(state, "lists", "partial"), { recursive: true });
    await Deno.mkdir(join(cache, "archives", "partial"), { recursive: true });
    const line = `deb [signed-by=${KEYRING}] ${mirror} ${this.#suite} main\n`;
    await Deno.writeTextFile(join(state, "sources.list"), line);
    // Nothing is installed, so that everything is brought that the packages depend on.
    await Deno.writeTextFile(join(state, "status"), "");
    const settings = {
      "Dir::Etc::SourceList": join(state, "sources.list"),
      "Dir::Etc::SourceParts": "/dev/null",
      "Dir::State": state,
      "Dir::State::Lists": join(state, "lists"),
      "Dir::State::status": join(state, "status"),
      "Dir::Cache": cache,
      "APT::Sandbox::User": "root",
      "APT::Keep-Downloaded-Packages": "true",
    };
    return [
      "-qq",
      ...Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]),
    ];
  }

  async #unpack(): Promise<void> {
    const archives = join(this.#folder, "apt", "cache", "archives");
    const files: string[] = [];
    for await (const { name } of Deno.readDir(archives)) {
      if (name.endsWith(".deb") && !exists(this.#stampOf(name))) files.push(name);
    }
    // It has the links from /bin to /usr/bin and the like, which the others need to be there.
    files.sort((one, other) =>
      Number(other.startsWith("base-files")) - Number(one.startsWith("base-files"))
    );
    await Deno.mkdir(this.root, { recursive: true });
    for (const name of files) {
      await run("dpkg", ["-x", join(archives, name), this.root]);
      await Deno.writeTextFile(this.#stampOf(name), "");
      await Deno.remove(join(archives, name));
    }
  }
}

/** The address of Debian's mirror, as apt of this system knows it. */
async function readMirror(sources: readonly string[]): Promise<string> {
  for (const path of sources) {
    const text = await Deno.readTextFile(path).catch(() => "");
    const found = /^URIs:\s*(\S+)/m.exec(text) ??
      /^deb\s+(?:\[[^\]]*\]\s+)?(https?:\S+)/m.exec(text);
    if (found !== null) return found[1]!;
  }
  throw new Error(`There is no mirror of Debian in ${sources.join(" or ")}`);
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const command = new Deno.Command(program, { args: [...args], env, stdin: "null" });
  const { success, stderr } = await command.output();
  if (!success) {
    throw new Error(`${program} has failed: ${new TextDecoder().decode(stderr).trim()}`);
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
