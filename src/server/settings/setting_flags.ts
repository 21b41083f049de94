import { SETTING_ROWS } from "./setting_table.ts";
import { FILE_VARIABLE } from "./variables.ts";

/** A flag of a setting. */
export interface SettingFlag {
  /** Its name, without `--`. */
  readonly name: string;
  /** What its value is, such as `<file>`. */
  readonly value?: string;
  /** What it is for, what is allowed, and its default: lines without the last period. */
  readonly about: string;
}

/** The flags of all settings of the broker. */
export function listSettingFlags(): SettingFlag[] {
  const rows = SETTING_ROWS.map(({ flag, setting }) => ({
    name: flag,
    ...setting.placeholder !== "" && { value: setting.placeholder },
    about: `${setting.about}.\n` +
      `Allowed: ${setting.allowed}. Default: ${setting.show(setting.initial)}`,
  }));
  return [
    {
      name: "settings",
      value: "<file>",
      about: `The file with the settings.\nEnvironment: ${FILE_VARIABLE}. Default: ./settings.yaml`,
    },
    ...rows,
  ];
}
