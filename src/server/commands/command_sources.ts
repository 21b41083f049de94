import type { SettingsSources } from "../settings/load_settings.ts";

/** The settings file that is read when none is named. */
const DEFAULT_FILE = "settings.yaml";

/** Where a process finds the settings of the broker, and its environment. */
export async function findSources(): Promise<Omit<SettingsSources, "args">> {
  return {
    env: (name) => Deno.env.get(name),
    variables: await listVariables(),
    readTextFile: (path) => Deno.readTextFile(path),
    defaultFile: DEFAULT_FILE,
  };
}

/** The names of the environment's variables, if they may be listed without asking for permission. */
async function listVariables(): Promise<string[]> {
  const { state } = await Deno.permissions.query({ name: "env" });
  return state === "granted" ? Object.keys(Deno.env.toObject()) : [];
}
