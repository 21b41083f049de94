import { requireRow } from "./setting_table.ts";
import type { Settings } from "./settings.ts";
import type { UsersLocation } from "./users_location.ts";

/** Names a setting, by its name in a program, with where its value is from: `setting "host" from --host`. */
export type DescribeSetting = (path: string) => string;

/** Whether somebody has chosen the value of a setting, by its name in a program. */
export type IsChosen = (path: string) => boolean;

/** The settings to start a broker with, and the names of settings for messages about them. */
export interface StartSettings {
  readonly settings: Settings;
  readonly users: UsersLocation;
  readonly describe: DescribeSetting;
  readonly isChosen: IsChosen;
}

/** The settings that a program gives; a file of users that it names must be there. */
export function startFromProgram(settings: Settings): StartSettings {
  return {
    settings,
    users: { path: settings.users, isDefault: false },
    describe: (path) => `setting ${JSON.stringify(path)}`,
    isChosen: (path) => {
      const { group, field, setting } = requireRow(path);
      const fields: object = group === undefined ? settings : settings[group as "http"];
      return fields[field as keyof object] !== setting.initial;
    },
  };
}
