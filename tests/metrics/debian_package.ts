/**
 * Programs of Debian, unpacked into a folder of their own: nothing is installed.
 *
 * @module
 */

/** A command that failed. */
class CommandFailure extends Error {}

/**
 * Fetches a package and unpacks it; throws if that fails although the servers of Debian answer.
 *
 * @param name The name of the package.
 * @param folder Where to.
 * @returns Why it cannot be had here: a machine without `apt-get`, or without a way to the servers.
 * Undefined if all went well.
 */
export async function fetchPackage(name: string, folder: string): Promise<string | undefined> {
  try {
    await run(["apt-get", "-qq", "download", name], folder);
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    // This machine has no lists of packages, or old ones.
    try {
      await run(["sh", "-c", `${WITH_OWN_LISTS} update`], folder);
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      return `the servers of Debian cannot be reached for the package ${name}: ${error.message}`;
    }
    await run(["sh", "-c", `${WITH_OWN_LISTS} download "$0"`, name], folder);
  }
  await run(["sh", "-c", 'dpkg -x "$0"_*.deb .', name], folder);
  return undefined;
}

/** With lists below the working folder; an update fails if one of them cannot be fetched. */
const WITH_OWN_LISTS = `set -eu
mkdir -p lists/partial cache/archives/partial
apt-get -qq -o Dir::State::lists="$PWD/lists" -o Dir::Cache="$PWD/cache" \\
  -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any`;

async function run([program = "", ...args]: readonly string[], cwd: string): Promise<void> {
  const command = new Deno.Command(program, { args, cwd, stdout: "piped", stderr: "piped" });
  let output: Deno.CommandOutput;
  try {
    output = await command.output();
  } catch (cause) {
    throw new CommandFailure(`${program} cannot be run`, { cause });
  }
  if (output.success) return;
  const text = new TextDecoder().decode(output.stderr).trim();
  throw new CommandFailure(text.split("\n").at(-1) || `${program} failed`);
}
