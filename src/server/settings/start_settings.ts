import type { Settings } from "./settings.ts";
import type { UsersLocation } from "./users_location.ts";

/** Names a setting, by its name in a program, with where its value is from: `setting "host" from --host`. */
export type DescribeSetting = (path: string) => string;

/** The settings to start a broker with, and the names of settings for messages about them. */
export interface StartSettings {
  readonly settings: Settings;
  readonly users: UsersLocation;
  readonly describe: DescribeSetting;
}

/** The settings that a program gives; a file of users that it names must be there. */
export function startFromProgram(settings: Settings): StartSettings {
  return {
    settings,
    users: { path: settings.users, isDefault: false },
    describe: (path) => `setting ${JSON.stringify(path)}`,
  };
}
