/**
 * Programs of Debian, unpacked into a folder of their own: nothing is installed.
 *
 * @module
 */

/** What went wrong, in a sentence. */
class Unavailable extends Error {}

/**
 * Fetches a package and unpacks it.
 *
 * @param name The name of the package.
 * @param folder Where to.
 * @returns Why it cannot be had; undefined if all went well.
 */
export async function fetchPackage(name: string, folder: string): Promise<string | undefined> {
  try {
    try {
      await run(["apt-get", "-qq", "download", name], folder);
    } catch {
      // This machine has no lists of packages, or old ones.
      await run(["sh", "-c", WITH_OWN_LISTS, name], folder);
    }
    await run(["sh", "-c", 'dpkg -x "$0"_*.deb .', name], folder);
    return undefined;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return `there is no package ${name} of Debian here: ${error.message}`;
  }
}

const WITH_OWN_LISTS = `set -eu
mkdir -p lists/partial cache/archives/partial
options="-qq -o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/cache -o APT::Sandbox::User=root"
apt-get $options update
apt-get $options download "$0"`;

async function run([program = "", ...args]: readonly string[], cwd: string): Promise<void> {
  const command = new Deno.Command(program, { args, cwd, stdout: "piped", stderr: "piped" });
  let output: Deno.CommandOutput;
  try {
    output = await command.output();
  } catch (cause) {
    throw new Unavailable(`${program} cannot be run`, { cause });
  }
  if (output.success) return;
  const text = new TextDecoder().decode(output.stderr).trim();
  throw new Unavailable(text.split("\n").at(-1) ?? `${program} failed`);
}
