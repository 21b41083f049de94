/**
 * Where the program `nats-server` is: named in the environment, in the path, or fetched from Debian.
 *
 * @module
 */

import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";

/** Names a program, in place of one that is looked for. */
export const NATS_VARIABLE = "SIMPLEMQ_NATS_SERVER";

/** The suite of Debian whose version is new enough for a cluster. */
const SUITE = "forky";

/** Servers are not in the path of every user. */
const SERVER_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin"];

const FETCH = fileURLToPath(new URL("fetch.sh", import.meta.url));
const FETCHED = fileURLToPath(new URL("../../../dist/nats-server/", import.meta.url));

/** What `fetch.sh` ends with where there is no way to a package. */
const UNREACHABLE = 3;

/** A program, or why there is none. */
export type FoundProgram =
  | { readonly program: string; readonly missing?: undefined }
  | { readonly program?: undefined; readonly missing: string };

/**
 * Finds a `nats-server` that a cluster accepts; fetches it from Debian if there is none, which takes some
 * seconds, once. Throws if it cannot be fetched although Debian's servers answer.
 */
export async function findNatsServer(): Promise<FoundProgram> {
  const named = Deno.env.get(NATS_VARIABLE);
  if (named) return { program: named };
  const directories = (Deno.env.get("PATH") ?? "").split(delimiter);
  for (const directory of [...directories, ...SERVER_DIRECTORIES]) {
    const program = `${directory}/nats-server`;
    if (directory !== "" && await isNewEnough(program)) return { program };
  }
  return await fetchNatsServer(SUITE);
}

/**
 * Fetches the `nats-server` of a suite of Debian.
 *
 * @param suite Its name; `own` for the suite of this machine, whose version may be too old for a cluster.
 */
export async function fetchNatsServer(suite: string): Promise<FoundProgram> {
  const program = `${FETCHED}${suite}/usr/sbin/nats-server`;
  if (await readVersion(program) !== undefined) return { program };
  const { code, stderr } = await new Deno.Command("bash", {
    args: [FETCH, suite, `${FETCHED}${suite}`],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (code === 0) return { program };
  const text = new TextDecoder().decode(stderr).trim();
  const last = text.split("\n").at(-1) ?? "";
  if (code === UNREACHABLE) return { missing: `there is no nats-server here, and ${last}` };
  throw new Error(`Cannot fetch nats-server from Debian's ${suite}: ${text}`);
}

async function isNewEnough(program: string): Promise<boolean> {
  const [, major, minor] = /v(\d+)\.(\d+)/.exec(await readVersion(program) ?? "") ?? [];
  return Number(major) > 2 || Number(major) === 2 && Number(minor) >= 14;
}

async function readVersion(program: string): Promise<string | undefined> {
  try {
    const { stdout, success } = await new Deno.Command(program, { args: ["--version"] }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}
