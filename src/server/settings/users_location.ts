import { dirname, join } from "node:path";
import { readSettingsFile, type SettingsSources } from "./load_settings.ts";
import { requireRow } from "./setting_table.ts";
import type { Settings } from "./settings.ts";
import { SettingsDraft } from "./settings_draft.ts";
import { isFromKubernetes } from "./variables.ts";

/** Where the users are. */
export interface UsersLocation {
  /** The file, empty if the settings say that there is none. */
  readonly path: string;
  /** Whether it may be missing: then there are no users. */
  readonly isDefault: boolean;
}

/**
 * Finds the file of users. The default one is beside the settings; any other one is named as seen from
 * the working directory, as all files in the settings are.
 *
 * @param settings The settings of a program.
 * @param file The file that they come from, if there was one.
 */
export function placeUsers(
  { users }: Pick<Settings, "users">,
  file: string | undefined,
): UsersLocation {
  const isDefault = users === requireRow("users").setting.initial;
  const isBeside = isDefault && file !== undefined && dirname(file) !== ".";
  return { path: isBeside ? join(dirname(file), users) : users, isDefault };
}

/**
 * Finds the file of users as the broker does, from the settings file and the environment. Mistakes in
 * other settings do not matter: there may be no users yet because the settings are not finished.
 */
export async function locateUsers(
  sources: Omit<SettingsSources, "args">,
  named: string | undefined,
): Promise<UsersLocation> {
  const draft = new SettingsDraft("key");
  const file = await readSettingsFile(draft, sources, named, ["users"]);
  const row = requireRow("users");
  const variable = sources.env(row.variable);
  if (variable && !isFromKubernetes(variable)) {
    draft.takeText(row, variable, ` from ${row.variable}`);
  }
  return placeUsers(draft.finish(), file);
}
