/**
 * The Chromium of this machine.
 *
 * @module
 */

/** Where systems have it. */
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * Finds a Chromium, or installs the one of Debian.
 *
 * @returns Its path.
 */
export async function requireChromium(): Promise<string> {
  const told = Deno.env.get("CHROMIUM");
  if (told) return told;
  const found = findProgram(NAMES);
  if (found !== undefined) return found;
  if (findProgram(["apt-get"]) === undefined || Deno.uid() !== 0) {
    throw new Error(
      'Cannot start "chromium": it is not installed, and only root can install it here. Install the ' +
        "package chromium, or name a browser in CHROMIUM",
    );
  }
  await run(["apt-get", "-qq", "update"]);
  await run(["apt-get", "-qq", "-y", "--no-install-recommends", "install", "chromium"]);
  const installed = findProgram(NAMES);
  if (installed === undefined) throw new Error('Cannot find "chromium" after it was installed');
  return installed;
}

function findProgram(names: readonly string[]): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  return names.flatMap((name) => folders.map((folder) => `${folder}/${name}`)).find(isFile);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

async function run([program = "", ...args]: readonly string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const { success, stderr } = await new Deno.Command(program, { args, env }).output();
  if (success) return;
  throw new Error(`Cannot run "${program} ${args.join(" ")}": ${new TextDecoder().decode(stderr)}`);
}
